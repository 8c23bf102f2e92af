"""rerender: re-runs five differentiable-rendering papers and says which published numbers hold up."""

__version__ = "0.1.0"
