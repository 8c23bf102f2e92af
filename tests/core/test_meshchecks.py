from __future__ import annotations

import numpy as np
import pytest

from rerender.core.errors import UserError
from rerender.core.meshchecks import check_closed, check_finite, find_defects, is_closed
from rerender.core.meshes import Mesh, icosphere


def test_a_sphere_is_closed_and_stays_so_when_its_vertices_are_split() -> None:
    ball = icosphere(1)
    assert is_closed(ball)
    split = Mesh(ball.vertices[ball.faces].reshape(-1, 3), np.arange(3 * len(ball.faces)).reshape(-1, 3))
    assert is_closed(split)
    assert not is_closed(Mesh(ball.vertices, np.zeros((0, 3))))


def test_each_kind_of_defect_is_counted() -> None:
    ball = icosphere(1)
    assert find_defects(Mesh(ball.vertices, ball.faces[1:])).boundary_edges == 3
    fin = Mesh(
        np.concatenate([ball.vertices, [[0, 0, 3.0]]]),
        np.concatenate([ball.faces, [[*ball.faces[0][:2], len(ball.vertices)]]]),
    )
    found = find_defects(fin)
    assert found.nonmanifold_edges == 1 and found.boundary_edges == 2
    flipped = Mesh(ball.vertices, np.concatenate([ball.faces[:1, ::-1], ball.faces[1:]]))
    assert find_defects(flipped).misoriented_edges == 3
    assert not is_closed(flipped)


def test_an_open_mesh_gets_one_message_that_says_how_many_and_what_to_do() -> None:
    ball = icosphere(1)
    mesh = Mesh(ball.vertices, ball.faces[1:])
    with pytest.raises(UserError, match="the mesh 'cup' is not closed: 3 edges at a hole") as start:
        check_closed(mesh, "cup")
    assert "start mesh must be closed" in str(start.value) and "open_target" not in str(start.value)
    with pytest.raises(UserError) as target:
        check_closed(mesh, "cup", role="target")
    assert "open_target=True in its SceneSpec" in str(target.value)
    check_closed(ball, "ball")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_vertices_that_are_not_finite_are_refused_with_their_number(bad: float) -> None:
    ball = icosphere(0)
    vertices = ball.vertices.copy()
    vertices[[4, 7], 1] = bad
    with pytest.raises(UserError, match=r"2 of 12 vertices that are NaN or infinite \(first: vertex 4\)"):
        check_closed(Mesh(vertices, ball.faces), "ball")


def test_empty_flat_and_badly_unwrapped_meshes_are_refused() -> None:
    ball = icosphere(0)
    with pytest.raises(UserError, match="has no faces"):
        check_finite(Mesh(ball.vertices, np.zeros((0, 3))), "ball")
    with pytest.raises(UserError, match="has no area"):
        check_finite(Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]])), "dot")
    with pytest.raises(UserError, match="texture coordinates"):
        check_finite(Mesh(ball.vertices, ball.faces, np.full((12, 2), np.nan)), "ball")
