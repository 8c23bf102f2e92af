"""Closed solids from outlines: surfaces of revolution about the y axis, prisms along z, and swept tubes.

Closed, faces outwards, every position once. Lengths are in scene units.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerender.core.meshes import Mesh, drop_unused, merge_duplicates, volume

Point = tuple[float, float]


def revolved(outline: Sequence[Point], segments: int) -> Mesh:
    """Turn an outline of (radius, y) points about the y axis.

    The outline runs from one point on the axis (radius 0) to another, or is closed by itself if it meets no axis.
    """
    profile = np.array(outline, dtype=np.float64)
    turn = 2.0 * np.pi * np.arange(segments) / segments
    rings = np.stack(
        [
            profile[:, None, 0] * np.cos(turn),
            np.broadcast_to(profile[:, None, 1], (len(profile), segments)),
            profile[:, None, 0] * np.sin(turn),
        ],
        axis=-1,
    )
    rings[profile[:, 0] == 0.0] = rings[profile[:, 0] == 0.0][:, :1]  # exactly one point on the axis
    return _outwards(_sheet(rings, open_ends=bool((profile[[0, -1], 0] == 0.0).all())))


def prism(outline: Sequence[Point], depth: float, centre: Point = (0.0, 0.0)) -> Mesh:
    """Extrude an outline of (x, y) points along z; `centre` is a point inside that sees all of the outline."""
    edge = np.array(outline, dtype=np.float64)
    count = len(edge)
    sides = [np.column_stack([edge, np.full(count, z)]) for z in (-0.5 * depth, 0.5 * depth)]
    caps = np.array([(*centre, -0.5 * depth), (*centre, 0.5 * depth)])
    here = np.arange(count)
    following = (here + 1) % count
    faces = [
        np.stack([here, following, count + following], axis=1),
        np.stack([here, count + following, count + here], axis=1),
        np.stack([following, here, np.full(count, 2 * count)], axis=1),
        np.stack([count + here, count + following, np.full(count, 2 * count + 1)], axis=1),
    ]
    return _outwards(Mesh(np.concatenate([*sides, caps]), np.concatenate(faces)))


def bent_tube(major: float, minor: float, angle: float, along: int, around: int) -> Mesh:
    """Return a tube of radius `minor` bent about the z axis by `angle` [rad], its ends closed with flat discs."""
    arc = np.linspace(0.0, angle, along + 1)
    turn = 2.0 * np.pi * np.arange(around) / around
    reach = major + minor * np.cos(turn)
    rings = np.stack(
        [
            np.cos(arc)[:, None] * reach,
            np.sin(arc)[:, None] * reach,
            np.broadcast_to(minor * np.sin(turn), (len(arc), around)),
        ],
        axis=-1,
    )
    discs = [np.broadcast_to(ring.mean(axis=0), ring.shape)[None] for ring in (rings[0], rings[-1])]
    return _outwards(_sheet(np.concatenate([discs[0], rings, discs[1]]), open_ends=True))


def ngon(corners: int, radius: float = 1.0, inner: float | None = None) -> list[Point]:
    """Return a regular outline; with `inner`, a star whose tips and notches alternate."""
    radii = [radius] if inner is None else [radius, inner]
    count = corners * len(radii)
    angles = 2.0 * np.pi * np.arange(count) / count
    return [
        (float(radii[i % len(radii)] * np.cos(a)), float(radii[i % len(radii)] * np.sin(a)))
        for i, a in enumerate(angles)
    ]


def unit_radius(mesh: Mesh) -> Mesh:
    """Move the mean of the vertices to the origin, and the farthest vertex to distance 1 from it."""
    vertices = mesh.vertices - mesh.vertices.mean(axis=0)
    return Mesh(vertices / np.linalg.norm(vertices, axis=1).max(), mesh.faces)


def _sheet(rings: np.ndarray, *, open_ends: bool) -> Mesh:
    """Join rings of points (R, N, 3), each closed, to triangles; the last ring to the first one unless the ends are open."""
    count, around, _ = rings.shape
    row, column = np.meshgrid(np.arange(count - int(open_ends)), np.arange(around), indexing="ij")
    here, right = row * around + column, row * around + (column + 1) % around
    up, both = (
        (row + 1) % count * around + column,
        (row + 1) % count * around + (column + 1) % around,
    )
    faces = np.concatenate([np.stack([here, up, both], -1), np.stack([here, both, right], -1)])
    return drop_unused(merge_duplicates(Mesh(rings.reshape(-1, 3), faces.reshape(-1, 3))))


def _outwards(mesh: Mesh) -> Mesh:
    return mesh if volume(mesh) > 0 else Mesh(mesh.vertices, mesh.faces[:, ::-1])
