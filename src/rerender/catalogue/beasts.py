"""Procedural stand-ins for the dog and the two lions of the metamers paper.

As in `standins`: one closed, outward body each, of genus 0, y up, heads towards -x, the same on every machine.
"""

from __future__ import annotations

from rerender.catalogue.implicit import Ellipsoid, Slab, Step, Tube, both_sides, polygonise
from rerender.core.meshes import Mesh


def dog() -> Mesh:
    """A standing shepherd dog: deep chest, tucked belly, long muzzle, upright ears, a bushy hanging tail."""
    steps = [
        Step(Ellipsoid((-0.30, 0.20, 0.0), (0.40, 0.33, 0.23), roll_deg=8.0), 0.1),
        Step(Ellipsoid((0.14, 0.26, 0.0), (0.46, 0.23, 0.19)), 0.12),
        Step(Ellipsoid((0.50, 0.26, 0.0), (0.26, 0.26, 0.20)), 0.12),
        Step(Tube(((-0.46, 0.36, 0.0, 0.22), (-0.66, 0.62, 0.0, 0.17), (-0.76, 0.80, 0.0, 0.15))), 0.1),
        Step(Ellipsoid((-0.84, 0.86, 0.0), (0.20, 0.17, 0.16)), 0.06),
        Step(Tube(((-0.94, 0.82, 0.0, 0.10), (-1.12, 0.77, 0.0, 0.075), (-1.26, 0.76, 0.0, 0.055))), 0.05),
        Step(Tube(((-0.94, 0.74, 0.0, 0.06), (-1.18, 0.68, 0.0, 0.04))), 0.03),
        Step(Ellipsoid((-1.30, 0.79, 0.0), (0.035, 0.03, 0.04)), 0.02),
        Step(
            Tube(
                (
                    (0.68, 0.36, 0.0, 0.07),
                    (0.88, 0.22, 0.0, 0.09),
                    (1.00, -0.06, 0.0, 0.10),
                    (1.08, -0.34, 0.0, 0.04),
                )
            ),
            0.06,
        ),
    ]
    steps += both_sides(
        (-0.76, 0.98, 0.08, 0.06), (-0.74, 1.12, 0.11, 0.045), (-0.75, 1.22, 0.12, 0.015), blend=0.03
    )
    steps += both_sides((-0.97, 0.92, 0.07, 0.04), (-0.98, 0.93, 0.08, 0.035), blend=0.02)
    front = ((-0.44, 0.10, 0.13, 0.13), (-0.42, -0.18, 0.14, 0.075), (-0.44, -0.52, 0.14, 0.055))
    steps += both_sides(*front, (-0.44, -0.70, 0.14, 0.055), (-0.52, -0.76, 0.14, 0.06))
    hind = ((0.52, 0.20, 0.13, 0.19), (0.44, -0.10, 0.15, 0.11), (0.62, -0.40, 0.15, 0.06))
    steps += both_sides(*hind, (0.58, -0.70, 0.15, 0.05), (0.50, -0.76, 0.15, 0.06))
    return polygonise(steps, 0.024, name="dog_standin")


def _lion_head(x: float, y: float) -> list[Step]:
    """A maned head around (x, y, 0): ruff, skull, broad muzzle, chin, round ears, eyes."""
    steps = [
        Step(Ellipsoid((x + 0.18, y - 0.10, 0.0), (0.34, 0.44, 0.38), roll_deg=-15.0), 0.08),
        Step(Ellipsoid((x + 0.06, y + 0.06, 0.0), (0.22, 0.38, 0.36)), 0.06),
        Step(Ellipsoid((x - 0.08, y + 0.04, 0.0), (0.24, 0.24, 0.22)), 0.04),
        Step(Tube(((x - 0.22, y + 0.04, 0.0, 0.12), (x - 0.42, y - 0.02, 0.0, 0.11))), 0.05),
        Step(Ellipsoid((x - 0.34, y - 0.14, 0.0), (0.13, 0.07, 0.10)), 0.03),
        Step(Ellipsoid((x - 0.52, y + 0.03, 0.0), (0.05, 0.045, 0.075)), 0.02),
    ]
    steps += both_sides((x + 0.00, y + 0.32, 0.20, 0.08), (x + 0.00, y + 0.40, 0.24, 0.06), blend=0.03)
    return steps + both_sides((x - 0.24, y + 0.15, 0.11, 0.045), (x - 0.27, y + 0.15, 0.11, 0.04), blend=0.02)


