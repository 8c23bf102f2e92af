from __future__ import annotations

import numpy as np
import pytest

from rerender.core.meshchecks import find_defects, is_closed
from rerender.core.meshes import Mesh, euler_characteristic, icosphere, volume
from rerender.core.subdivision import subdivide_loop


def test_a_closed_mesh_stays_closed_and_grows_fourfold() -> None:
    ball = icosphere(1)
    finer = subdivide_loop(ball, 2)
    assert len(finer.faces) == 16 * len(ball.faces)
    assert is_closed(finer) and euler_characteristic(finer) == 2 and volume(finer) > 0
    assert subdivide_loop(ball, 0) is ball


def test_smoothing_rounds_an_octahedron() -> None:
    vertices = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)], float)
    faces = np.array([(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)])
    finer = subdivide_loop(Mesh(vertices, faces), 3)
    radius = np.linalg.norm(finer.vertices, axis=1)
    assert radius.max() / radius.min() < 1.25  # 1.73 for the octahedron itself
    np.testing.assert_allclose(finer.vertices.mean(axis=0), 0.0, atol=1e-12)


def test_a_flat_grid_stays_flat_and_its_border_stays_straight() -> None:
    n = 4
    x, y = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    vertices = np.stack([x, y, 0 * x], -1).reshape(-1, 3).astype(float)
    a = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    faces = np.concatenate([np.stack([a, a + n, a + n + 1], 1), np.stack([a, a + n + 1, a + 1], 1)])
    finer = subdivide_loop(Mesh(vertices, faces))
    assert np.abs(finer.vertices[:, 2]).max() == 0.0
    found = find_defects(finer)
    assert found.boundary_edges == 2 * 4 * (n - 1) and found.nonmanifold_edges == 0
    # a border vertex between two others on a line does not move off it, nor do the regular inner ones
    np.testing.assert_allclose(finer.vertices[1], (0, 1, 0), atol=1e-12)
    np.testing.assert_allclose(finer.vertices[n + 1], (1, 1, 0), atol=1e-12)


def test_subdivision_is_affine_invariant() -> None:
    ball = icosphere(1)
    matrix = np.array([[2.0, 0.3, 0], [0, 1, -0.5], [0.1, 0, 3]])
    moved = subdivide_loop(Mesh(ball.vertices @ matrix.T + 5, ball.faces))
    np.testing.assert_allclose(moved.vertices, subdivide_loop(ball).vertices @ matrix.T + 5, atol=1e-12)


@pytest.mark.parametrize("valence", [3, 4, 6, 9])
def test_weights_of_a_vertex_sum_to_one_at_any_valence(valence: int) -> None:
    angle = np.arange(valence) * 2 * np.pi / valence
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(valence)], axis=1)
    vertices = np.concatenate([[[0, 0, 1.0]], ring, [[0, 0, -1.0]]])
    around = 1 + np.arange(valence)
    after = np.roll(around, -1)
    top = np.stack([np.zeros(valence, int), around, after], 1)
    bottom = np.stack([np.full(valence, valence + 1), after, around], 1)
    moved = subdivide_loop(Mesh(vertices, np.concatenate([top, bottom]))).vertices[0]
    beta = (0.625 - (0.375 + 0.25 * np.cos(2 * np.pi / valence)) ** 2) / valence
    np.testing.assert_allclose(moved, (0, 0, 1 - valence * beta), atol=1e-12)
