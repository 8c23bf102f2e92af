"""What a mesh must satisfy before it is rendered or optimised, and the message when it does not.

A closed mesh has every edge between exactly two faces that run through it in opposite directions. The silhouette
gradients and the volume need that; a target that is only looked at may be open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from rerender.core.errors import UserError
from rerender.core.meshes import Mesh, edges_counted, edges_directed, face_areas, merged_with_index

Role = Literal["start", "target"]

_HINTS = {
    "start": "A start mesh must be closed: use an icosphere, or fill its holes (MeshLab: Filters, Remeshing, "
    "Close Holes; Blender: Mesh, Clean Up, Fill Holes) and export it again.",
    "target": "Fill its holes (MeshLab: Filters, Remeshing, Close Holes; Blender: Mesh, Clean Up, Fill Holes), or, "
    "since a target is only rendered, allow it with open_target=True in its SceneSpec.",
}


@dataclass(frozen=True)
class Defects:
    """What keeps a mesh from being closed, counted after merging coinciding vertices."""

    boundary_edges: int
    nonmanifold_edges: int
    misoriented_edges: int

    @property
    def any(self) -> bool:
        """Whether there is any defect."""
        return bool(self.boundary_edges or self.nonmanifold_edges or self.misoriented_edges)


def find_defects(mesh: Mesh) -> Defects:
    """Count edges at a hole, edges with more than two faces, and edges whose two faces disagree on the outside."""
    merged, _ = merged_with_index(mesh)
    _, counts = edges_counted(merged)
    directed = edges_directed(merged).astype(np.int64)
    _, uses = np.unique(directed[:, 0] * len(merged.vertices) + directed[:, 1], return_counts=True)
    nonmanifold = int((counts > 2).sum())
    # an edge of three faces necessarily repeats a direction: report it once, as non-manifold
    misoriented = max(int((uses > 1).sum()) - nonmanifold, 0)
    return Defects(int((counts == 1).sum()), nonmanifold, misoriented)


def is_closed(mesh: Mesh) -> bool:
    """Whether the mesh is a closed, consistently oriented manifold (vertices at one position count as one)."""
    return len(mesh.faces) > 0 and not find_defects(mesh).any


def check_finite(mesh: Mesh, name: str) -> None:
    """Raise `UserError` when the mesh is empty, has vertices that are NaN or infinite, or has no area."""
    if not len(mesh.faces):
        raise UserError(
            f"the mesh '{name}' has no faces", "Export it again with its faces, as triangles or polygons."
        )
    bad = ~np.isfinite(mesh.vertices).all(axis=1)
    if bad.any():
        raise UserError(
            f"the mesh '{name}' has {int(bad.sum())} of {len(bad)} vertices that are NaN or infinite "
            f"(first: vertex {int(np.argmax(bad))})",
            "Repair it (MeshLab: Filters, Cleaning and Repairing) or fetch it again.",
        )
    if mesh.texcoords is not None and not np.isfinite(mesh.texcoords).all():
        raise UserError(
            f"the mesh '{name}' has NaN or infinite texture coordinates", "Unwrap and export it again."
        )
    if face_areas(mesh).sum() == 0.0:
        raise UserError(f"the mesh '{name}' has no area: all its faces are degenerate", "Export it again.")


def check_closed(mesh: Mesh, name: str, role: Role = "start") -> None:
    """Raise `UserError` when the mesh has NaNs or is not closed; says how many defects and what to do.

    `role` chooses the advice: a start mesh must be mended, a target may be declared open.
    """
    check_finite(mesh, name)
    found = find_defects(mesh)
    parts = [
        f"{count} {text}"
        for count, text in (
            (found.boundary_edges, "edges at a hole"),
            (found.nonmanifold_edges, "edges with more than two faces"),
            (found.misoriented_edges, "edges whose faces disagree on the outside"),
        )
        if count
    ]
    if parts:
        raise UserError(f"the mesh '{name}' is not closed: {', '.join(parts)}", _HINTS[role])