def lion() -> Mesh:
    """A standing lion: mane and broad head, level back, heavy paws, a tail with a tuft."""
    steps = [
        Step(Ellipsoid((-0.30, 0.20, 0.0), (0.42, 0.32, 0.25)), 0.1),
        Step(Ellipsoid((0.20, 0.22, 0.0), (0.52, 0.26, 0.22)), 0.12),
        Step(Ellipsoid((0.58, 0.24, 0.0), (0.28, 0.27, 0.23)), 0.12),
        Step(Ellipsoid((-0.56, 0.32, 0.0), (0.34, 0.40, 0.30), roll_deg=-20.0), 0.1),
        *_lion_head(-0.84, 0.62),
        Step(
            Tube(
                (
                    (0.80, 0.34, 0.0, 0.05),
                    (1.02, 0.16, 0.04, 0.04),
                    (1.10, -0.22, 0.08, 0.035),
                    (1.24, -0.44, 0.10, 0.04),
                )
            ),
            0.05,
        ),
        Step(Ellipsoid((1.30, -0.48, 0.11), (0.13, 0.09, 0.08), roll_deg=-30.0), 0.04),
    ]
    front = ((-0.46, 0.10, 0.16, 0.15), (-0.44, -0.20, 0.17, 0.10), (-0.45, -0.54, 0.17, 0.08))
    steps += both_sides(*front, (-0.45, -0.66, 0.17, 0.09), (-0.55, -0.70, 0.17, 0.09))
    hind = ((0.60, 0.18, 0.15, 0.21), (0.52, -0.12, 0.18, 0.13), (0.68, -0.42, 0.18, 0.08))
    steps += both_sides(*hind, (0.64, -0.66, 0.18, 0.08), (0.54, -0.70, 0.18, 0.09))
    return polygonise(steps, 0.026, name="lion_standin")


def lionstatue() -> Mesh:
    """A lion that sits upright on a plinth, its forelegs straight, its tail laid around the haunch."""
    square = ((-0.72, -1.12), (0.62, -1.12), (0.62, -0.86), (-0.72, -0.86))
    lower = ((-0.80, -1.26), (0.70, -1.26), (0.70, -1.10), (-0.80, -1.10))
    steps = [
        Step(Slab(lower, 0.46), 0.02),
        Step(Slab(square, 0.38), 0.02),
        Step(Ellipsoid((0.24, -0.52, 0.0), (0.38, 0.38, 0.32)), 0.06),
        # the stone that a sculptor leaves between the limbs: without it the statue would have handles
        Step(Ellipsoid((0.20, -0.76, 0.0), (0.46, 0.24, 0.38)), 0.05),
        Step(Ellipsoid((-0.24, -0.56, 0.0), (0.28, 0.50, 0.24)), 0.05),
        Step(Tube(((0.16, -0.50, 0.0, 0.32), (-0.10, -0.06, 0.0, 0.30), (-0.24, 0.24, 0.0, 0.26))), 0.1),
        Step(Ellipsoid((-0.30, -0.02, 0.0), (0.26, 0.34, 0.27), roll_deg=10.0), 0.08),
        *_lion_head(-0.44, 0.62),
        Step(
            Tube(
                (
                    (0.58, -0.70, 0.0, 0.07),
                    (0.52, -0.80, 0.24, 0.07),
                    (0.34, -0.81, 0.36, 0.07),
                    (0.14, -0.81, 0.37, 0.08),
                )
            ),
            0.04,
        ),
    ]
    front = ((-0.34, 0.0, 0.17, 0.15), (-0.42, -0.40, 0.18, 0.10), (-0.44, -0.76, 0.18, 0.10))
    steps += both_sides(*front, (-0.56, -0.80, 0.18, 0.10))
    steps += both_sides((0.22, -0.56, 0.24, 0.22), (-0.04, -0.66, 0.30, 0.13), blend=0.06)
    steps += both_sides((-0.02, -0.78, 0.28, 0.10), (-0.22, -0.80, 0.28, 0.09), blend=0.05)
    return polygonise(steps, 0.026, name="lionstatue_standin")
