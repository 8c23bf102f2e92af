"""Learning-rate schedules: pure functions of the iteration that return a factor on every learning rate.

Frozen dataclasses, so that they are settings (comparable, hashable, printable) and callables at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """Maps an iteration (from 0) to a factor >= 0."""

    def __call__(self, iteration: int, /) -> float:
        """Return the factor at `iteration`."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same factor throughout."""

    factor: float = 1.0

    def __call__(self, iteration: int) -> float:
        """Return the factor at `iteration`."""
        return self.factor


@dataclass(frozen=True)
class StepDecay:
    """Multiply by `gamma` from each listed iteration on: gamma^(number of `at` <= iteration)."""

    at: tuple[int, ...]
    gamma: float = 0.5

    def __call__(self, iteration: int) -> float:
        """Return the factor at `iteration`."""
        return float(self.gamma ** sum(iteration >= start for start in self.at))


@dataclass(frozen=True)
class Exponential:
    """gamma^(iteration / every), not below `floor`."""

    gamma: float
    every: int = 1
    floor: float = 0.0

    def __call__(self, iteration: int) -> float:
        """Return the factor at `iteration`."""
        return float(max(self.floor, self.gamma ** (iteration / self.every)))


@dataclass(frozen=True)
class Linear:
    """From `start` at iteration 0 to `end` at iteration `over`, then `end`."""

    over: int
    start: float = 1.0
    end: float = 0.0

    def __call__(self, iteration: int) -> float:
        """Return the factor at `iteration`."""
        return self.start + (self.end - self.start) * min(1.0, iteration / self.over)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from `start` at iteration 0 to `end` at iteration `over`, then `end`."""

    over: int
    start: float = 1.0
    end: float = 0.0

    def __call__(self, iteration: int) -> float:
        """Return the factor at `iteration`."""
        done = min(1.0, iteration / self.over)
        return self.end + (self.start - self.end) * (1.0 + math.cos(math.pi * done)) / 2.0


@dataclass(frozen=True)
class CosineRestarts:
    """Half a cosine from `start` to `end` over `every` iterations, then again from `start` (SGDR, warm restarts).

    Each period is `growth` times as long as the one before.
    """

    every: int
    growth: int = 1
    start: float = 1.0
    end: float = 0.0

    def __call__(self, iteration: int) -> float:
        """Return the factor at `iteration`."""
        period = self.every
        while self.growth > 1 and iteration >= period:
            iteration, period = iteration - period, period * self.growth
        return Cosine(period, self.start, self.end)(iteration % period)
