"""Procedural meshes that stand in for files that are not at hand: same role and likeness, never the same numbers.

Every result row that used one says so. Each is one closed, outward body (genus 0, the rocker arm and Bob genus 1), y up, about
two units long, and the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from rerender.catalogue import beasts, still_life
from rerender.catalogue.implicit import Ellipsoid, Slab, Step, Tube, both_sides, polygonise
from rerender.core.errors import unknown_name
from rerender.core.meshes import Mesh, icosphere


def standin_mesh(name: str) -> Mesh:
    """Generate the stand-in mesh of that name; `UserError` naming the alternatives if there is none."""
    if name not in MESHES:
        raise unknown_name("stand-in mesh", name, MESHES)
    return MESHES[name]()


def with_planar_texcoords(mesh: Mesh) -> Mesh:
    """Add texture coordinates by an oblique parallel projection: no seams, each side shares texels with its back.

    The view direction is turned out of all axes, so that no large flat part of a figure is seen edge-on.
    """
    x, y, z = mesh.vertices.T
    u, v = x + 0.35 * z, y + 0.25 * z
    span = max(np.ptp(u), np.ptp(v) * 1.5)  # textures are 3:2
    u = 0.5 + (u - 0.5 * (u.min() + u.max())) / (1.04 * span)
    v = 0.5 + (v - 0.5 * (v.min() + v.max())) * 1.5 / (1.04 * span)
    return Mesh(mesh.vertices, mesh.faces, np.stack([u, v], axis=1))


def ground_square(half_size: float) -> Mesh:
    """Return a square at y = 0, facing up, with texture coordinates from 0 to 1."""
    corners = np.array([(-1, 0, 1), (1, 0, 1), (1, 0, -1), (-1, 0, -1)], dtype=np.float64)
    texcoords = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=np.float64)
    return Mesh(corners * half_size, np.array([(0, 1, 2), (0, 2, 3)]), texcoords)


def dragon() -> Mesh:
    """A wingless dragon: winding body, raised head with horns and open jaw, four legs, a ridge of spikes, curled tail."""
    spine = (
        (-1.02, 0.62, 0.22, 0.02),
        (-1.20, 0.42, 0.12, 0.045),
        (-1.12, 0.14, -0.04, 0.075),
        (-0.82, -0.04, -0.14, 0.12),
        (-0.46, 0.04, -0.08, 0.20),
        (-0.10, 0.20, 0.04, 0.25),
        (0.22, 0.20, 0.08, 0.23),
        (0.46, 0.34, 0.02, 0.18),
        (0.52, 0.58, -0.06, 0.14),
        (0.48, 0.80, -0.06, 0.115),
        (0.58, 0.98, 0.00, 0.13),
    )
    steps = [
        Step(Tube(spine, pieces=6)),
        Step(Ellipsoid((0.68, 1.02, 0.0), (0.19, 0.13, 0.14)), 0.06),
        Step(Tube(((0.74, 1.02, 0.0, 0.10), (0.92, 0.99, 0.0, 0.075), (1.06, 0.97, 0.0, 0.06))), 0.05),
        Step(Tube(((0.66, 0.92, 0.0, 0.07), (0.84, 0.82, 0.0, 0.05), (0.98, 0.79, 0.0, 0.035))), 0.03),
        Step(Ellipsoid((0.02, 0.06, 0.05), (0.34, 0.17, 0.22)), 0.10),
    ]
    steps += both_sides(
        (0.62, 1.10, 0.07, 0.045), (0.46, 1.24, 0.13, 0.035), (0.34, 1.28, 0.19, 0.015), blend=0.03
    )
    steps += both_sides(
        (0.64, 0.98, 0.10, 0.05), (0.50, 0.98, 0.22, 0.035), (0.42, 1.04, 0.27, 0.02), blend=0.03
    )
    steps += both_sides((0.74, 1.10, 0.09, 0.045), (0.78, 1.11, 0.09, 0.04), blend=0.02)
    steps += [Step(Tube(((1.04, 1.03, z, 0.03), (1.07, 1.04, z, 0.025))), 0.03) for z in (0.04, -0.04)]
    front = (
        (0.26, 0.16, 0.14, 0.13),
        (0.38, -0.08, 0.28, 0.095),
        (0.26, -0.32, 0.30, 0.065),
        (0.30, -0.46, 0.31, 0.065),
    )
    hind = (
        (-0.26, 0.10, 0.12, 0.17),
        (-0.16, -0.10, 0.30, 0.13),
        (-0.34, -0.30, 0.33, 0.075),
        (-0.30, -0.46, 0.33, 0.07),
    )
    for leg, toe_x in ((front, 0.30), (hind, -0.30)):
        steps += both_sides(*leg)
        side = leg[-1][2]
        for spread in (-0.09, 0.0, 0.09):
            steps += both_sides(
                (toe_x, -0.47, side, 0.05),
                (toe_x + 0.13, -0.49, side + spread, 0.035),
                (toe_x + 0.20, -0.51, side + 1.3 * spread, 0.015),
                blend=0.03,
            )
    return with_planar_texcoords(polygonise([*steps, *_ridge(spine)], 0.022, name="dragon_standin"))


def drop() -> Mesh:
    """A smooth lopsided drop, 1.2 high: a glass body whose refractions are larger than a pixel of the laptop tier."""
    sphere = icosphere(5)
    x, y, z = sphere.vertices.T
    radius = 1.0 + 0.12 * np.sin(3.0 * x + 1.0) * np.cos(2.5 * y) + 0.1 * np.cos(3.0 * z)
    vertices = sphere.vertices * radius[:, None] * np.array([0.9, 1.15, 0.8])
    height = float(np.ptp(vertices[:, 1]))
    return with_planar_texcoords(Mesh(vertices * 1.2 / height, sphere.faces))


def _ridge(spine: tuple[tuple[float, float, float, float], ...]) -> list[Step]:
    """Spikes along the back of the spine, pointing away from its curve."""
    path = Tube(spine, pieces=6).path()
    tangent = np.gradient(path[:, :3], axis=0)
    # the back is on the left of the direction of travel, seen from +z
    outward = np.stack([-tangent[:, 1], tangent[:, 0], 0 * tangent[:, 0]], axis=1)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    steps = []
    for k in range(7, len(path) - 6, 3):
        x, y, z, radius = path[k]
        base, tip = 0.75 * radius, radius + 0.05 + 0.3 * radius
        start = (x + base * outward[k, 0], y + base * outward[k, 1], z, 0.3 * radius + 0.015)
        end = (x + tip * outward[k, 0] - 0.03, y + tip * outward[k, 1], z, 0.014)
        steps.append(Step(Tube((start, end)), 0.03))
    return steps


def bunny() -> Mesh:
    """A sitting rabbit: round body, raised head, two long ears laid back, haunches, paws, tail."""
    steps = [
        Step(Ellipsoid((0.0, -0.12, 0.0), (0.62, 0.56, 0.46), roll_deg=-12.0), 0.1),
        Step(Ellipsoid((-0.32, 0.10, 0.0), (0.34, 0.40, 0.33), roll_deg=25.0), 0.15),
        Step(Ellipsoid((-0.52, 0.44, 0.0), (0.32, 0.27, 0.25), roll_deg=15.0), 0.12),
        Step(Ellipsoid((-0.72, 0.38, 0.0), (0.16, 0.14, 0.14)), 0.08),
        Step(Ellipsoid((0.62, -0.30, 0.0), (0.17, 0.16, 0.16)), 0.05),
        Step(Ellipsoid((0.0, -0.62, 0.0), (0.55, 0.08, 0.38)), 0.1),
    ]
    for side in (1.0, -1.0):
        ear = (
            (-0.42, 0.60, 0.09, 0.10),
            (-0.28, 0.86, 0.16, 0.115),
            (-0.08, 1.10, 0.24, 0.09),
            (0.04, 1.20, 0.27, 0.04),
        )
        steps.append(Step(Tube(tuple((x, y, side * z, r) for x, y, z, r in ear)), 0.06))
        steps.append(Step(Ellipsoid((0.20, -0.26, side * 0.34), (0.36, 0.34, 0.18)), 0.06))
        steps.append(Step(Ellipsoid((0.0, -0.60, side * 0.36), (0.34, 0.10, 0.13)), 0.06))
        steps.append(Step(Tube(((-0.36, -0.10, side * 0.22, 0.15), (-0.44, -0.56, side * 0.2, 0.12))), 0.08))
        steps.append(Step(Ellipsoid((-0.64, 0.50, side * 0.20), (0.045, 0.055, 0.05)), 0.03))
    return polygonise(steps, 0.025, name="bunny_standin")


def suzanne() -> Mesh:
    """A monkey's head facing +z: broad skull, brow, eye sockets with eyes, muzzle, mouth, two large round ears."""
    steps = [
        Step(Ellipsoid((0.0, 0.22, -0.12), (0.72, 0.66, 0.62)), 0.1),
        Step(Ellipsoid((0.0, -0.10, 0.10), (0.52, 0.42, 0.44)), 0.15),
        Step(Ellipsoid((0.0, -0.50, 0.30), (0.40, 0.30, 0.34)), 0.12),
        Step(
            Tube(
                (
                    (-0.52, 0.34, 0.34, 0.10),
                    (-0.26, 0.46, 0.50, 0.12),
                    (0.0, 0.40, 0.56, 0.11),
                    (0.26, 0.46, 0.50, 0.12),
                    (0.52, 0.34, 0.34, 0.10),
                )
            ),
            0.08,
        ),
        Step(Tube(((0.0, 0.36, 0.52, 0.10), (0.0, 0.02, 0.54, 0.08), (0.0, -0.22, 0.60, 0.12))), 0.08),
    ]
    for side in (1.0, -1.0):
        steps += [
            Step(Ellipsoid((side * 0.27, 0.20, 0.58), (0.19, 0.15, 0.18)), 0.05, carve=True),
            Step(Ellipsoid((side * 0.27, 0.20, 0.46), (0.16, 0.14, 0.13)), 0.02),
            Step(Tube(((side * 0.60, 0.12, -0.05, 0.10), (side * 0.86, 0.22, -0.10, 0.10))), 0.06),
            Step(Ellipsoid((side * 1.02, 0.24, -0.12), (0.36, 0.40, 0.12), yaw_deg=side * 20.0), 0.06),
            Step(
                Ellipsoid((side * 1.06, 0.24, 0.06), (0.25, 0.29, 0.13), yaw_deg=side * 20.0),
                0.04,
                carve=True,
            ),
            Step(Ellipsoid((side * 0.07, -0.20, 0.73), (0.04, 0.035, 0.05)), 0.02, carve=True),
        ]
    mouth = Tube(((-0.26, -0.50, 0.52, 0.03), (0.0, -0.60, 0.66, 0.04), (0.26, -0.50, 0.52, 0.03)))
    return polygonise([*steps, Step(mouth, 0.04, carve=True)], 0.03, name="suzanne_standin")


