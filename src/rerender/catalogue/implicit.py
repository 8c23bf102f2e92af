"""Solids as signed distances, joined smoothly and turned into triangles: the clay of the stand-in meshes.

A `Solid` is a list of parts, added or carved one after the other. Each is evaluated only around itself on the common
grid. Lengths are in scene units; negative values are inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from rerender.core.errors import UserError
from rerender.core.meshchecks import find_defects
from rerender.core.meshes import (
    Mesh,
    component_count,
    drop_unused,
    euler_characteristic,
    merge_duplicates,
    volume,
)

Point = tuple[float, float, float]
_FAR = np.float32(1e3)


class Part(Protocol):
    """A shape with a signed distance (or a value with its sign and about its size near the surface)."""

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the corners of a box around the shape."""
        ...

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Return the distance at points of shape (n, 3)."""
        ...


@dataclass(frozen=True)
class Tube:
    """A round tube along a smooth curve through `knots` (x, y, z, radius)."""

    knots: tuple[tuple[float, float, float, float], ...]
    pieces: int = 5  # straight pieces between two knots

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Box around the curve, widened by the radius."""
        path = self.path()
        return (path[:, :3] - path[:, 3:]).min(axis=0), (path[:, :3] + path[:, 3:]).max(axis=0)

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Distance to the nearest piece, each a cone with round ends."""
        path = self.path().astype(np.float32)
        nearest = np.full(len(points), _FAR)
        for start, end in pairwise(path):
            axis = end[:3] - start[:3]
            along = np.clip((points - start[:3]) @ axis / max(float(axis @ axis), 1e-12), 0.0, 1.0)
            offset = points - start[:3] - along[:, None] * axis
            radius = start[3] + along * (end[3] - start[3])
            nearest = np.minimum(nearest, np.sqrt(np.einsum("ij,ij->i", offset, offset)) - radius)
        return nearest

    def path(self) -> np.ndarray:
        """Catmull-Rom curve through the knots, shape (n, 4)."""
        knots = np.array(self.knots, dtype=np.float64)
        if len(knots) == 2:
            return knots
        padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
        t = np.linspace(0.0, 1.0, self.pieces, endpoint=False)[:, None]
        spans = []
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
            spans.append(
                0.5
                * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
            )
        path = np.concatenate([*spans, knots[-1:]])
        path[:, 3] = np.clip(path[:, 3], knots[:, 3].min(), knots[:, 3].max())
        return path


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid, turned by `yaw_deg` about y, then by `roll_deg` about z."""

    centre: Point
    radii: Point
    yaw_deg: float = 0.0
    roll_deg: float = 0.0

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Cube around the sphere of the largest radius."""
        reach = max(self.radii)
        return np.array(self.centre) - reach, np.array(self.centre) + reach

    def distance(self, points: np.ndarray) -> np.ndarray:
        """First-order distance: right at the surface, of the right sign everywhere."""
        yaw, roll = np.radians([self.yaw_deg, self.roll_deg])
        about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
        local = (points - np.array(self.centre, np.float32)) @ (about_z @ about_y).astype(np.float32)
        scaled = local / np.array(self.radii, np.float32)
        k1 = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
        steep = scaled / np.array(self.radii, np.float32)
        k2 = np.sqrt(np.einsum("ij,ij->i", steep, steep))
        return np.asarray(np.where(k2 > 1e-6, k1 * (k1 - 1.0) / np.maximum(k2, 1e-6), -min(self.radii)))


@dataclass(frozen=True)
class Slab:
    """A convex outline in the x-y plane (counter-clockwise), extruded to z within `half_depth`, edges rounded."""

    outline: tuple[tuple[float, float], ...]
    half_depth: float
    rounding: float = 0.02

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Box around the extrusion."""
        outline = np.array(self.outline)
        low, high = outline.min(axis=0), outline.max(axis=0)
        return np.array([*low, -self.half_depth]), np.array([*high, self.half_depth])

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Largest signed distance to the sides, rounded where two meet."""
        outline = np.array(self.outline, dtype=np.float32)
        sides = [np.abs(points[:, 2]) - np.float32(self.half_depth)]
        for a, b in zip(outline, np.roll(outline, -1, axis=0), strict=True):
            normal = np.array([b[1] - a[1], a[0] - b[0]], np.float32)
            sides.append((points[:, :2] - a) @ (normal / np.linalg.norm(normal)))
        values = np.stack(sides) + np.float32(self.rounding)
        outside = np.sqrt((np.maximum(values, 0) ** 2).sum(axis=0))
        return np.asarray(np.where(outside > 0, outside, values.max(axis=0)) - self.rounding)


@dataclass(frozen=True)
class Step:
    """Add or carve one part, blended over the length `blend`."""

    part: Part
    blend: float = 0.05
    carve: bool = False


def both_sides(*knots: tuple[float, float, float, float], blend: float = 0.05) -> list[Step]:
    """Return a tube on each side of the plane z = 0: ears, legs, eyes."""
    return [Step(Tube(tuple((x, y, side * z, r) for x, y, z, r in knots)), blend) for side in (1.0, -1.0)]


def polygonise(steps: Sequence[Step], spacing: float, *, name: str, genus: int = 0) -> Mesh:
    """Return the surface of the solid as a closed outward mesh from a grid of the given spacing.

    Raises `UserError` when the result is not one closed body of the given genus: then the solid or the spacing is
    wrong, since nothing here is random.
    """
    from skimage import measure

    low = np.min([step.part.bounds()[0] for step in steps if not step.carve], axis=0) - 3 * spacing
    high = np.max([step.part.bounds()[1] for step in steps if not step.carve], axis=0) + 3 * spacing
    shape = np.ceil((high - low) / spacing).astype(int) + 1
    values = np.full(shape, _FAR, dtype=np.float32)
    for step in steps:
        _apply(values, step, low, spacing)
    values[values == 0.0] = 1e-7  # a surface exactly through grid points makes degenerate triangles
    marching_cubes: Any = measure.marching_cubes  # untyped
    vertices, faces, _, _ = marching_cubes(values, level=0.0, spacing=(spacing,) * 3)
    mesh = drop_unused(merge_duplicates(Mesh(vertices.astype(np.float64) + low, faces)))
    if volume(mesh) < 0:
        mesh = Mesh(mesh.vertices, mesh.faces[:, ::-1])
    bodies, euler = component_count(mesh), euler_characteristic(mesh)
    if find_defects(mesh).any or bodies != 1 or euler != 2 - 2 * genus:
        raise UserError(
            f"the stand-in '{name}' is not one closed body of genus {genus}: {bodies} bodies, Euler number {euler}",
            "This is a defect of rerender or a change in scikit-image: please report it.",
        )
    return mesh


def _apply(values: np.ndarray, step: Step, low: np.ndarray, spacing: float) -> None:
    """Join one part into the grid in place, within its box."""
    margin = max(step.blend, 2 * spacing) + spacing
    box_low, box_high = step.part.bounds()
    first = np.clip(np.floor((box_low - margin - low) / spacing).astype(int), 0, values.shape)
    last = np.clip(np.ceil((box_high + margin - low) / spacing).astype(int) + 1, 0, values.shape)
    box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    axes = [(low[k] + spacing * np.arange(first[k], last[k])).astype(np.float32) for k in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    distance = step.part.distance(points.reshape(-1, 3)).reshape(points.shape[:-1])
    if step.carve:
        values[box] = -_smooth_minimum(-values[box], distance, step.blend)
    else:
        values[box] = _smooth_minimum(values[box], distance, step.blend)


def _smooth_minimum(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    """Minimum with a fillet where the two are within `blend` of each other."""
    mix = np.clip(0.5 + 0.5 * (b - a) / blend, 0.0, 1.0)
    return np.asarray(b + (a - b) * mix - blend * mix * (1.0 - mix))
