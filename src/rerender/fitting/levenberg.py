"""Levenberg-Marquardt for a few unknowns and a noisy cost: few steps, each of which needs a Jacobian.

For searches of a handful of numbers that end after some ten steps. They take seconds, so unlike fits in `loop` they keep no
checkpoints. The cost of a step is compared under the same random numbers as that of its start, so that noise cancels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Normal:
    """Normal equations at a point: cost, J^T r (K,) and J^T J (K, K), in any common scale."""

    cost: float
    gradient: np.ndarray
    hessian: np.ndarray


@dataclass(frozen=True)
class LevenbergSettings:
    """Damping and limits; lengths are in scaled unknowns.

    `damping` multiplies the diagonal of J^T J at first; it grows by `raised` when a step does not lower the cost, at most
    `tries` times, and shrinks by `lowered` when one does. Steps are cut at `longest`; the search ends when one is
    shorter than `tolerance`, or after `iterations`.
    """

    iterations: int = 6
    damping: float = 1e-2
    raised: float = 6.0
    lowered: float = 5.0
    tries: int = 5
    longest: float = 1.5
    tolerance: float = 0.02


@dataclass(frozen=True)
class Step:
    """One step: where it began and ended, the costs there, the damping, and how many candidates it took.

    If no candidate was better, `after` is `before`.
    """

    before: np.ndarray
    after: np.ndarray
    cost: float
    cost_after: float
    damping: float
    trials: int

    @property
    def accepted(self) -> bool:
        """Whether some candidate lowered the cost."""
        return self.cost_after < self.cost


def minimise(
    start: np.ndarray,
    linearise: Callable[[np.ndarray, int], Normal],
    cost: Callable[[np.ndarray, int], float],
    settings: LevenbergSettings = LevenbergSettings(),
    *,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
) -> list[Step]:
    """Search from `start` (K,), within the box if there is one; return the steps. The last `after` is the result.

    `linearise(x, i)` and `cost(x, i)` must use the same random numbers for the same step i.
    """
    x, damping = np.array(start, dtype=np.float64), settings.damping
    steps: list[Step] = []
    for iteration in range(settings.iterations):
        here = linearise(x, iteration)
        found, value, trials = x, here.cost, 0
        for _ in range(settings.tries):
            candidate = np.clip(x + _move(here, damping, settings.longest), low, high)
            trials += 1
            value = cost(candidate, iteration)
            if value < here.cost:
                found = candidate
                break
            damping *= settings.raised
        better = found is not x
        steps.append(Step(x, found, here.cost, value if better else here.cost, damping, trials))
        if not better:
            return steps
        damping /= settings.lowered
        length, x = float(np.linalg.norm(found - x)), found
        if length < settings.tolerance:
            return steps
    return steps


def _move(here: Normal, damping: float, longest: float) -> np.ndarray:
    """Return the damped Gauss-Newton step, cut to `longest`."""
    diagonal = np.diag(here.hessian)
    # an unknown without any effect stays where it is
    damped = here.hessian + np.diag(damping * diagonal + 1e-12 * max(float(diagonal.max()), 1e-30))
    move = -np.linalg.solve(damped, here.gradient)
    length = float(np.linalg.norm(move))
    return np.asarray(move * (longest / length) if length > longest else move)
