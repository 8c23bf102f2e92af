"""Provenance: which code, inputs and parameters made a file, and whether that still holds.

`fingerprint` and `stack` are light enough for the workflow's parse; `manifest` writes the record beside
a run; `verify` compares every record with the present.
"""
