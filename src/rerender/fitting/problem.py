"""What a paper hands to the fitting loop (a problem), how long to run it, and what comes back.

Light: importing this module loads neither torch nor polars nor NumPy, so settings classes may use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from rerender.core.errors import UserError
from rerender.fitting.schedules import Constant, Schedule

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl
    import torch

    from rerender.core.files import Tree
    from rerender.core.seeds import SeedStream

OptimiserName = Literal["adam", "adam_uniform"]


@dataclass
class Parameter:
    """One tensor to optimise, with its learning rate and its bounds.

    `tensor` is a leaf with `requires_grad`; the loop updates it in place and clips it to
    [`low`, `high`] after every step. `adam_uniform` divides by one second moment for the whole
    tensor (Large Steps geometry), `adam` by one per entry. `schedule` is a factor on this tensor's
    rate, beside the loop's own.
    """

    tensor: torch.Tensor
    lr: float
    optimiser: OptimiserName = "adam"
    low: float | None = None
    high: float | None = None
    schedule: Schedule = field(default_factory=Constant)


@dataclass(frozen=True)
class StepResult:
    """Loss at the present parameters, and scalars for the history. Gradients are in `tensor.grad`."""

    loss: float
    scalars: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Observation:
    """A look at the present parameters: a display frame uint8 (H, W, 3) for the video, and scalars.

    `pictures` by name, uint8 (H, W) or (H, W, 3), go to folders of that name below the frames.
    """

    frame: npt.NDArray[np.uint8] | None = None
    scalars: Mapping[str, float] = field(default_factory=dict)
    pictures: Mapping[str, npt.NDArray[np.uint8]] = field(default_factory=dict)


class Problem(Protocol):
    """The five verbs that a paper implements; the loop owns everything else."""

    def parameters(self) -> Mapping[str, Parameter]:
        """Return the tensors to optimise.

        Asked at the start, after `load_state` and after `project` returned True; each time the
        loop makes a fresh optimiser, so tensors may be new ones with other shapes and rates.
        """
        ...

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        """Render, compare, and leave the gradients in `tensor.grad` (which is None before the call).

        `iteration` counts from 0. `seeds` is already keyed by the run and the iteration, so
        `seeds.seed("optimise", view)` is fresh noise in every iteration, and the same on resume.
        """
        ...

    def project(self, iteration: int) -> bool:
        """Change the parameters after the update of `iteration` and the clipping (remesh, renormalise).

        Return True if `parameters()` must be asked again: tensors, shapes or learning rates changed.
        """
        ...

    def observe(self, iteration: int) -> Observation:
        """Look at the parameters after `iteration` updates (0 = the start). Must not change the problem."""
        ...

    def state(self) -> Tree:
        """Return all that `load_state` needs, as a tree of NumPy arrays and plain values."""
        ...

    def load_state(self, tree: Tree) -> None:
        """Take over a tree from `state()`. What follows must be bitwise what would have followed there."""
        ...


@dataclass(frozen=True)
class LoopSettings:
    """How long to fit and what to keep. Only the first five fields can change the result.

    `iterations`         optimiser steps.
    `window`             iterations of one epoch; early stopping and the best state go by mean losses of
                         windows.
    `patience_windows`   stop after this many windows without an improvement of `min_delta`; None never stops
                         early.
    `lr_schedule`        factor on every learning rate, as a function of the iteration.
    `observe_every`      observe every so many iterations, and at the end; 0 never.
    `checkpoint_seconds` wall time between checkpoints [s]; the loop waits longer (never over 30 s) if saving
                         would take more than `checkpoint_share` of the time.
    """

    iterations: int
    window: int = 1
    patience_windows: int | None = None
    min_delta: float = 0.0
    lr_schedule: Schedule = field(default_factory=Constant)
    observe_every: int = 0
    checkpoint_seconds: float = 20.0
    checkpoint_share: float = 0.01

    def __post_init__(self) -> None:
        checks = {
            "iterations": self.iterations >= 1,
            "window": self.window >= 1,
            "patience_windows": self.patience_windows is None or self.patience_windows >= 1,
            "min_delta": self.min_delta >= 0,
            "observe_every": self.observe_every >= 0,
            "checkpoint_seconds": self.checkpoint_seconds >= 0,
            "checkpoint_share": 0 < self.checkpoint_share <= 1,
        }
        for name, good in checks.items():
            if not good:
                raise UserError(f"{name} = {getattr(self, name)!r} makes no sense", _ALLOWED[name])


_ALLOWED = {
    "iterations": "Give a whole number from 1 up.",
    "window": "Give the iterations of one epoch, from 1 up.",
    "patience_windows": "Give a whole number from 1 up, or null to never stop early.",
    "min_delta": "Give 0 or a positive loss difference.",
    "observe_every": "Give 0 (never) or a whole number of iterations.",
    "checkpoint_seconds": "Give seconds, 0 or more.",
    "checkpoint_share": "Give a share of the wall time in (0, 1].",
}


@dataclass(frozen=True)
class FitResult:
    """What a fit gives back.

    `history`         one row per iteration: iteration, wall_s (over all attempts), loss, lr (the largest),
                      grad_norm, the step's scalars, and the scalars observed at that iteration (null elsewhere). `loss` and
                      observed scalars in one row belong to the same parameters.
    `observations`    one row per observation: iteration (updates done), wall_s and its scalars; has the end
                      as well.
    `best`, `last`    states (`Problem.state()`); `best` is the one at the end of the window with the lowest
                      mean loss, `last` the final one, or the last good one after a non-finite number.
    `best_iteration`  updates done when `best` was taken; `best_loss` its window's mean loss (NaN if no window
                      ended).
    `iterations`      updates done. `stop_reason` says in words why there were no more; `failed` if it was a
                      non-finite number.
    `attempts`        times this run was started; `resumed_from` the iteration at which this attempt took
                      over.
    `checkpoint_s`    seconds this attempt spent on checkpoints.
    """

    history: pl.DataFrame
    observations: pl.DataFrame
    best: Tree
    best_iteration: int
    best_loss: float
    last: Tree
    frames_dir: Path
    iterations: int
    stop_reason: str
    failed: bool
    attempts: int
    resumed_from: int | None
    wall_s: float
    checkpoint_s: float
