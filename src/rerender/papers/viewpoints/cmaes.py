"""The search by CMA-ES (Hansen 2016), by its author's library: pictures only, no derivatives. Coarse to fine, like the others."""

from __future__ import annotations

import numpy as np

from rerender.core.orbits import Orbit
from rerender.core.seeds import SeedStream
from rerender.papers.viewpoints.matching import Matcher
from rerender.papers.viewpoints.search import Clock, Found, Visited, assess

SPREAD = 1.0
"""First standard deviation in scaled units; later stages begin with a half of the last one's."""


def cma_search(matcher: Matcher, start: Orbit, seeds: SeedStream, *, generations: int = 12) -> Found:
    """Search from a start with at most `generations` a stage; one seed a stage, so the cost is a function."""
    import cma

    clock, path = Clock(matcher), list[Visited]()
    x, spread = matcher.scaled(start), SPREAD
    for number, stage in enumerate(matcher.stages):
        seed = seeds.seed("stage", number)
        options = {"seed": seeds.seed("draw", number) % 2**31 + 1, "verbose": -9, "maxiter": generations}
        strategy = cma.CMAEvolutionStrategy(x, spread, options)
        while not strategy.stop():
            points = strategy.ask()
            values = [matcher.error(matcher.orbit(start, point), stage, seed) for point in points]
            strategy.tell(points, values)
            x = np.clip(strategy.result.xfavorite, matcher.low, matcher.high)
            path.append(clock.visited(len(path), matcher.orbit(start, x), stage, min(values)))
        spread = max(0.5 * spread, 0.02)
    found = assess(matcher, matcher.orbit(start, x), stage, seeds)
    path.append(clock.visited(len(path), found.orbit, stage, found.error))
    found.path = path
    return found
