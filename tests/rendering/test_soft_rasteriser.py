"""The soft rasteriser: its torch twin in both precisions, finite differences, and where things are in the image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rerender.core.cameras import project
from rerender.core.meshes import icosphere, merge_duplicates
from rerender.core.primitives import box
from rerender.rendering.soft_rasteriser import SoftSettings, look_from, rasterise, to_screen
from rerender.rendering.soft_twin import rasterise_twin

CAMERA = look_from(6.0, 30.0, 20.0)
YELLOW = (1.0, 0.8, 0.2)


def scene(kind: str = "sphere", dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    mesh = icosphere(1) if kind == "sphere" else merge_duplicates(box())
    vertices = torch.tensor(mesh.vertices, dtype=dtype)
    turned = vertices @ torch.tensor(
        [[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 1.0]], dtype=dtype
    ) + torch.tensor([0.3, 0.1, -0.2], dtype=dtype)
    return torch.stack([vertices, turned]), torch.tensor(mesh.faces)


def colour(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.tensor(YELLOW, dtype=dtype)


@pytest.mark.parametrize("kind", ["sphere", "box"])
@pytest.mark.parametrize("premultiplied", [True, False])
def test_kernels_and_twin_agree_in_image_and_gradient(kind: str, premultiplied: bool) -> None:
    vertices, faces = scene(kind)
    settings = SoftSettings(24, premultiplied=premultiplied, background=(0.1, 0.2, 0.4))
    weights = torch.linspace(0.0, 3.0, 2 * 24 * 24 * 4, dtype=torch.float64).sin().reshape(2, 24, 24, 4)
    images, grads = [], []
    for method in (rasterise, rasterise_twin):
        leaf, shade = vertices.clone().requires_grad_(), colour().requires_grad_()
        image = method(leaf, faces, shade, CAMERA, settings)
        (weights * image).sum().backward()
        images.append(image.detach())
        grads.append((leaf.grad, shade.grad))
    assert (images[0] - images[1]).abs().max() < 1e-11
    scale = grads[1][0].abs().max()
    assert scale > 1.0
    assert (grads[0][0] - grads[1][0]).abs().max() < 1e-10 * scale
    assert torch.allclose(grads[0][1], grads[1][1], rtol=1e-10)


def test_single_precision_agrees_with_double() -> None:
    images = [
        rasterise(*scene("sphere", dtype), colour(dtype), CAMERA, SoftSettings(24)).double()
        for dtype in (torch.float32, torch.float64)
    ]
    difference = (images[0] - images[1]).abs()
    assert difference.mean() < 1e-5
    assert difference.max() < 2e-3  # the softmax at a crease: 1e-7 of depth over a temperature of 1e-4


def test_the_gradient_is_that_of_the_image() -> None:
    vertices, faces = scene("box")
    settings = SoftSettings(
        16, gamma=1e-2, sigma=1e-3
    )  # a wide blur: leaving fragments out then jumps by 1e-4
    target = rasterise(vertices + 0.05, faces, colour(), CAMERA, settings)

    def loss(moved: torch.Tensor) -> torch.Tensor:
        return ((rasterise(moved, faces, colour(), CAMERA, settings) - target) ** 2).mean()

    leaf = vertices.clone().requires_grad_()
    loss(leaf).backward()
    direction = torch.tensor([1.0, 0.4, 0.0], dtype=torch.float64).expand_as(vertices)
    eps = 1e-6
    numerical = float(loss(vertices + eps * direction) - loss(vertices - eps * direction)) / (2 * eps)
    assert float((leaf.grad * direction).sum()) == pytest.approx(numerical, rel=1e-5)


@pytest.mark.parametrize("axis", [0, 1])
def test_moving_a_box_is_seen_as_a_hard_rasteriser_sees_it(axis: int) -> None:
    """Truth: central differences of coverage by many samples. The premultiplied gradient is near it; the plain one is not."""
    vertices, faces = scene("box")
    vertices = 2.0 * vertices[:1]
    shift = torch.zeros(3, dtype=torch.float64)
    shift[axis] = 1.0

    def sharp(moved: torch.Tensor) -> torch.Tensor:
        return rasterise(moved, faces, colour(), CAMERA, SoftSettings(64, sigma=1e-9, factor=6))

    target = sharp(vertices + torch.tensor([0.1, 0.05, 0.0]))
    truth = (
        float(
            ((sharp(vertices + 0.01 * shift) - target) ** 2).mean()
            - ((sharp(vertices - 0.01 * shift) - target) ** 2).mean()
        )
        / 0.02
    )
    found = {}
    for premultiplied in (True, False):
        settings = SoftSettings(64, premultiplied=premultiplied)
        leaf = vertices.clone().requires_grad_()
        goal = rasterise(vertices + torch.tensor([0.1, 0.05, 0.0]), faces, colour(), CAMERA, settings)
        ((rasterise(leaf, faces, colour(), CAMERA, settings) - goal) ** 2).mean().backward()
        found[premultiplied] = float((leaf.grad * shift).sum())
    assert 0.6 < found[True] / truth < 1.3
    assert abs(found[False] / truth - 1) > abs(found[True] / truth - 1)


def test_where_a_point_appears_is_where_the_camera_projects_it() -> None:
    point = np.array([[0.9, 0.6, -0.4]])
    size = 64
    x, y, depth = project(CAMERA, point, size, size)[0]
    screen = to_screen(torch.tensor(point), CAMERA)[0]
    # the released renderer's x axis points to the camera's left
    assert float(screen[2]) == pytest.approx(depth)
    assert float(screen[1]) == pytest.approx(1.0 - 2.0 * y / size)
    assert float(screen[0]) == pytest.approx(1.0 - 2.0 * x / size)
    small = torch.tensor(0.08 * icosphere(1).vertices + point[0])[None]
    image = rasterise(small, torch.tensor(icosphere(1).faces), colour(), CAMERA, SoftSettings(size))
    rows, columns = np.nonzero(image[0, ..., 3].numpy() > 0.5)
    assert abs(rows.mean() + 0.5 - y) < 0.6
    assert abs(columns.mean() + 0.5 - (size - x)) < 0.6


def test_solid_inside_empty_outside_and_lit_from_above() -> None:
    vertices, faces = scene("box")
    image = rasterise(
        vertices[:1], faces, colour(), look_from(3.0, 0.0, 0.0), SoftSettings(33, background=(0.0, 0.0, 1.0))
    )[0]
    assert torch.allclose(image[0, 0], torch.tensor([0.0, 0.0, 1.0, 0.0], dtype=torch.float64), atol=1e-9)
    middle = image[14, 16]  # a side: its normal is level
    assert torch.allclose(
        middle, torch.tensor([*(0.5 * c for c in YELLOW), 1.0], dtype=torch.float64), atol=1e-6
    )


def test_faces_behind_the_camera_are_left_out_with_finite_gradients() -> None:
    vertices, faces = scene("box")
    leaf = (vertices[:1] + torch.tensor(look_from(6.0, 30.0, 20.0).origin)).requires_grad_()
    image = rasterise(leaf, faces, colour(), CAMERA, SoftSettings(16))
    image.sum().backward()
    assert torch.isfinite(leaf.grad).all()
    assert math.isclose(float(image.detach().abs().max()), 0.0)
