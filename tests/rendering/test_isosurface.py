"""Isosurfaces on tetrahedra: closed, outward, of the right volume and genus, with the slopes of finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rerender.core.errors import UserError
from rerender.core.meshchecks import is_closed
from rerender.core.meshes import component_count, euler_characteristic, volume
from rerender.rendering.isosurface import TetGrid, as_mesh, extract, sign_changes, tet_grid

GRID = tet_grid(12)


def sphere(grid: TetGrid = GRID, radius: float = 0.7) -> torch.Tensor:
    return grid.vertices.double().norm(dim=-1) - radius


def ring() -> torch.Tensor:
    x, y, z = GRID.vertices.double().unbind(-1)
    return ((x**2 + z**2).sqrt() - 0.6).square().add(y**2).sqrt() - 0.25


def test_tetrahedra_fill_the_cube_and_share_their_faces() -> None:
    grid = tet_grid(3)
    corners = grid.vertices[grid.tets].double()
    volumes = torch.linalg.det(corners[:, 1:] - corners[:, :1]) / 6.0
    assert (volumes > 0).all()
    assert float(volumes.sum()) == pytest.approx(2.1**3, rel=1e-5)
    faces = np.sort(grid.tets.numpy()[:, [(0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)]].reshape(-1, 3), axis=1)
    counts = np.unique(faces, axis=0, return_counts=True)[1]
    assert (
        set(counts) == {1, 2} and (counts == 1).sum() == 6 * 9 * 2
    )  # two triangles a square of the cube's surface


@pytest.mark.parametrize(("distance", "euler"), [(sphere(), 2), (ring(), 0)], ids=["sphere", "ring"])
def test_surfaces_are_closed_outward_and_of_their_genus(distance: torch.Tensor, euler: int) -> None:
    mesh = as_mesh(*extract(GRID, distance))
    assert is_closed(mesh) and component_count(mesh) == 1
    assert volume(mesh) > 0 and euler_characteristic(mesh) == euler


def test_a_sphere_has_its_volume_and_its_vertices_lie_on_it() -> None:
    found, faces = extract(GRID, sphere())
    assert volume(as_mesh(found, faces)) == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=0.04)
    assert (found.norm(dim=-1) - 0.7).abs().max() < 0.02


def test_every_pattern_of_signs_makes_closed_surfaces() -> None:
    """Random signs inside, all outside at the border: whatever comes out has no hole and one outside."""
    inner = (GRID.vertices.abs() < 0.9).all(dim=-1)
    for seed in range(3):
        noise = torch.randn(len(inner), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        mesh = as_mesh(*extract(GRID, torch.where(inner, noise, 1.0)))
        directed = mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        there = directed[:, 0] * len(mesh.vertices) + directed[:, 1]
        back = directed[:, 1] * len(mesh.vertices) + directed[:, 0]
        np.testing.assert_array_equal(np.sort(there), np.sort(back))


def test_slopes_by_distance_and_grid_are_finite_differences() -> None:
    grid = tet_grid(4)
    distance = (sphere(grid) + 0.03).requires_grad_()
    places = grid.vertices.double().requires_grad_()
    _, faces = extract(grid, distance)
    assert torch.autograd.gradcheck(lambda d, v: extract(grid, d, v)[0], (distance, places), eps=1e-6)
    assert len(faces) > 20


def test_growing_the_distance_shrinks_the_sphere() -> None:
    distance = sphere().requires_grad_()
    found, _ = extract(GRID, distance)
    found.norm(dim=-1).sum().backward()  # type: ignore[no-untyped-call]
    assert distance.grad is not None
    assert (distance.grad <= 1e-9).all() and float(distance.grad.sum()) < -10.0


def test_the_regulariser_is_small_for_sure_signs_and_moves_ends_together() -> None:
    grid = tet_grid(1)
    distance = torch.full((8,), 5.0, dtype=torch.float64)
    distance[0] = -5.0
    lonely = distance.clone().requires_grad_()
    loss = sign_changes(grid, lonely)
    assert float(loss.detach()) == pytest.approx(2.0 * np.log1p(np.exp(5.0)))
    loss.backward()  # type: ignore[no-untyped-call]
    assert lonely.grad is not None and lonely.grad[0] < 0.0  # a step against the slope joins its neighbours
    assert torch.autograd.gradcheck(lambda d: sign_changes(grid, d), (distance.requires_grad_(),))


def test_values_at_grid_vertices_do_not_make_empty_triangles() -> None:
    distance = sphere(radius=float(GRID.vertices[:, 0].unique()[9]))
    assert (distance.abs() < 1e-7).any()
    mesh = as_mesh(*extract(GRID, distance))
    assert is_closed(mesh)


def test_a_surface_that_vanished_is_named() -> None:
    with pytest.raises(UserError, match="all 2197 grid vertices are outside"):
        extract(GRID, torch.ones(len(GRID.vertices)))
    with pytest.raises(UserError, match="are inside"):
        extract(GRID, -torch.ones(len(GRID.vertices)))