def spot() -> Mesh:
    """A calf: barrel body, four legs with hooves, large head with muzzle, ears and horns, a tail."""
    steps = [
        Step(Ellipsoid((0.05, 0.10, 0.0), (0.62, 0.38, 0.36)), 0.1),
        Step(Tube(((-0.40, 0.20, 0.0, 0.26), (-0.66, 0.50, 0.0, 0.24))), 0.12),
        Step(Ellipsoid((-0.78, 0.62, 0.0), (0.32, 0.30, 0.30)), 0.08),
        Step(Ellipsoid((-1.02, 0.50, 0.0), (0.19, 0.17, 0.21)), 0.06),
        Step(
            Tube(
                (
                    (0.60, 0.24, 0.0, 0.05),
                    (0.78, 0.14, 0.02, 0.04),
                    (0.82, -0.14, 0.03, 0.035),
                    (0.86, -0.26, 0.03, 0.07),
                )
            ),
            0.05,
        ),
        Step(Ellipsoid((0.22, -0.24, 0.0), (0.15, 0.12, 0.14)), 0.06),
    ]
    steps += both_sides(
        (-0.32, -0.05, 0.20, 0.15), (-0.36, -0.50, 0.22, 0.11), (-0.36, -0.72, 0.22, 0.12), blend=0.06
    )
    steps += both_sides(
        (0.44, -0.02, 0.20, 0.17), (0.50, -0.46, 0.22, 0.11), (0.48, -0.72, 0.22, 0.12), blend=0.06
    )
    steps += both_sides(
        (-0.70, 0.86, 0.12, 0.07), (-0.72, 1.00, 0.20, 0.05), (-0.80, 1.10, 0.22, 0.025), blend=0.04
    )
    steps += both_sides(
        (-0.66, 0.72, 0.24, 0.07), (-0.58, 0.76, 0.42, 0.08), (-0.56, 0.70, 0.54, 0.04), blend=0.04
    )
    steps += both_sides((-1.02, 0.66, 0.17, 0.05), (-1.03, 0.68, 0.17, 0.05), blend=0.02)
    return with_planar_texcoords(polygonise(steps, 0.025, name="spot_standin"))


