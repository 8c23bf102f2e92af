"""Gauss-Newton over growing spans of time, for motions with impacts.

The loss over a whole motion has many valleys: contact sets in one step earlier or later, and what follows differs. So
the first part of the motion is explained first, with blurred frames, then more of it (fact sheet, section 7, pitfall 3).
Jacobians are central differences of the whole chain: their span smooths the jumps, where the adjoint sees one side only.

Early, blurred parts hardly show some parameters, and least squares alone would carry these away into another valley, so the first
guess counts: (log change / spread)² times a share of the squared error that is left. It fades as the motion is explained.
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


@dataclass(frozen=True)
class Prior:
    """What the first guess is worth: logarithms lie `spread` from it, and the residual counts as `observations` independent ones.

    Their variance is the squared error so far over their number, as a fit estimates it; so the prior's cost is that times
    (log change / spread)².
    """

    spread: float
    observations: float

    def weight(self, cost: float) -> float:
        """Return the factor of squared changes of logarithms where the squared error is `cost`."""
        return cost / (self.observations * self.spread**2)


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


class _Part:
    """The cost of one stage as Levenberg-Marquardt asks for it: squared residual and prior, of the same weight within a step."""

    def __init__(
        self, stage: Stage, first: Values, residual: Residual, prior: Prior | None, journal: Journal
    ) -> None:
        self._stage, self._names, self._residual = stage, list(first), residual
        self._first = np.log(np.array(list(first.values())))
        self._prior, self._weight, self._journal = prior, 0.0, journal
        self._units = np.eye(len(first))
        self._squares: dict[bytes, float] = {}
        self.size, self.evaluations = 1, 0

    def linearise(self, logs: np.ndarray, _: int) -> Normal:
        """Return the normal equations; from here on the prior has the weight that it has at this point."""
        self.evaluations += 1 + 2 * len(logs)
        found = self._journal.once(lambda: self._slopes(logs))
        self.size, self._squares[logs.tobytes()] = found["size"], found["cost"]
        if self._prior and math.isfinite(found["cost"]):
            self._weight = self._prior.weight(found["cost"])
        pull, hessian = self._weight * (logs - self._first), self._weight * self._units
        return Normal(
            found["cost"] + self._penalty(logs), found["gradient"] + pull, found["hessian"] + hessian
        )

    def cost(self, logs: np.ndarray, _: int) -> float:
        """Return the cost alone."""
        self.evaluations += 1
        found = float(self._journal.once(lambda: self._square(logs)))
        self._squares[logs.tobytes()] = found
        return found + self._penalty(logs)

    def loss(self, logs: np.ndarray) -> float:
        """Return the mean square of the residual at a point that was asked for."""
        return self._squares[logs.tobytes()] / self.size

    def _penalty(self, logs: np.ndarray) -> float:
        return self._weight * float((logs - self._first) @ (logs - self._first))

    def _seen(self, logs: np.ndarray) -> np.ndarray:
        values = {name: math.exp(float(log)) for name, log in zip(self._names, logs, strict=True)}
        try:
            return self._residual(values, self._stage)
        except Diverged:
            return np.full(1, math.inf)

    def _square(self, logs: np.ndarray) -> float:
        here = self._seen(logs)
        return float(here @ here)

    def _slopes(self, logs: np.ndarray) -> Tree:
        here, span = self._seen(logs), self._stage.span
        size = len(here)
        jacobian = np.zeros((size, len(logs)))
        for column, unit in enumerate(self._units):
            ends = [self._seen(logs + sign * span * unit) for sign in (1.0, -1.0)]
            if len(ends[0]) == len(ends[1]) == size:  # else one of them diverged
                jacobian[:, column] = (ends[0] - ends[1]) / (2.0 * span)
        normal = {"gradient": jacobian.T @ here, "hessian": jacobian.T @ jacobian}
        return {"cost": float(here @ here), **normal, "size": size}


def search_staged(
    start: Values,
    residual: Residual,
    iterations: int,
    folder: Path | None = None,
    stages: tuple[Stage, ...] = STAGES,
    prior: Prior | None = None,
) -> Estimate:
    """Search from `start` for the parameters of least squares, with a prior if there is one; at most `iterations` steps a stage.

    Losses are those of the residual alone. What was computed is kept in `folder`, if there is one, for a search that is stopped and begun again.
    """
    watch, names, journal = time.monotonic(), list(start), Journal(folder)
    first = np.log(np.array([start[name] for name in names]))
    evaluations, losses = 0, []
    x = first
    for stage in stages:
        part = _Part(stage, start, residual, prior, journal)
        steps = minimise(
            x,
            part.linearise,
            part.cost,
            LevenbergSettings(iterations, longest=1.0, tolerance=1e-7, tries=6),
            low=first - REACH,
            high=first + REACH,
        )
        x = steps[-1].after
        losses += [part.loss(step.before) for step in steps]
        evaluations += part.evaluations
    last = part.loss(x)
    found = {name: np.array([log]) for name, log in zip(names, x, strict=True)}
    history = pl.DataFrame({"iteration": range(len(losses) + 1), "loss": [*losses, last]})
    return Estimate(found, last, losses[0], evaluations, time.monotonic() - watch, history, failed=False)
