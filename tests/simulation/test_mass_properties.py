from __future__ import annotations

import numpy as np
import pytest

from rerender.core.meshes import Mesh, icosphere, merge_duplicates
from rerender.core.primitives import box
from rerender.simulation.errors import BadMesh
from rerender.simulation.mass_properties import point_masses, solid


def block(*size: float) -> Mesh:
    cube = merge_duplicates(box())
    return Mesh(cube.vertices * np.array(size) + np.array([3.0, -1.0, 2.0]), cube.faces)


def test_a_block_has_the_textbook_moment_about_its_own_centre() -> None:
    found = solid(block(1.0, 2.0, 3.0))
    assert found.volume == pytest.approx(6.0)
    assert np.allclose(found.centre, [3.0, 0.0, 2.0])
    assert np.allclose(found.inertia, np.diag([4 + 9, 1 + 9, 1 + 4]) / 12.0)


def test_a_fine_sphere_approaches_two_fifths_r_squared() -> None:
    found = solid(icosphere(4, 1.5))
    assert np.allclose(found.inertia, 0.4 * 1.5**2 * np.eye(3), atol=5e-3)


def test_point_masses_sit_at_the_vertices() -> None:
    found = point_masses(block(2.0, 2.0, 2.0))
    assert np.allclose(found.inertia, 2.0 * np.eye(3))
    assert np.allclose(found.centre, [3.0, 0.0, 2.0])


def test_open_twisted_and_inverted_meshes_are_refused() -> None:
    mesh = block(1.0, 1.0, 1.0)
    with pytest.raises(BadMesh, match="open at the edge"):
        solid(Mesh(mesh.vertices, mesh.faces[1:]))
    with pytest.raises(BadMesh, match=r"encloses -1 m³.*\n.*outwards"):
        solid(Mesh(mesh.vertices, mesh.faces[:, ::-1]))
    twice = np.concatenate([mesh.faces, mesh.faces])
    with pytest.raises(BadMesh, match="occurs twice"):
        solid(Mesh(mesh.vertices, twice))
