"""Loop subdivision of triangle meshes, with holes (Loop 1987; boundary rules of Hoppe et al. 1994)."""

from __future__ import annotations

import numpy as np

from rerender.core.meshes import Mesh, edges_directed


def subdivide_loop(mesh: Mesh, levels: int = 1) -> Mesh:
    """Split every triangle into four and smooth, `levels` times; texture coordinates are dropped.

    Vertices at one position must be one vertex (`merge_duplicates`). Edges without exactly two faces are creases:
    they become smooth curves that depend on nothing beside them.
    """
    for _ in range(levels):
        mesh = _subdivide_once(mesh)
    return mesh


def _subdivide_once(mesh: Mesh) -> Mesh:
    count = len(mesh.vertices)
    edges = np.sort(edges_directed(mesh), axis=1)
    unique, inverse, uses = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.ravel()
    opposite = np.concatenate([mesh.faces[:, 2], mesh.faces[:, 0], mesh.faces[:, 1]])
    smooth = uses == 2
    ends = mesh.vertices[unique].sum(axis=1)
    across = np.zeros_like(ends)
    np.add.at(across, inverse, mesh.vertices[opposite])
    middles = np.where(smooth[:, None], 0.375 * ends + 0.125 * across, 0.5 * ends)
    corners = _moved_corners(mesh.vertices, unique, smooth)
    ab, bc, ca = count + inverse.reshape(3, -1)
    a, b, c = mesh.faces.T
    quarters = ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))
    faces = np.concatenate([np.stack(quarter, axis=1) for quarter in quarters])
    return Mesh(np.concatenate([corners, middles]), faces)


def _moved_corners(vertices: np.ndarray, edges: np.ndarray, smooth: np.ndarray) -> np.ndarray:
    """Return the old vertices in their new places: averages over the ring, or along the crease."""
    ring, valence = _neighbour_sums(vertices, edges)
    crease, creases = _neighbour_sums(vertices, edges[~smooth])
    n = np.maximum(valence, 1)
    beta = (0.625 - (0.375 + 0.25 * np.cos(2.0 * np.pi / n)) ** 2) / n
    inside = (1.0 - n * beta)[:, None] * vertices + beta[:, None] * ring
    along = 0.75 * vertices + 0.125 * crease
    fixed = (valence == 0) | (creases == 1) | (creases > 2)  # ends and crossings of creases
    return np.where(fixed[:, None], vertices, np.where((creases == 2)[:, None], along, inside))


def _neighbour_sums(vertices: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return per vertex the sum of the positions at the other end of its edges, and their number."""
    total, number = np.zeros_like(vertices), np.zeros(len(vertices), dtype=np.int64)
    for here, there in ((0, 1), (1, 0)):
        np.add.at(total, edges[:, here], vertices[edges[:, there]])
        np.add.at(number, edges[:, here], 1)
    return total, number
