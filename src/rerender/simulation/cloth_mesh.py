"""Sheets of triangles: a rectangular grid, and the walker of control-walker (∇Sim; fact sheet, section 4.0). Lengths in metres."""

from __future__ import annotations

import numpy as np

from rerender.core.meshes import Mesh


def sheet(cells: tuple[int, int], cell: float) -> Mesh:
    """Return a grid in the plane z = 0 from the origin; vertices go along x first, two triangles a cell."""
    columns, rows = cells
    y, x = np.mgrid[: rows + 1, : columns + 1]
    vertices = np.stack([cell * x.ravel(), cell * y.ravel(), np.zeros(x.size)], axis=1)
    return Mesh(vertices, _triangles([(i, j) for j in range(rows) for i in range(columns)], columns + 1))


def walker() -> Mesh:
    """Return the two-legged walker: 74 vertices and 104 triangles in the plane z = 0, its feet just above y = 0."""
    cell, columns, rows = 2.0 / 9.0, 9, 8
    kept = [(i, j) for j in range(rows) for i in range(columns) if j >= 4 or i < 2 or i >= columns - 2]
    faces = _triangles(kept, columns + 1)
    used, compact = np.unique(faces, return_inverse=True)
    x, y = used % (columns + 1), used // (columns + 1)
    vertices = np.stack([cell * x - 1.0, cell * y + 0.0572, np.zeros(len(used))], axis=1)
    return Mesh(vertices, compact.reshape(faces.shape))


def _triangles(cells: list[tuple[int, int]], stride: int) -> np.ndarray:
    """Return two triangles (T, 3) for every cell (column, row), all split along the same diagonal."""
    faces = []
    for i, j in cells:
        a = j * stride + i
        faces += [(a, a + 1, a + stride + 1), (a, a + stride + 1, a + stride)]
    return np.array(faces)
