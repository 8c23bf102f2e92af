"""Learning-rate schedules of the two branches (fact sheet, sections 2.7 and 3.3), as factors on one base rate.

They are written for 1000 iterations. A run of N steps passes through the same curve: iteration i stands for 1000 i / N.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PUBLISHED_STEPS = 1000
"""Iterations of a stage in the paper's experiments, which every absolute number of the schedules refers to."""

Shape = Literal["joint", "lead", "delayed", "warm", "hold"]


@dataclass(frozen=True)
class StageSchedule:
    """One curve of the paper over `steps` iterations. Maps an iteration from 0 to a factor >= 0.

    `joint`    10^(-2e-4 i): the single network, and geometry, in the coarse stage
    `lead`     from 1 linearly to 0.68 at half time, then 0.68 * 10^(-1e-4 (i - 500)): branch A, coarse
    `delayed`  from 0 linearly to 1 at half time, then 10^(-2e-4 (i - 500)): branch B, coarse
    `warm`     from 0 linearly to 1 over 100 iterations, then 10^(-2e-4 (i - 100)): the single network and A, fine
    `hold`     from 0.01 linearly to 1 over a fifth, 1 to two fifths, then linearly towards 0, at least 0.1: B, fine
    """

    shape: Shape
    steps: int

    def __call__(self, iteration: int) -> float:
        """Return the factor at `iteration`."""
        return CURVES[self.shape](iteration * PUBLISHED_STEPS / self.steps)


def _joint(i: float) -> float:
    return float(10.0 ** (-2e-4 * i))


def _lead(i: float) -> float:
    return 1.0 - 0.32 * i / 500.0 if i < 500.0 else float(0.68 * 10.0 ** (-1e-4 * (i - 500.0)))


def _delayed(i: float) -> float:
    return i / 500.0 if i <= 500.0 else float(10.0 ** (-2e-4 * (i - 500.0)))


def _warm(i: float) -> float:
    return i / 100.0 if i < 100.0 else float(10.0 ** (-2e-4 * (i - 100.0)))


def _hold(i: float) -> float:
    if i < 200.0:
        return 0.01 + 0.99 * i / 200.0
    return 1.0 if i < 400.0 else max(0.1, 1.0 - (i - 400.0) / 600.0)


CURVES = {"joint": _joint, "lead": _lead, "delayed": _delayed, "warm": _warm, "hold": _hold}
TITLES: Mapping[str, str] = {
    "joint": "one network, coarse",
    "lead": "A, coarse",
    "delayed": "B, coarse",
    "warm": "A and one network, fine",
    "hold": "B, fine",
}


def ramp(iteration: int, steps: int) -> float:
    """Return the factor on the regularisers (section 2.6): from 0 linearly to 1 over 500 of 1000 iterations."""
    return min(1.0, iteration * PUBLISHED_STEPS / steps / 500.0)
