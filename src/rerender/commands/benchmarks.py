"""Snakemake's benchmark files: what a job took."""

from __future__ import annotations

import csv
from pathlib import Path


def read_benchmark(path: Path) -> tuple[float, float] | None:
    """Return CPU and wall seconds of one of Snakemake's benchmark files; None if it holds no numbers."""
    with open(path, encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            try:
                return float(row["cpu_time"]), float(row["s"])
            except (KeyError, TypeError, ValueError):
                return None
    return None
