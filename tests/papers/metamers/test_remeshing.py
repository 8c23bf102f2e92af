from __future__ import annotations

import numpy as np

from rerender.core.meshchecks import is_closed
from rerender.core.meshes import Mesh, face_areas, icosphere, mean_edge_length
from rerender.papers.metamers.remeshing import defect, remesh


def stretched() -> Mesh:
    sphere = icosphere(2)
    return Mesh(sphere.vertices * np.array([1.0, 1.0, 2.5]), sphere.faces)


def test_triangles_become_even_and_the_surface_stays() -> None:
    before = stretched()
    after, problem = remesh(before)
    assert problem == "" and is_closed(after)
    spread = [np.std(face_areas(mesh)) / np.mean(face_areas(mesh)) for mesh in (before, after)]
    assert spread[1] < 0.6 * spread[0]
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
