"""Remeshing with a check of the result (section 4.5): Botsch and Kobbelt's split, collapse, flip and relax."""

from __future__ import annotations

import numpy as np

from rerender.core.meshchecks import is_closed
from rerender.core.meshes import Mesh, component_count, euler_characteristic, face_areas, mean_edge_length

ITERATIONS = 5
GROWTH_LIMIT = 4.0


def remesh(mesh: Mesh, *, max_vertices: int | None = None) -> tuple[Mesh, str]:
    """Return a mesh of even triangles with the present mean edge length, and an empty text.

    If the result is not a sound mesh of the same topology, return the old mesh and what was wrong. A
    result above `max_vertices` (default: four times the present number) counts as unsound.
    """
    import gpytoolbox

    vertices, faces = gpytoolbox.remesh_botsch(
        mesh.vertices.astype(np.float64),
        mesh.faces.astype(np.int32),
        ITERATIONS,
        mean_edge_length(mesh),
        True,
    )
    limit = max_vertices or int(GROWTH_LIMIT * len(mesh.vertices))
    if not np.isfinite(vertices).all():
        return mesh, "the remeshed vertices are not finite"
    result = Mesh(vertices.astype(np.float32).astype(np.float64), faces)
    problem = defect(result, mesh, limit)
    return (mesh, problem) if problem else (result, "")


def defect(result: Mesh, before: Mesh, max_vertices: int) -> str:
    """Say what makes `result` no sound remeshing of `before`; an empty text if nothing does."""
    if len(result.vertices) > max_vertices:
        return f"remeshing gave {len(result.vertices)} vertices, more than {max_vertices}"
    if not is_closed(result):
        return "the remeshed surface is not closed"
    if float(face_areas(result).min()) <= 0.0:
        return "remeshing gave degenerate faces"
    if component_count(result) != component_count(before):
        return f"remeshing gave {component_count(result)} pieces"
    if euler_characteristic(result) != euler_characteristic(before):
        return f"remeshing changed the Euler characteristic to {euler_characteristic(result)}"
    return ""
