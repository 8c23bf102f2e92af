"""Procedural stand-ins for the objects of the environment-map scenes: a horse, a bust, a pot and its plant.

As in `standins`: one closed, outward body each, of genus 0, y up, the same on every machine.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from rerender.catalogue.implicit import Ellipsoid, Step, Tube, both_sides, polygonise
from rerender.core.meshes import Mesh

_both_sides = partial(both_sides, blend=0.06)


def horse() -> Mesh:
    """A standing horse, head towards -x: barrel, arched neck with mane, long head, four jointed legs, a tail."""
    steps = [
        Step(Ellipsoid((0.0, 0.24, 0.0), (0.62, 0.30, 0.27)), 0.1),
        Step(Ellipsoid((-0.42, 0.26, 0.0), (0.30, 0.32, 0.25)), 0.12),
        Step(Ellipsoid((0.46, 0.30, 0.0), (0.32, 0.32, 0.27)), 0.12),
        Step(Tube(((-0.50, 0.36, 0.0, 0.24), (-0.74, 0.68, 0.0, 0.17), (-0.88, 0.96, 0.0, 0.13))), 0.1),
        Step(Tube(((-0.86, 1.00, 0.0, 0.14), (-1.06, 0.82, 0.0, 0.11), (-1.24, 0.64, 0.0, 0.085))), 0.06),
        Step(Tube(((-0.80, 1.12, 0.0, 0.03), (-0.62, 0.92, 0.0, 0.05), (-0.42, 0.62, 0.0, 0.03))), 0.05),
        Step(
            Tube(
                (
                    (0.72, 0.44, 0.0, 0.07),
                    (0.92, 0.30, 0.0, 0.08),
                    (0.98, 0.0, 0.0, 0.08),
                    (0.96, -0.3, 0.0, 0.04),
                )
            ),
            0.05,
        ),
    ]
    steps += _both_sides((-0.86, 1.08, 0.06, 0.05), (-0.84, 1.22, 0.08, 0.02), blend=0.03)
    front = ((-0.44, 0.16, 0.14, 0.14), (-0.46, -0.14, 0.15, 0.085), (-0.45, -0.42, 0.15, 0.06))
    steps += _both_sides(*front, (-0.44, -0.68, 0.15, 0.05), (-0.47, -0.78, 0.15, 0.075))
    hind = ((0.52, 0.20, 0.15, 0.19), (0.50, -0.10, 0.17, 0.11), (0.62, -0.38, 0.17, 0.065))
    steps += _both_sides(*hind, (0.57, -0.68, 0.17, 0.05), (0.54, -0.78, 0.17, 0.075))
    return polygonise(steps, 0.024, name="horse_standin")


def bust() -> Mesh:
    """A bust facing +z: a round foot, chest and shoulders, a head with nose, brow, chin, and a crested helmet."""
    steps = [
        Step(Ellipsoid((0.0, -0.98, 0.0), (0.36, 0.11, 0.36)), 0.04),
        Step(Tube(((0.0, -0.94, 0.0, 0.17), (0.0, -0.78, 0.0, 0.12), (0.0, -0.60, 0.0, 0.20))), 0.06),
        Step(Ellipsoid((0.0, -0.46, 0.02), (0.44, 0.36, 0.29)), 0.1),
        Step(Tube(((0.0, -0.30, -0.02, 0.20), (0.0, 0.08, 0.02, 0.16))), 0.08),
        Step(Ellipsoid((0.0, 0.36, 0.03), (0.25, 0.34, 0.29)), 0.06),
        Step(Ellipsoid((0.0, 0.10, 0.20), (0.12, 0.09, 0.10)), 0.08),
        Step(Tube(((0.0, 0.42, 0.30, 0.035), (0.0, 0.28, 0.36, 0.05))), 0.03),
        Step(
            Tube(((-0.09, 0.175, 0.29, 0.022), (0.0, 0.17, 0.315, 0.026), (0.09, 0.175, 0.29, 0.022))), 0.02
        ),
        Step(Tube(((-0.16, 0.45, 0.27, 0.03), (0.0, 0.46, 0.32, 0.03), (0.16, 0.45, 0.27, 0.03))), 0.03),
        # the helmet: a cap pushed back, and its crest from brow to neck
        Step(Ellipsoid((0.0, 0.52, -0.05), (0.32, 0.34, 0.36)), 0.03),
        Step(
            Tube(
                (
                    (0.0, 0.86, 0.26, 0.05),
                    (0.0, 0.93, 0.02, 0.12),
                    (0.0, 0.82, -0.32, 0.12),
                    (0.0, 0.52, -0.42, 0.10),
                    (0.0, 0.24, -0.36, 0.06),
                )
            ),
            0.05,
        ),
    ]
    for side in (1.0, -1.0):
        steps += [
            Step(Ellipsoid((side * 0.105, 0.375, 0.33), (0.06, 0.035, 0.05)), 0.03, carve=True),
            Step(Ellipsoid((side * 0.105, 0.375, 0.265), (0.05, 0.035, 0.045)), 0.01),
            Step(Tube(((side * 0.16, -0.20, -0.02, 0.15), (side * 0.46, -0.34, -0.02, 0.17))), 0.1),
            Step(
                Tube(
                    (
                        (side * 0.24, 0.30, 0.0, 0.05),
                        (side * 0.25, 0.06, -0.02, 0.07),
                        (side * 0.24, -0.16, 0.06, 0.05),
                    )
                ),
                0.04,
            ),
        ]
    return polygonise(steps, 0.022, name="bust_standin")


def foliage() -> Mesh:
    """A plant without its pot: a bundle of arching stems, each ending in a broad flat leaf."""
    steps = [Step(Tube(((0.0, -0.30, 0.0, 0.07), (0.0, 0.12, 0.0, 0.06))), 0.05)]
    golden = np.pi * (3.0 - np.sqrt(5.0))  # so that no leaf hides another
    for k in range(13):
        turn = float(golden * k)
        reach, height = 0.34 + 0.30 * (1.0 - k / 12), 0.12 + 0.075 * k
        x, z = float(np.cos(turn)), float(np.sin(turn))
        stem = (
            (0.0, -0.05, 0.0, 0.035),
            (0.45 * reach * x, 0.75 * height + 0.08, 0.45 * reach * z, 0.028),
            (reach * x, height, reach * z, 0.03),
        )
        steps.append(Step(Tube(stem), 0.03))
        leaf = Ellipsoid(
            ((reach + 0.16) * x, height - 0.02, (reach + 0.16) * z),
            (0.25, 0.03, 0.12),
            yaw_deg=float(np.degrees(-turn)),
        )
        steps.append(Step(leaf, 0.03))
    return polygonise(steps, 0.018, name="foliage_standin")


def pot() -> Mesh:
    """A flower pot with a rim, filled with earth to below the rim."""
    steps = [
        Step(Tube(((0.0, -0.28, 0.0, 0.30), (0.0, 0.0, 0.0, 0.38), (0.0, 0.22, 0.0, 0.42)), pieces=3), 0.03),
        Step(Ellipsoid((0.0, 0.42, 0.0), (0.50, 0.11, 0.50)), 0.02),
        Step(Ellipsoid((0.0, 0.70, 0.0), (0.40, 0.24, 0.40)), 0.03, carve=True),
        Step(Ellipsoid((0.0, -0.66, 0.0), (1.0, 0.22, 1.0)), 0.03, carve=True),
    ]
    return polygonise(steps, 0.018, name="pot_standin")
