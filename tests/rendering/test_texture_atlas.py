"""Atlases: faces stay in order, charts do not overlap, texels know their place, baking and reading back agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rerender.core.errors import UserError
from rerender.core.meshes import Mesh, face_areas, icosphere, merge_duplicates
from rerender.core.primitives import box, globe
from rerender.rendering.gbuffers import on_surface
from rerender.rendering.split_sum import tangent_normals, world_normals
from rerender.rendering.texture_atlas import baked, dilated, texels, unwrapped, with_texcoords

SIZE = 64


def corners(mesh: Mesh) -> np.ndarray:
    return mesh.vertices[mesh.faces]


def area(mesh: Mesh) -> float:
    """Return the share of the texture that the faces cover, each counted."""
    assert mesh.texcoords is not None
    flat = np.concatenate([mesh.texcoords, np.zeros((len(mesh.texcoords), 1))], axis=1)
    return float(face_areas(Mesh(flat, mesh.faces)).sum())


@pytest.fixture(scope="module")
def ball() -> Mesh:
    return unwrapped(icosphere(2), SIZE)


@pytest.mark.parametrize("mesh", [icosphere(2), box(), globe(6, 12)], ids=["ball", "box", "globe"])
def test_faces_keep_their_order_and_charts_do_not_overlap(mesh: Mesh) -> None:
    found = unwrapped(mesh, SIZE)
    np.testing.assert_allclose(corners(found), corners(mesh), atol=1e-6)
    assert found.texcoords is not None and found.texcoords.min() >= 0 and found.texcoords.max() <= 1
    covered = float(texels(found, 256).mask().float().mean())
    assert covered > 0.3
    assert area(found) == pytest.approx(covered, abs=0.03)


def test_a_mesh_with_coordinates_keeps_them_and_others_get_an_atlas(ball: Mesh) -> None:
    assert with_texcoords(ball) is ball
    plain = icosphere(1)
    assert with_texcoords(plain, SIZE).texcoords is not None


def test_texels_know_their_place(ball: Mesh) -> None:
    found = texels(ball, SIZE)
    row, column = found.pixels // SIZE, found.pixels % SIZE
    np.testing.assert_allclose(found.uv[:, 0], (column + 0.5) / SIZE, atol=1e-4)
    np.testing.assert_allclose(found.uv[:, 1], 1.0 - (row + 0.5) / SIZE, atol=1e-4)
    again = np.einsum("nk,nkd->nd", found.barycentric.numpy(), corners(ball)[found.faces.numpy()])
    np.testing.assert_allclose(found.positions.numpy(), again, atol=1e-5)
    assert torch.equal(found.toward, found.normals)


def test_a_baked_field_is_read_back_on_the_surface(ball: Mesh) -> None:
    found = texels(ball, 128)
    texture = torch.from_numpy(baked(found, 0.5 + 0.5 * found.positions))
    rng = np.random.default_rng(0)
    faces = rng.integers(0, len(ball.faces), 2000)
    weights = rng.dirichlet((1.0, 1.0, 1.0), 2000)
    points = on_surface(ball, faces, weights)
    place = torch.stack([2 * points.uv[:, 0] - 1, 1 - 2 * points.uv[:, 1]], dim=1)[None, :, None]
    read = torch.nn.functional.grid_sample(texture.permute(2, 0, 1)[None], place, align_corners=False)
    error = (read[0, :, :, 0].T - (0.5 + 0.5 * points.positions)).abs()
    assert error.mean() < 2e-3 and error.max() < 0.06


def test_gaps_take_the_nearest_texel() -> None:
    image = np.arange(12.0).reshape(3, 4, 1)
    known = np.zeros((3, 4), dtype=bool)
    known[1, 0] = known[1, 3] = True
    np.testing.assert_array_equal(dilated(image, known)[..., 0], [[4, 4, 7, 7]] * 3)
    with pytest.raises(ValueError, match="no texel"):
        dilated(image, np.zeros((3, 4), dtype=bool))


def test_normals_go_into_tangent_space_and_back(ball: Mesh) -> None:
    found = texels(ball, 32)
    leaning = torch.nn.functional.normalize(found.normals + 0.2 * torch.tensor([0.3, -0.5, 0.8]), dim=-1)
    again = world_normals(found, tangent_normals(found, leaning))
    assert (again - leaning).abs().max() < 1e-5


def test_non_manifold_parts_are_unwrapped_too() -> None:
    solid = merge_duplicates(box())
    fin = np.array([[0.5, 1.0, 0.5], [0.5, 1.0, -0.5], [1.0, 2.0, 0.0]])
    vertices = np.concatenate([solid.vertices, fin])
    three = Mesh(vertices, np.concatenate([solid.faces, [[8, 9, 10]]]))
    found = unwrapped(three, SIZE)
    np.testing.assert_allclose(corners(found), corners(three), atol=1e-6)


def test_broken_meshes_are_refused_with_a_remedy() -> None:
    vertices = icosphere(1).vertices.copy()
    vertices[3] = np.inf
    with pytest.raises(UserError, match="NaN or infinite"):
        unwrapped(Mesh(vertices, icosphere(1).faces))
    with pytest.raises(ValueError, match="no texels"):
        texels(icosphere(1), SIZE)
