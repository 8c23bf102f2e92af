"""The search for the camera that took a picture: Levenberg-Marquardt from coarse to fine, from a start or from a grid.

Whether a search succeeded is seen without the truth: pictures of the right camera differ from the target by sampling noise
alone, others by a hundred times that (section 4.4).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rerender.core.orbits import Orbit, view_angle
from rerender.core.seeds import SeedStream
from rerender.fitting.levenberg import LevenbergSettings, Normal, minimise
from rerender.papers.viewpoints.matching import Matcher, Stage
from rerender.papers.viewpoints.methods import EXACT_DEGREES, EXACT_DISTANCE, Method

LAST_TOLERANCE = 2e-3  # scaled: 0.002 scene units, 0.02 degrees
SETTLED = 0.03
"""A stage whose last step was shorter than this (scaled: 0.03 scene units, 0.3 degrees) ended within a pixel: blurs in between are left out."""
APART = 12.0
"""Cameras of the grid that are nearer [deg] than this to one that failed are not tried."""
GRID_DISTANCES = (5.0, 7.0)
GRID_ELEVATIONS = (15.0, 38.0, 62.0)
GRID_AZIMUTHS = 16
GRID_SPP = 4
GRID_BLUR = 2.0


@dataclass(frozen=True)
class Visited:
    """A camera that a search passed: at which step, in which stage, with which error, and what it had cost by then."""

    step: int
    orbit: Orbit
    size: int
    blur: float
    error: float
    damping: float
    accepted: bool
    jacobians: int
    renders: int
    cpu_s: float
    attempt: int = 0


@dataclass
class Found:
    """The result of a search: the camera, whether its picture matches, and the way there."""

    orbit: Orbit
    matches: bool
    error: float
    noise: float
    path: list[Visited] = field(default_factory=list)
    attempts: int = 1

    def reached(self, truth: Orbit) -> Visited | None:
        """Return where on the way the search came within the exact tolerance and stayed; None if it did not in the end."""
        good = [is_exact(at.orbit, truth) for at in self.path]
        if not good[-1]:
            return None
        return self.path[max((index + 1 for index, ok in enumerate(good) if not ok), default=0)]

    @property
    def cost(self) -> Visited:
        """The last entry of the path, which has the totals."""
        return self.path[-1]


def is_exact(orbit: Orbit, truth: Orbit) -> bool:
    """Say whether a camera is the true one within `EXACT_DEGREES` and `EXACT_DISTANCE`."""
    angle, distance = view_angle(orbit, truth), abs(orbit.distance / truth.distance - 1.0)
    return angle < EXACT_DEGREES and distance < EXACT_DISTANCE


def search(
    matcher: Matcher, start: Orbit | None, method: Method, seeds: SeedStream, *, restarts: int | None = None
) -> Found:
    """Search from `start`; without one, or where the method restarts, from the best cameras of a grid as well."""
    limit = matcher.settings.restarts if restarts is None else restarts
    clock = Clock(matcher)
    path: list[Visited] = []
    best: Found | None = None
    tried: list[Orbit] = []
    attempt = 0
    for first in _starts(matcher, start, method, seeds):
        if attempt > (limit if start is not None else limit - 1):
            break
        if attempt and min(view_angle(first, orbit) for orbit in tried) < APART:
            continue
        tried.append(first)
        found = _descend(matcher, first, method, seeds.child("attempt", attempt), clock, len(path), attempt)
        path += found.path
        attempt += 1
        if best is None or found.error / found.noise < best.error / best.noise:
            best = found
        if found.matches:
            break
    assert best is not None
    return Found(best.orbit, best.matches, best.error, best.noise, path, attempt)


def _starts(matcher: Matcher, start: Orbit | None, method: Method, seeds: SeedStream) -> Iterator[Orbit]:
    """Yield the given start, then the cameras of the grid, best first, each only when it is needed."""
    if start is not None:
        yield start
    if start is None or method.restarts:
        grid = grid_cameras()
        errors = matcher.errors(grid, matcher.settings.grid_size, GRID_BLUR, GRID_SPP, seeds.seed("grid"))
        yield from (grid[index] for index in np.argsort(errors))


def grid_cameras() -> list[Orbit]:
    """Return the cameras that are compared where there is no start: 2 distances, 3 elevations, 16 azimuths."""
    turns = np.arange(GRID_AZIMUTHS) * 360.0 / GRID_AZIMUTHS
    return [Orbit(*place) for place in itertools.product(GRID_DISTANCES, GRID_ELEVATIONS, turns.tolist())]


def _descend(
    matcher: Matcher,
    start: Orbit,
    method: Method,
    seeds: SeedStream,
    clock: Clock,
    done: int,
    attempt: int,
) -> Found:
    """Go through all stages from one start."""
    stages = matcher.stages if method.pyramid else flat_stages(matcher)
    x, path, settled = matcher.scaled(start), list[Visited](), False
    for number, stage in enumerate(stages):
        if settled and stage.blur > 0.0 and number < len(stages) - 1:
            continue
        last = number == len(stages) - 1
        settings = LevenbergSettings(
            # without the pyramid, one stage may take all steps
            iterations=matcher.settings.steps * (1 if method.pyramid else len(matcher.stages)),
            tolerance=LAST_TOLERANCE if last else LevenbergSettings.tolerance,
        )
        marks: list[tuple[int, int, float]] = []

        def linearise(
            y: np.ndarray, i: int, s: Stage = stage, n: int = number, m: list[Any] = marks
        ) -> Normal:
            found = matcher.normal(matcher.orbit(start, y), s, seeds.seed("step", n, i), method.gradient)
            m.append(clock.cost())
            return found

        def cost(y: np.ndarray, i: int, s: Stage = stage, n: int = number) -> float:
            return matcher.error(matcher.orbit(start, y), s, seeds.seed("step", n, i))

        steps = minimise(x, linearise, cost, settings, low=matcher.low, high=matcher.high)
        for step, mark in zip(steps, marks, strict=True):
            orbit, index = matcher.orbit(start, step.before), done + len(path)
            path.append(
                Visited(
                    index,
                    orbit,
                    stage.size,
                    stage.blur,
                    step.cost,
                    step.damping,
                    step.accepted,
                    *mark,
                    attempt,
                )
            )
        x = steps[-1].after
        settled = bool(np.linalg.norm(x - steps[-1].before) < SETTLED and steps[-1].accepted)
    orbit, stage = matcher.orbit(start, x), Stage(stages[-1].size, 0.0)
    found = assess(matcher, orbit, stage, seeds)
    path.append(clock.visited(done + len(path), orbit, stage, found.error, attempt))
    found.path = path
    return found


def assess(matcher: Matcher, orbit: Orbit, stage: Stage, seeds: SeedStream) -> Found:
    """Say how well a camera's picture matches, with fresh samples."""
    error = matcher.error(orbit, stage, seeds.seed("judge"))
    noise = matcher.noise(orbit, stage.size, (seeds.seed("noise", 0), seeds.seed("noise", 1)))
    return Found(orbit, error < matcher.settings.accept * noise, error, noise)


def flat_stages(matcher: Matcher) -> Sequence[Stage]:
    """Return the one stage of a search without blur: the first size."""
    return (Stage(matcher.settings.ladder[0], 0.0),)


class Clock:
    """Notes what was visited, and what it had cost by then."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher, self.began = matcher, time.process_time()
        self.renders, self.jacobians = matcher.count.renders, matcher.count.jacobians

    def cost(self) -> tuple[int, int, float]:
        """Return derivatives, pictures and CPU seconds so far."""
        count = self.matcher.count
        seconds = time.process_time() - self.began
        return count.jacobians - self.jacobians, count.renders - self.renders, seconds

    def visited(self, step: int, orbit: Orbit, stage: Stage, error: float, attempt: int = 0) -> Visited:
        """Return the entry of the path for where the search is now."""
        return Visited(step, orbit, stage.size, stage.blur, error, 0.0, True, *self.cost(), attempt)
