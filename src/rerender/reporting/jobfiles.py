"""The files that a job of any paper leaves in its folder (docs/files.md). Light: imports no numerics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class JobFiles:
    """The files of one finished job."""

    folder: Path

    @property
    def final(self) -> Path:
        """Tree of arrays: what was found, and what it is compared with."""
        return self.folder / "final.npz"

    @property
    def trace(self) -> Path:
        """Histories, one row a step."""
        return self.folder / "trace.parquet"

    @property
    def metrics(self) -> Path:
        """Metric rows."""
        return self.folder / "metrics.json"

    @property
    def manifest(self) -> Path:
        """What was made, from what, by which code."""
        return self.folder / "manifest.json"
