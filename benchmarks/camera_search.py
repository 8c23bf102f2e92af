"""How long ways to search for a camera take until they are within 0.1 degrees and 0.2 % of it, in one run on one thread.

    python benchmarks/camera_search.py [--starts 5] [--methods lm adam simplex cma]

Pictures of both sizes and the stages of blur are the same for all; Adam spreads its steps over all of them, unlike in the table `race`,
where it sees the first size only.
Prints seconds a start and their ratio to the first method's; a start that is never found counts with all it took.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from rerender.catalogue.rooms import furnished_room
from rerender.core.orbits import Orbit
from rerender.core.seeds import SeedStream
from rerender.papers.viewpoints.cmaes import cma_search
from rerender.papers.viewpoints.matching import Matcher, render_target
from rerender.papers.viewpoints.methods import LEVELS, METHODS
from rerender.papers.viewpoints.search import is_exact, search
from rerender.papers.viewpoints.settings import SearchSettings
from rerender.papers.viewpoints.simplex import simplex_search
from rerender.papers.viewpoints.starts import draw_case
from rerender.rendering.painted_views import PaintedViews
from rerender.rendering.variants import start_variant

TRUTH = Orbit(5.0, 30.0, 45.0)
ADAM_STEPS = 120


def levenberg(matcher: Matcher, start: Orbit, seeds: SeedStream) -> list[tuple[float, Orbit]]:
    """Return (seconds, camera) along the search."""
    return [(at.cpu_s, at.orbit) for at in search(matcher, start, METHODS["lm"], seeds).path]


def simplex(matcher: Matcher, start: Orbit, seeds: SeedStream) -> list[tuple[float, Orbit]]:
    """Return (seconds, camera) at the ends of the stages."""
    return [(at.cpu_s, at.orbit) for at in simplex_search(matcher, start, seeds).path]


def adam(matcher: Matcher, start: Orbit, seeds: SeedStream) -> list[tuple[float, Orbit]]:
    """Return (seconds, camera) along a descent; rate 0.1 to 0.002 on a cosine, betas 0.9 and 0.999."""
    x, mean, square = matcher.scaled(start), np.zeros(3), np.zeros(3)
    path, began = [], time.process_time()
    stages = matcher.stages
    for step in range(ADAM_STEPS):
        stage = stages[step * len(stages) // ADAM_STEPS]
        gradient = 2 * matcher.normal(matcher.orbit(start, x), stage, seeds.seed(step), "full").gradient
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        rate = 0.002 + 0.098 * (1 + np.cos(np.pi * step / ADAM_STEPS)) / 2
        hat = mean / (1 - 0.9 ** (step + 1)), square / (1 - 0.999 ** (step + 1))
        x = np.clip(x - rate * hat[0] / (np.sqrt(hat[1]) + 1e-8), matcher.low, matcher.high)
        path.append((time.process_time() - began, matcher.orbit(start, x)))
    return path


def evolution(matcher: Matcher, start: Orbit, seeds: SeedStream) -> list[tuple[float, Orbit]]:
    """Return (seconds, camera) at the ends of generations of CMA-ES."""
    return [(at.cpu_s, at.orbit) for at in cma_search(matcher, start, seeds).path]


WAYS: dict[str, Callable[[Matcher, Orbit, SeedStream], list[tuple[float, Orbit]]]] = {
    "lm": levenberg,
    "adam": adam,
    "simplex": simplex,
    "cma": evolution,
}


def time_to_exact(path: list[tuple[float, Orbit]]) -> tuple[float, bool]:
    """Return the seconds after which the camera is found and stays found; all of them if it never is."""
    good = [is_exact(orbit, TRUTH) for _, orbit in path]
    if not good[-1]:
        return path[-1][0], False
    first = max((index + 1 for index, ok in enumerate(good) if not ok), default=0)
    return path[first][0], True


def main() -> None:
    """Time every way from the same starts, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--methods", nargs="+", choices=WAYS, default=list(WAYS))
    arguments = parser.parse_args()
    start_variant("llvm_ad_rgb", threads=1)
    settings = SearchSettings()
    views = PaintedViews(furnished_room(0), max(settings.ladder))
    matcher = Matcher(views, render_target(views, TRUTH, settings, 0), settings)
    results: dict[str, list[tuple[float, bool]]] = {}
    for name in arguments.methods:
        way: Any = WAYS[name]
        way(matcher, Orbit(5.2, 33.0, 48.0), SeedStream(("warm",)))  # compiles kernels
        cases = [draw_case(LEVELS["near"], TRUTH, number)[0] for number in range(arguments.starts)]
        results[name] = [
            time_to_exact(way(matcher, case, SeedStream((name, n)))) for n, case in enumerate(cases)
        ]
    base = statistics.median(seconds for seconds, _ in next(iter(results.values())))
    print(f"{'method':10s} {'found':>8s} {'median s':>9s} {'ratio':>6s}")
    for name, found in results.items():
        median = statistics.median(seconds for seconds, _ in found)
        print(
            f"{name:10s} {sum(ok for _, ok in found):4d}/{len(found):<3d} {median:9.2f} {median / base:6.1f}"
        )


if __name__ == "__main__":
    main()
