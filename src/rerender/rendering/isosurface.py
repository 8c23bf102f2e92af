"""Surfaces of a signed distance on a grid of tetrahedra, differentiable in the distances (marching tetrahedra; Shen et al. 2021).

A cube of cells is cut into six tetrahedra each, so that neighbours share faces. Negative values are inside. Topology is
found anew at every call and has no gradient; vertices lie where the distance, linear along an edge, is zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import permutations

import numpy as np
import torch

from rerender.core.errors import UserError
from rerender.core.meshes import Mesh

LEAST = 1e-6
"""Smaller distances are moved away from zero, so that no triangle loses its area to a grid vertex."""


@dataclass(frozen=True, eq=False)
class TetGrid:
    """Grid vertices float32 (V, 3), tetrahedra int64 (T, 4) of positive volume, and their unique edges int64 (E, 2)."""

    vertices: torch.Tensor
    tets: torch.Tensor
    edges: torch.Tensor


def tet_grid(cells: int, extent: float = 2.1) -> TetGrid:
    """Return a cube of cells^3 cells about the origin with sides of `extent` (nvdiffrec: 64 and 2.1)."""
    side = cells + 1
    axis = (np.arange(side) / cells - 0.5) * extent
    vertices = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    corner = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    strides = np.array([side * side, side, 1])
    tets = []
    for order in permutations(range(3)):
        path = np.zeros((4, 3), dtype=int)
        for step, moved in enumerate(order):
            path[step + 1 :, moved] = 1
        if np.linalg.det(path[1:] - path[0]) < 0:
            path = path[[0, 1, 3, 2]]
        tets.append((corner + path) @ strides)
    joined = np.concatenate(tets)
    pairs = np.sort(joined[:, [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]].reshape(-1, 2), axis=1)
    keys = np.unique(pairs[:, 0] * len(vertices) + pairs[:, 1])
    edges = np.stack(np.divmod(keys, len(vertices)), axis=1)
    return TetGrid(
        torch.from_numpy(vertices.astype(np.float32)), torch.from_numpy(joined), torch.from_numpy(edges)
    )


def extract(
    grid: TetGrid, distance: torch.Tensor, vertices: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return vertices (N, 3) and outward faces int64 (F, 3) of the zero level of `distance` (V,).

    `vertices` (V, 3) replace those of the grid, where it is deformed. Differentiable in both. The surface is closed if
    the border of the grid is outside. Raises `UserError` when there is no surface.
    """
    places = grid.vertices.to(distance) if vertices is None else vertices
    value = torch.where(distance.abs() < LEAST, torch.where(distance < 0.0, -LEAST, LEAST), distance)
    inside = (value.detach() < 0.0).cpu().numpy()
    ends, faces = _topology(grid.tets.cpu().numpy(), inside)
    if not len(faces):
        where = "inside" if inside.all() else "outside"
        raise UserError(
            f"the surface vanished: all {len(inside)} grid vertices are {where}",
            "Lower the learning rate of the geometry, or start from a sphere within the grid.",
        )
    first, second = (torch.from_numpy(ends[:, k]).to(places.device) for k in (0, 1))
    a, b = value[first, None], value[second, None]
    found = (places[first] * b - places[second] * a) / (b - a)
    return found, torch.from_numpy(faces).to(places.device)


def as_mesh(vertices: torch.Tensor, faces: torch.Tensor) -> Mesh:
    """Return an extracted surface as a plain mesh."""
    return Mesh(vertices.detach().cpu().numpy(), faces.cpu().numpy())


def sign_changes(grid: TetGrid, distance: torch.Tensor) -> torch.Tensor:
    """Return the loss that removes floating parts: cross entropy of each end's distance with the other end's side.

    A mean over the edges that the surface crosses; nvdiffrec weights it by 0.2, falling to 0.01 over the first quarter.
    """
    first, second = distance[grid.edges[:, 0]], distance[grid.edges[:, 1]]
    crossing = (first > 0.0) != (second > 0.0)
    a, b = first[crossing], second[crossing]
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    return entropy(a, (b > 0.0).to(a)) + entropy(b, (a > 0.0).to(b))


def _topology(tets: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the crossed edges (N, 2), and triangles (F, 3) of their indices."""
    case = inside[tets] @ np.array([1, 2, 4, 8])
    corners = []
    for number, triangles in _cases().items():
        cut = tets[case == number]
        corners += [cut[:, triangle] for triangle in triangles]
    if not corners or not sum(map(len, corners)):
        return np.zeros((0, 2), dtype=np.int64), np.zeros((0, 3), dtype=np.int64)
    pairs = np.sort(np.concatenate(corners), axis=-1)  # (F, 3, 2)
    keys = pairs[..., 0] * len(inside) + pairs[..., 1]
    unique, faces = np.unique(keys, return_inverse=True)
    return np.stack(np.divmod(unique, len(inside)), axis=1), faces.reshape(-1, 3)


@cache
def _cases() -> Mapping[int, tuple[list[list[int]], ...]]:
    """Return, for each set of corners inside (bits), outward triangles as three pairs of corners of a tetrahedron.

    With (i, j, k, m) of positive volume, (ij, ik, im) faces away from i, and (ik, im, jm, jk) away from i and j.
    """
    found: dict[int, tuple[list[list[int]], ...]] = {}
    even = [order for order in permutations(range(4)) if np.linalg.det(np.eye(4)[list(order)]) > 0]
    for i, j, k, m in even:
        alone, pair = 1 << i, (1 << i) | (1 << j)
        found.setdefault(alone, ([[i, j], [i, k], [i, m]],))
        found.setdefault(15 - alone, ([[i, j], [i, m], [i, k]],))
        found.setdefault(pair, ([[i, k], [i, m], [j, m]], [[i, k], [j, m], [j, k]]))
    return found
