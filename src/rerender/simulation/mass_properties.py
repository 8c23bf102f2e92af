"""Volume, centre of mass and moment of inertia of a closed mesh, or of point masses at its vertices.

A solid is the signed sum of the tetrahedra between its faces and one point (∇Sim, appendix: density times volume).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rerender.core.meshes import Mesh, edges_directed, volume
from rerender.simulation.errors import BadMesh


@dataclass(frozen=True, eq=False)
class MassProperties:
    """`volume` [m³], `centre` (3,) [m], and `inertia` (3, 3) [m²] of 1 kg about the centre."""

    volume: float
    centre: np.ndarray
    inertia: np.ndarray


def solid(mesh: Mesh) -> MassProperties:
    """Return the properties of the solid inside a closed mesh, of constant density. Raises `BadMesh`."""
    check_closed(mesh)
    origin = mesh.vertices.mean(axis=0)
    corners = (mesh.vertices - origin)[mesh.faces]
    volumes = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6.0
    total = float(volumes.sum())
    sums = corners.sum(axis=1)
    centre = (volumes[:, None] * sums).sum(axis=0) / (4.0 * total)
    # ∫ x xᵀ over a tetrahedron with one corner at the origin: V/20 (Σ a aᵀ + (Σ a)(Σ a)ᵀ)
    second = np.einsum("f,fia,fib->ab", volumes, corners, corners) + np.einsum(
        "f,fa,fb->ab", volumes, sums, sums
    )
    second = second / (20.0 * total) - np.outer(centre, centre)
    return MassProperties(total, origin + centre, _moment(second))


def point_masses(mesh: Mesh) -> MassProperties:
    """Return the properties of equal masses at the vertices, as the released rigid class has it; no volume."""
    centre = mesh.vertices.mean(axis=0)
    offsets = mesh.vertices - centre
    return MassProperties(0.0, centre, _moment(offsets.T @ offsets / len(offsets)))


def check_closed(mesh: Mesh) -> None:
    """Raise `BadMesh` unless every edge is used once in each direction, and the faces are turned outwards."""
    edges = edges_directed(mesh).astype(np.int64)
    size = len(mesh.vertices)
    forward, back = edges[:, 0] * size + edges[:, 1], edges[:, 1] * size + edges[:, 0]
    keys, counts = np.unique(forward, return_counts=True)
    wrong = edges[~np.isin(back, keys)]
    if len(wrong):
        raise BadMesh(
            f"the mesh is open at the edge of vertices {wrong[0, 0]} and {wrong[0, 1]}",
            "A solid needs a closed mesh: merge vertices at one position, and close holes.",
        )
    if (counts > 1).any():
        first, second = divmod(int(keys[counts > 1][0]), size)
        raise BadMesh(
            f"the edge from vertex {first} to {second} occurs twice in one direction",
            "Turn all faces outwards, and drop those that occur twice.",
        )
    if volume(mesh) <= 0:
        raise BadMesh(f"the mesh encloses {volume(mesh):g} m³", "Turn its faces outwards.")


def _moment(second: np.ndarray) -> np.ndarray:
    """Turn the mean of x xᵀ into the moment of inertia of 1 kg."""
    return np.asarray(np.trace(second) * np.eye(3) - second)
