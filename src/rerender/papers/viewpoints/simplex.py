"""The search by Nelder-Mead: pictures only, no derivatives. Coarse to fine, like the others."""

from __future__ import annotations

import numpy as np

from rerender.core.orbits import Orbit
from rerender.core.seeds import SeedStream
from rerender.papers.viewpoints.matching import Matcher
from rerender.papers.viewpoints.search import Clock, Found, Visited, assess

EDGE = 1.0
"""Edge of the first simplex in scaled units: 1 scene unit, 10 degrees. Later stages begin with a half of the last one's."""


def simplex_search(matcher: Matcher, start: Orbit, seeds: SeedStream, *, evaluations: int = 60) -> Found:
    """Search from a start with at most `evaluations` pictures a stage; one seed a stage, so the cost is a function."""
    from scipy.optimize import minimize

    clock, path = Clock(matcher), list[Visited]()
    x, edge = matcher.scaled(start), EDGE
    first, seed = matcher.stages[0], seeds.seed("start")
    path.append(clock.visited(0, start, first, matcher.error(start, first, seed)))
    for number, stage in enumerate(matcher.stages):
        seed = seeds.seed("stage", number)
        corners = np.concatenate([x[None], x[None] + edge * np.eye(len(x))])
        result = minimize(
            lambda y, s=stage, n=seed: matcher.error(matcher.orbit(start, y), s, n),
            x,
            method="Nelder-Mead",
            callback=lambda best, s=stage: path.append(
                clock.visited(len(path), matcher.orbit(start, best), s, float("nan"))
            ),
            options={"initial_simplex": corners, "maxfev": evaluations, "xatol": 2e-3, "fatol": 1e-9},
        )
        x, edge = np.clip(result.x, matcher.low, matcher.high), max(0.5 * edge, 0.02)
        path.append(clock.visited(len(path), matcher.orbit(start, x), stage, float(result.fun)))
    found = assess(matcher, matcher.orbit(start, x), stage, seeds)
    path.append(clock.visited(len(path), found.orbit, stage, found.error))
    found.path = path
    return found
