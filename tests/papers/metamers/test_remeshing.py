from __future__ import annotations

import numpy as np

from rerender.core.meshchecks import is_closed
from rerender.core.meshes import Mesh, face_areas, icosphere, mean_edge_length
from rerender.papers.metamers.remeshing import defect, remesh


def stretched() -> Mesh:
    sphere = icosphere(2)
    return Mesh(sphere.vertices * np.array([1.0, 1.0, 2.5]), sphere.faces)


def shape_quality(mesh: Mesh) -> float:
    """Mean of 4 sqrt(3) area / (sum of squared edges): 1 for equilateral triangles."""
    corners = mesh.vertices[mesh.faces]
    squares = ((corners - np.roll(corners, 1, axis=1)) ** 2).sum((1, 2))
    return float((4 * np.sqrt(3) * face_areas(mesh) / squares).mean())


def test_triangles_become_even_and_the_surface_stays() -> None:
    before = stretched()
    after, problem = remesh(before)
    assert problem == "" and is_closed(after)
    assert shape_quality(before) < 0.85 and shape_quality(after) > 0.93
    assert np.isclose(mean_edge_length(after), mean_edge_length(before), rtol=0.25)
    on_surface = (after.vertices**2 / np.array([1.0, 1.0, 2.5]) ** 2).sum(1)
    assert np.abs(on_surface - 1).max() < 0.15


def test_too_many_vertices_keep_the_old_mesh_and_say_so() -> None:
    before = stretched()
    after, problem = remesh(before, max_vertices=10)
    assert after is before and "more than 10" in problem


def test_unsound_results_are_recognised() -> None:
    sphere = icosphere(1)
    opened = Mesh(sphere.vertices, sphere.faces[1:])
    assert "not closed" in defect(opened, sphere, 1000)
    two = Mesh(
        np.concatenate([sphere.vertices, sphere.vertices + 5]),
        np.concatenate([sphere.faces, sphere.faces + len(sphere.vertices)]),
    )
    assert "2 pieces" in defect(two, sphere, 1000)
    assert defect(sphere, sphere, 1000) == ""
