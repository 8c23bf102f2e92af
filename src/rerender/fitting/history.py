"""What a fit leaves behind while it runs: columns of numbers, and numbered frames."""

from __future__ import annotations

import array
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rerender.core.errors import UserError
from rerender.core.files import atomic_path

if TYPE_CHECKING:
    import polars as pl


class Columns:
    """Rows of floats, kept as columns, which may appear later. An absent number or NaN reads null."""

    def __init__(self, tree: Mapping[str, npt.NDArray[np.float64]] | None = None) -> None:
        self._columns = {name: array.array("d", values.tobytes()) for name, values in (tree or {}).items()}
        self.rows = max((len(column) for column in self._columns.values()), default=0)

    def append(self, row: Mapping[str, float]) -> None:
        """Add one row."""
        for name in row:
            if name not in self._columns:
                self._columns[name] = array.array("d", [math.nan]) * self.rows
        for name, column in self._columns.items():
            column.append(float(row.get(name, math.nan)))
        self.rows += 1

    def last(self, name: str, default: float) -> float:
        """Return the last number of a column, or `default` if there is no row."""
        return self._columns[name][-1] if self.rows else default

    def to_tree(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return copies of the columns."""
        return {name: np.array(column, dtype=np.float64) for name, column in self._columns.items()}

    def frame(self) -> pl.DataFrame:
        """Return a polars table; it begins with `iteration`, an integer, and `wall_s` even without rows."""
        import polars as pl

        always = {name: np.full(self.rows, np.nan) for name in ("iteration", "wall_s")}
        data = {**always, **self.to_tree()}
        table = pl.DataFrame(data).with_columns(pl.col(pl.Float64).fill_nan(None))
        return table.with_columns(pl.col("iteration").cast(pl.Int64))


def merge(history: pl.DataFrame, observations: pl.DataFrame) -> pl.DataFrame:
    """Add to `history` the scalars observed at each iteration; a name taken already gets `_observed`."""
    return history.join(
        observations.drop("wall_s"),
        on="iteration",
        how="left",
        suffix="_observed",
        maintain_order="left",
    )


def frame_path(folder: Path, iteration: int) -> Path:
    """Return where the frame of `iteration` is kept."""
    return folder / f"{iteration:06d}.png"


def write_frame(folder: Path, iteration: int, frame: npt.NDArray[np.uint8]) -> None:
    """Write a frame, uint8 (H, W, 3) display sRGB or (H, W), as PNG, atomically."""
    from PIL import Image

    frame = np.asarray(frame)
    if frame.dtype != np.uint8 or not (frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] == 3)):
        raise ValueError(f"a frame must be uint8 (H, W, 3) or (H, W), not {frame.dtype} {frame.shape}")
    with atomic_path(frame_path(folder, iteration)) as partial:
        Image.fromarray(frame).save(partial, format="PNG", compress_level=1)


def drop_frames(folder: Path, start: int) -> None:
    """Delete frames from iteration `start` on, those of named pictures too: a killed attempt made them after its last checkpoint."""
    for path in folder.rglob("*.png"):
        if path.name.startswith(".") or int(path.stem) >= start:
            path.unlink()


def read_frames(folder: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the frames (T, H, W, 3), or (T, H, W), in `folder` and their iterations (T,), both in order of iteration."""
    from PIL import Image

    paths = sorted(path for path in folder.glob("*.png") if not path.name.startswith("."))
    frames: list[Any] = []
    for path in paths:
        with Image.open(path) as image:
            frames.append(np.asarray(image if image.mode == "L" else image.convert("RGB")))
    shapes = {frame.shape for frame in frames}
    if len(shapes) > 1:
        raise UserError(
            f"the frames in {folder} have different sizes: {sorted(shapes)}",
            "Make observe() return one size, or delete the folder and run again.",
        )
    iterations = np.array([int(path.stem) for path in paths], dtype=np.int64)
    return (np.stack(frames) if frames else np.zeros((0, 0, 0, 3), np.uint8)), iterations
