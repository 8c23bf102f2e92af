"""G-buffers: a sphere whose every value is known, textures the right way up, views in and out, cameras that see nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.rendering.worlds import CAMERAS, sphere_scene, uv_sphere

from rerender.core.cameras import project, random_cameras, turntable_cameras
from rerender.core.errors import UserError
from rerender.core.meshes import Mesh, icosphere, tangents
from rerender.rendering.gbuffers import GBuffer, trace
from rerender.rendering.visibility import silhouettes

SIZE = 32
VIEWS = random_cameras(3, np.random.default_rng(5))


@pytest.fixture(scope="module")
def sphere() -> GBuffer:
    return trace(uv_sphere(), VIEWS, SIZE)


def test_positions_lie_behind_their_pixels_and_directions_point_back(sphere: GBuffer) -> None:
    for view, camera in enumerate(VIEWS):
        part = sphere.of_view(view)
        seen = project(camera, sphere.positions[part].numpy(), SIZE, SIZE)
        inside = sphere.pixels[part].numpy() - view * SIZE * SIZE
        np.testing.assert_allclose(seen[:, 0], inside % SIZE + 0.5, atol=1e-3)
        np.testing.assert_allclose(seen[:, 1], inside // SIZE + 0.5, atol=1e-3)
        back = np.array(camera.origin) - sphere.positions[part].numpy()
        back /= np.linalg.norm(back, axis=1, keepdims=True)
        np.testing.assert_allclose(sphere.toward[part].numpy(), back, atol=1e-5)


def test_frames_are_those_of_the_sphere(sphere: GBuffer) -> None:
    outwards = torch.nn.functional.normalize(sphere.positions, dim=-1)
    assert ((sphere.normals * outwards).sum(-1) > 0.9995).all()
    assert ((sphere.geometric * outwards).sum(-1) > 0.98).all()
    assert ((sphere.geometric * sphere.toward).sum(-1) > 0.0).all()
    assert (sphere.tangents * sphere.normals).sum(-1).abs().max() < 1e-5
    # u grows with x (`uv_sphere`), so does the tangent where the surface is level in y
    level = sphere.normals[:, 0].abs() < 0.5
    assert (sphere.tangents[level, 0] > 0.0).all()
    np.testing.assert_allclose(sphere.uv[:, 0], 0.5 + 0.45 * sphere.positions[:, 0], atol=1e-5)
    np.testing.assert_allclose(sphere.barycentric.sum(-1), 1.0, atol=1e-5)
    corners = uv_sphere().vertices[uv_sphere().faces[sphere.faces.numpy()]]
    again = np.einsum("nk,nkd->nd", sphere.barycentric.numpy(), corners)
    np.testing.assert_allclose(again, sphere.positions.numpy(), atol=1e-5)


def test_the_mask_is_the_silhouette() -> None:
    found = trace(uv_sphere(), CAMERAS, SIZE).mask().numpy()
    np.testing.assert_array_equal(found, silhouettes(sphere_scene(), "object"))


def test_values_become_images_and_come_back(sphere: GBuffer) -> None:
    values = sphere.positions.clone().requires_grad_()
    images = sphere.images(values, 0.25)
    assert images.shape == (3, SIZE, SIZE, 3)
    assert torch.equal(sphere.gather(images), values)
    assert (images[~sphere.mask()] == 0.25).all()
    images.sum().backward()
    assert values.grad is not None and (values.grad == 1.0).all()
    noise = torch.rand(3, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(0))
    over = sphere.images(values, noise)
    assert torch.equal(over[~sphere.mask()], noise[~sphere.mask()])


def test_views_can_be_picked_in_any_order_and_twice(sphere: GBuffer) -> None:
    picked = sphere.select([2, 0, 2])
    assert picked.shape == (3, SIZE, SIZE)
    whole = sphere.images(sphere.positions)
    assert torch.equal(picked.images(picked.positions), whole[[2, 0, 2]])
    assert torch.equal(picked.mask(), sphere.mask()[[2, 0, 2]])
    assert picked.of_view(1) == slice(picked.starts[1], picked.starts[2])
    assert torch.equal(picked.positions[picked.of_view(1)], sphere.positions[sphere.of_view(0)])


@pytest.mark.parametrize("stride", [2, 3])
def test_thinned_pictures_are_pictures_with_rows_and_columns_left_out(sphere: GBuffer, stride: int) -> None:
    thin = sphere.thinned(stride)
    whole, part = (one.images(one.positions, -9.0) for one in (sphere, thin))
    assert torch.equal(part, whole[:, ::stride, ::stride])
    assert torch.equal(thin.select([1]).positions, thin.positions[thin.of_view(1)])


def test_precision_changes_floats_only(sphere: GBuffer) -> None:
    double = sphere.to("cpu", torch.float64)
    assert double.positions.dtype == torch.float64 and double.faces.dtype == torch.int64
    assert len(double) == len(sphere)


def test_a_mesh_without_texture_coordinates_has_frames_too() -> None:
    found = trace(icosphere(2), turntable_cameras(1), SIZE)
    lengths = found.tangents.norm(dim=-1)
    assert (lengths - 1.0).abs().max() < 1e-5
    assert (found.tangents * found.normals).sum(-1).abs().max() < 1e-5


def test_lost_tangents_are_replaced() -> None:
    normals = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    along = np.array([[0.0, 0.0, 2.0], [0.0, 0.0, 0.0], [3.0, 1.0, 0.0]])
    found = tangents(along, normals)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0)
    np.testing.assert_allclose((found * normals).sum(axis=1), 0.0, atol=1e-12)
    np.testing.assert_allclose(found[2], [0.0, 1.0, 0.0])


def test_seams_do_not_show_in_the_normals() -> None:
    whole = icosphere(1)
    corners = whole.vertices[whole.faces].reshape(-1, 3)
    torn = Mesh(corners, np.arange(len(corners)).reshape(-1, 3))
    pair = [trace(mesh, VIEWS[:1], SIZE).normals for mesh in (whole, torn)]
    assert (pair[0] - pair[1]).abs().max() < 1e-5


def test_cameras_that_see_nothing_and_broken_meshes_are_refused() -> None:
    far = Mesh(icosphere(1).vertices + 100.0, icosphere(1).faces)
    with pytest.raises(UserError, match="none of the 3 cameras sees the cow"):
        trace(far, VIEWS, SIZE, name="cow")
    vertices = icosphere(1).vertices.copy()
    vertices[4, 1] = np.nan
    with pytest.raises(UserError, match="NaN"):
        trace(Mesh(vertices, icosphere(1).faces), VIEWS, SIZE)
