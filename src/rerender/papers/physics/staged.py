"""Gauss-Newton over growing spans of time, for motions with impacts.

The loss over a whole motion has many valleys: contact sets in one step earlier or later, and what follows differs. So
the first part of the motion is explained first, with blurred frames, then more of it (fact sheet, section 7, pitfall 3).
Jacobians are central differences of the whole chain: their span smooths the jumps, where the adjoint sees one side only.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from rerender.core.files import Tree, load_tree, save_tree
from rerender.fitting.levenberg import LevenbergSettings, Normal, minimise
from rerender.papers.physics.estimation import Estimate
from rerender.simulation.errors import Diverged

Values = Mapping[str, float]


@dataclass(frozen=True)
class Stage:
    """A part of the search: share of the frames, from the start, blur of frames as a share of their side, and the
    span of differences in the logarithm of a parameter."""

    share: float
    blur: float
    span: float


STAGES = (
    *(Stage(share, 1.0 / 8, 0.01) for share in (0.25, 0.5, 0.75, 1.0)),
    Stage(1.0, 1.0 / 32, 0.01),
    Stage(1.0, 0.0, 1e-3),
)
REACH = 3.0
"""No logarithm ends farther than this from its first guess."""

SAVE_SECONDS = 20.0
"""A journal is written to disk this often at most [s]."""

Residual = Callable[[Values, Stage], np.ndarray]
"""From parameters to the differences that a stage sees (R,)."""


class Journal:
    """What a search has computed so far, one tree a call, kept in a file: a search begun again reads it and carries on.

    A search asks for the same things in the same order, so numbers are read where they were written before, and the
    result is that of a search that was never stopped.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / "journal.npz" if folder else None
        self._kept: list[Tree] = load_tree(self._file) if self._file and self._file.exists() else []
        self._asked, self._saved = 0, time.monotonic()

    def once(self, compute: Callable[[], Tree]) -> Tree:
        """Return the next tree: that of the file, or a computed one."""
        if self._asked == len(self._kept):
            self._kept.append(compute())
            if self._file and time.monotonic() - self._saved > SAVE_SECONDS:
                save_tree(self._file, self._kept)
                self._saved = time.monotonic()
        self._asked += 1
        return self._kept[self._asked - 1]


def search_staged(
    start: Values,
    residual: Residual,
    iterations: int,
    folder: Path | None = None,
    stages: tuple[Stage, ...] = STAGES,
) -> Estimate:
    """Search from `start` for the parameters of least squares; at most `iterations` steps a stage.

    What was computed is kept in `folder`, if there is one, for a search that is stopped and begun again.
    """
    watch, names, journal = time.monotonic(), list(start), Journal(folder)
    first = np.log(np.array([start[name] for name in names]))
    units = np.eye(len(names))
    evaluations, losses = 0, []
    x = first

    def seen(logs: np.ndarray, stage: Stage) -> np.ndarray:
        values = {name: math.exp(float(log)) for name, log in zip(names, logs, strict=True)}
        try:
            return residual(values, stage)
        except Diverged:
            return np.full(1, math.inf)

    def slopes(logs: np.ndarray, stage: Stage) -> Tree:
        here = seen(logs, stage)
        size = len(here)
        jacobian = np.zeros((size, len(names)))
        for column, unit in enumerate(units):
            ends = [seen(logs + sign * stage.span * unit, stage) for sign in (1.0, -1.0)]
            if len(ends[0]) == len(ends[1]) == size:  # else one of them diverged
                jacobian[:, column] = (ends[0] - ends[1]) / (2.0 * stage.span)
        normal = {"gradient": jacobian.T @ here, "hessian": jacobian.T @ jacobian}
        return {"cost": float(here @ here), **normal, "size": size}

    def square(logs: np.ndarray, stage: Stage) -> float:
        here = seen(logs, stage)
        return float(here @ here)

    for stage in stages:
        size = 1

        def linearise(logs: np.ndarray, _: int, stage: Stage = stage) -> Normal:
            nonlocal size, evaluations
            evaluations += 1 + 2 * len(names)
            found = journal.once(lambda: slopes(logs, stage))
            size = found["size"]
            return Normal(found["cost"], found["gradient"], found["hessian"])

        def cost(logs: np.ndarray, _: int, stage: Stage = stage) -> float:
            nonlocal evaluations
            evaluations += 1
            return float(journal.once(lambda: square(logs, stage)))

        steps = minimise(
            x,
            linearise,
            cost,
            LevenbergSettings(iterations, longest=1.0, tolerance=1e-7, tries=6),
            low=first - REACH,
            high=first + REACH,
        )
        x = steps[-1].after
        losses += [step.cost / size for step in steps]
        last = steps[-1].cost_after / size
    found = {name: np.array([log]) for name, log in zip(names, x, strict=True)}
    history = pl.DataFrame({"iteration": range(len(losses) + 1), "loss": [*losses, last]})
    return Estimate(found, last, losses[0], evaluations, time.monotonic() - watch, history, failed=False)
