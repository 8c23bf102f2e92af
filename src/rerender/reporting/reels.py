"""What a video shows of one run beside others: frames found by iteration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rerender.reporting.videos import Frame


@dataclass(frozen=True)
class Reel:
    """The observed frames (T, H, W, 3) of one run, uint8, and their iterations (T,), ascending."""

    name: str
    frames: npt.NDArray[np.uint8]
    iterations: npt.NDArray[np.int64]

    @property
    def last(self) -> int:
        """The last iteration that was observed."""
        return int(self.iterations[-1])

    def at(self, iteration: int) -> Frame:
        """Return the latest frame that is not after `iteration`; the first one before any."""
        index = int(np.searchsorted(self.iterations, iteration, side="right")) - 1
        frame: Frame = self.frames[max(0, index)]
        return frame

    def state(self, iteration: int) -> str:
        """Say that the run had stopped before `iteration`, if it had."""
        return f"stopped at {self.last}" if iteration > self.last else ""


def timeline(reels: Sequence[Reel]) -> list[int]:
    """Return all iterations at which some run was observed, ascending."""
    return sorted({int(step) for reel in reels for step in reel.iterations})
