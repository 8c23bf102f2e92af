"""Outlines: which edges they are, and where their samples lie."""

from __future__ import annotations

import numpy as np
import pytest

from rerender.core.cameras import Camera, project
from rerender.core.meshes import Mesh
from rerender.core.orbits import LENS, Orbit, motion
from rerender.core.primitives import box
from rerender.rendering.silhouettes import edge_table, film_motion, sample_outlines, silhouettes


def test_a_cube_has_the_outline_of_its_hexagon() -> None:
    ends = silhouettes(edge_table(box()), np.array([3.0, 3.5, 3.0]))
    assert len(ends) == 6  # 24 unmerged vertices, 18 edges with the diagonals
    near_or_far = [np.isclose(ends, corner).all(axis=-1).any() for corner in ((0.5, 1, 0.5), (-0.5, 0, -0.5))]
    assert near_or_far == [False, False]


def test_an_open_edge_and_a_jump_of_colour_are_always_outlines() -> None:
    square = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]]))
    eye = np.array([0.3, 0.2, 4.0])
    assert len(silhouettes(edge_table(square), eye)) == 4
    colours = np.zeros((2, 3, 3))
    assert len(silhouettes(edge_table(square, colours), eye)) == 4
    colours[1] = 1.0
    assert len(silhouettes(edge_table(square, colours), eye)) == 5


@pytest.mark.parametrize(
    "camera", [Orbit(3.0, 20, 30).camera(), Camera((0.2, 0.4, 0.3), (-3.0, 0.5, 0.1), fov_deg=70)]
)
def test_samples_lie_on_the_pictures_of_edges_and_within_the_film(camera: Camera) -> None:
    cube = box()
    open_cube = Mesh(cube.vertices, cube.faces[2:])  # seen from the inside, its hole has an outline
    found = sample_outlines(edge_table(open_cube), camera, 40, 24, 8.0, np.random.default_rng(0))
    assert len(found.where) > 20
    assert (found.where >= -1e-9).all() and (found.where <= np.array([40, 24]) + 1e-9).all()
    assert project(camera, found.points, 40, 24)[:, :2] == pytest.approx(found.where, abs=1e-6)
    flat = np.isclose(np.abs(found.points - (0.0, 0.5, 0.0)), 0.5, atol=1e-6).sum(axis=1)
    assert (flat >= 1).all() and np.linalg.norm(found.normals, axis=1) == pytest.approx(1.0)
    assert found.step == pytest.approx(1 / 8, rel=0.05)


def test_pictures_of_points_move_as_the_camera_does() -> None:
    orbit, points = Orbit(4.0, 25, 70, 50), np.array([[0.3, 0.2, -0.4], [-1.0, 0.5, 0.1]])
    slopes = film_motion(orbit.camera(), motion(orbit, LENS), points, 64)
    for k, step in enumerate(1e-5 * np.eye(4)):
        ends = [
            project(orbit.moved_to(LENS, orbit.values(LENS) + sign * step).camera(), points, 64, 48)
            for sign in (1, -1)
        ]
        assert slopes[k] == pytest.approx((ends[0] - ends[1])[:, :2] / 2e-5, abs=1e-6)
