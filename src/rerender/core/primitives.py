"""Simple solids with texture coordinates: one unit high, standing on y = 0, centred on the y axis.

Faces that meet at an edge do not share vertices, so smooth normals leave the edge sharp.
"""

from __future__ import annotations

import numpy as np

from rerender.core.meshes import Mesh, drop_unused, icosphere


def ball(subdivisions: int = 5) -> Mesh:
    """Return a sphere of diameter 1, without texture coordinates."""
    sphere = icosphere(subdivisions, 0.5)
    return Mesh(sphere.vertices + np.array([0.0, 0.5, 0.0]), sphere.faces)


def box() -> Mesh:
    """Return a cube with the whole texture on every side."""
    vertices: list[np.ndarray] = []
    faces: list[tuple[int, int, int]] = []
    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    for axis in range(3):
        for sign in (-1.0, 1.0):
            # u, v and the outward axis form a right-handed frame
            u, v = ((axis + 1) % 3, (axis + 2) % 3) if sign > 0 else ((axis + 2) % 3, (axis + 1) % 3)
            side = np.zeros((4, 3))
            side[:, axis], side[:, u], side[:, v] = 0.5 * sign, corners[:, 0], corners[:, 1]
            first = 4 * len(faces) // 2
            vertices.append(side)
            faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    points = np.concatenate(vertices) + np.array([0.0, 0.5, 0.0])
    return Mesh(points, np.array(faces), np.tile(corners + 0.5, (6, 1)))


def cone(segments: int = 96) -> Mesh:
    """Return a cone of base diameter 1; the texture goes once around its side, its base has one texel."""
    turn = np.linspace(0.0, 2.0 * np.pi, segments + 1)
    rim = np.stack([0.5 * np.sin(turn), np.zeros_like(turn), 0.5 * np.cos(turn)], axis=1)
    rim[-1] = rim[0]  # exactly, so that the seam can be merged
    tips = np.tile((0.0, 1.0, 0.0), (segments + 1, 1))  # one for each segment: the tip has no one normal
    u = turn / (2.0 * np.pi)
    side_uv = np.concatenate([np.stack([u, 0.0 * u], axis=1), np.stack([u, 0.0 * u + 1.0], axis=1)])
    count, k = segments + 1, np.arange(segments)
    side = np.stack([k, k + 1, count + k], axis=1)
    centre = 3 * count
    base = np.stack([2 * count + k + 1, 2 * count + k, np.full(segments, centre)], axis=1)
    vertices = np.concatenate([rim, tips, rim, [(0.0, 0.0, 0.0)]])
    texcoords = np.concatenate([side_uv, np.zeros((count + 1, 2))])
    return Mesh(vertices, np.concatenate([side, base]), texcoords)


def ring(segments: int = 96, around: int = 48, thickness: float = 0.3) -> Mesh:
    """Return a torus that stands upright, its axis along z; the tube is `thickness` of the height."""
    minor = 0.5 * thickness
    major = 0.5 - minor
    a, b = np.meshgrid(
        np.linspace(0.0, 2.0 * np.pi, segments, endpoint=False),
        np.linspace(0.0, 2.0 * np.pi, around, endpoint=False),
        indexing="ij",
    )
    reach = major + minor * np.cos(b)
    vertices = np.stack([reach * np.cos(a), 0.5 + reach * np.sin(a), minor * np.sin(b)], axis=-1)
    i, j = np.meshgrid(np.arange(segments), np.arange(around), indexing="ij")
    here, right = i * around + j, (i + 1) % segments * around + j
    up, both = i * around + (j + 1) % around, (i + 1) % segments * around + (j + 1) % around
    faces = np.concatenate(
        [np.stack([here, right, both], axis=-1), np.stack([here, both, up], axis=-1)]
    ).reshape(-1, 3)
    return Mesh(vertices.reshape(-1, 3), faces)


def globe(rows: int = 48, columns: int = 96, radius: float = 1.0) -> Mesh:
    """Return a sphere about the origin with lat-long texture coordinates: v = 1 at the top, u = 0 at +z, towards +x.

    Split along the seam, and at the poles once a column, so that no triangle shares a texel with another place.
    """
    turn = np.linspace(0.0, 2.0 * np.pi, columns + 1)
    polar = np.linspace(0.0, np.pi, rows + 1)
    ring, level = np.sin(polar), np.cos(polar)
    ring[[0, -1]] = 0.0
    across, along = np.sin(turn), np.cos(turn)
    across[-1], along[-1] = across[0], along[0]  # exactly, so that the seam can be merged
    x, z = np.outer(ring, across), np.outer(ring, along)
    y = np.broadcast_to(level[:, None], x.shape)
    u = np.broadcast_to(turn / (2.0 * np.pi), x.shape).copy()
    u[[0, -1]] += 0.5 / columns  # a pole's texel is in the middle of its triangle
    v = np.broadcast_to(1.0 - polar[:, None] / np.pi, x.shape)
    i, j = (index.ravel() for index in np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"))
    here, right = i * (columns + 1) + j, i * (columns + 1) + j + 1
    below, both = here + columns + 1, right + columns + 1
    left = np.stack([here, below, np.where(i == rows - 1, right, both)], axis=1)
    inner = (i > 0) & (i < rows - 1)
    faces = np.concatenate([left, np.stack([here, both, right], axis=1)[inner]])
    vertices = np.stack([x, y, z], axis=-1).reshape(-1, 3) * radius
    return drop_unused(Mesh(vertices, faces, np.stack([u, v], axis=-1).reshape(-1, 2)))
