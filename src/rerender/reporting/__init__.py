"""From metric rows to what a reader sees: tables, figures, videos and their captions.

Nothing heavy is imported here; each module imports polars, pandas or matplotlib inside its functions.
"""
