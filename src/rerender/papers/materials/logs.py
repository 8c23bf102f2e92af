"""The histories of all fits as TensorBoard shows them, on request: losses, rates and gradients by step, and the pictures at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rerender.core.files import Tree, load_tree
from rerender.papers.materials.figures import displayed
from rerender.reporting.event_files import Moment, write_events
from rerender.reporting.grids import png_bytes
from rerender.reporting.jobfiles import JobFiles

if TYPE_CHECKING:
    import polars as pl

SHOWN = ("render", "albedo", "roughness", "metallic", "normal")
_NO_SCALARS = ("iteration", "seed", "wall_s")


def write_logs(folders: Sequence[Path], out: Path) -> None:
    """Write an event file for every seed of the finished jobs in `folders`, {runs,fine}/{experiment}/{scene}/{envmap}/{method}.

    They stand in `out` / {experiment}/{scene}/{method}/s{seed}/{coarse,fine}, so that TensorBoard's filter finds what belongs together.
    """
    import polars as pl

    for folder in folders:
        stage, experiment, scene, _, method = folder.parts[-5:]
        files = JobFiles(folder)
        history, final = pl.read_parquet(files.trace), load_tree(files.final)
        for seed in history["seed"].unique().sort():
            run = out / experiment / scene / method / f"s{seed}" / ("coarse" if stage == "runs" else "fine")
            found = final["seeds"][str(seed)]["pictures"]
            write_events(run, moments(history.filter(pl.col("seed") == seed), found, final["target"]))


def moments(history: pl.DataFrame, found: Tree, target: Tree) -> Iterator[Moment]:
    """Yield the steps of one fit; with the last one, the first held-out view of what was found beside its target."""
    last = history.height - 1
    for number, row in enumerate(history.sort("iteration").iter_rows(named=True)):
        scalars = {
            name: float(value)
            for name, value in row.items()
            if name not in _NO_SCALARS and value is not None and not isinstance(value, str)
        }
        images = {kind: _beside(kind, found, target) for kind in SHOWN} if number == last else {}
        yield Moment(row["iteration"], row["wall_s"], scalars, images)


def _beside(kind: str, found: Tree, target: Tree) -> tuple[int, int, bytes]:
    """Return found | target as height, width and PNG."""
    pair = np.concatenate([displayed(kind, one[kind][0]) for one in (found, target)], axis=1)
    return pair.shape[0], pair.shape[1], png_bytes(pair)
