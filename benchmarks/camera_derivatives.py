"""What pictures with derivatives with respect to three numbers of the camera cost, and pictures alone.

    python benchmarks/camera_derivatives.py [--sizes 64 128 256 512] [--repeats 5]

CPU seconds of one thread, 8 samples per pixel with derivatives and 16 alone, a room of 65,000 triangles; medians after a first
call that compiles. Beside them what the first prototype of this design took on its machine, which is the budget (1.5 times that), and
both machines' cost in their own pictures alone, which takes the speed of the machine out of it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

from rerender.catalogue.rooms import furnished_room
from rerender.core.orbits import POSE, Orbit
from rerender.rendering.painted_views import PaintedViews
from rerender.rendering.variants import start_variant

PROTOTYPE = {64: (0.05, 0.014), 128: (0.13, 0.02), 256: (0.43, 0.05), 512: (1.45, 0.16)}
"""Pixels -> CPU seconds with derivatives, and alone."""
CAMERA = Orbit(5.0, 30.0, 45.0)


def median_seconds(call: Callable[..., object], repeats: int) -> float:
    """Return the median CPU seconds of a call with fresh seeds, the first one left out."""
    found = []
    for seed in range(repeats + 1):
        began = time.process_time()
        call(seed=seed)
        found.append(time.process_time() - began)
    return statistics.median(found[1:])


def main() -> None:
    """Print a row a size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", choices=PROTOTYPE, default=list(PROTOTYPE))
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    start_variant("llvm_ad_rgb", threads=1)
    room = furnished_room(0)
    print(
        f"{'pixels':>6s} {'deriv. s':>9s} {'alone s':>8s} {'over prototype':>14s} {'in pictures':>11s} {'prototype':>9s}"
    )
    for size in arguments.sizes:
        views = PaintedViews(room, size)
        slow = median_seconds(partial(views.jacobian, CAMERA, POSE, spp=8), arguments.repeats)
        plain = median_seconds(partial(views.images, [CAMERA.camera()], spp=16), arguments.repeats)
        theirs, alone = PROTOTYPE[size]
        print(
            f"{size:6d} {slow:9.3f} {plain:8.3f} {slow / theirs:14.2f} {slow / plain:11.1f} {theirs / alone:9.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