def rocker_arm() -> Mesh:
    """A lever with one bored boss (genus 1), a rounded pad at the other end, and a waist between."""

    def disc(x: float, y: float, radius: float) -> tuple[tuple[float, float], ...]:
        turn = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
        return tuple((x + radius * float(np.cos(t)), y + radius * float(np.sin(t))) for t in turn)

    steps = [
        Step(Slab(disc(-0.52, 0.05, 0.34), 0.30), 0.04),
        Step(Slab(((-0.50, -0.18), (0.50, -0.02), (0.55, 0.22), (-0.45, 0.30)), 0.15), 0.10),
        Step(Ellipsoid((0.66, 0.06, 0.0), (0.30, 0.20, 0.24), roll_deg=-15.0), 0.10),
        Step(Tube(((0.80, 0.05, 0.0, 0.12), (0.92, -0.18, 0.0, 0.11))), 0.06),
        Step(Slab(disc(-0.52, 0.05, 0.19), 0.60), 0.03, carve=True),
    ]
    return polygonise(steps, 0.022, name="rocker_arm_standin", genus=1)


def bob() -> Mesh:
    """A toy duck with a hole through its body (genus 1): a lying ring, a neck, a head with a beak, a raised tail."""
    turn = np.linspace(0.0, 2.0 * np.pi, 25)
    ring = tuple((0.45 * float(np.cos(t)), -0.24, 0.45 * float(np.sin(t)), 0.24) for t in turn)
    steps = [
        Step(Tube(ring), 0.02),
        Step(Tube(((-0.45, -0.16, 0.0, 0.20), (-0.52, 0.12, 0.0, 0.16))), 0.10),
        Step(Ellipsoid((-0.54, 0.26, 0.0), (0.27, 0.25, 0.25)), 0.06),
        Step(Ellipsoid((-0.84, 0.20, 0.0), (0.16, 0.06, 0.13)), 0.05),
        Step(Tube(((0.52, -0.14, 0.0, 0.16), (0.74, 0.04, 0.0, 0.10), (0.84, 0.16, 0.0, 0.05))), 0.10),
    ]
    return with_planar_texcoords(polygonise(steps, 0.022, name="bob_standin", genus=1))


MESHES: Mapping[str, Callable[[], Mesh]] = MappingProxyType(
    {
        "dragon_standin": dragon,
        "drop_standin": drop,
        "dog_standin": beasts.dog,
        "lion_standin": beasts.lion,
        "lionstatue_standin": beasts.lionstatue,
        "bunny_standin": bunny,
        "suzanne_standin": suzanne,
        "spot_standin": spot,
        "bob_standin": bob,
        "rocker_arm_standin": rocker_arm,
        "horse_standin": still_life.horse,
        "bust_standin": still_life.bust,
        "foliage_standin": still_life.foliage,
        "pot_standin": still_life.pot,
    }
)
