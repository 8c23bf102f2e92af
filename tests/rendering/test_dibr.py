"""DIB-R: its torch twin, finite differences, and what is seen where."""

from __future__ import annotations

import pytest
import torch

from rerender.core.meshes import icosphere
from rerender.rendering.dibr import DibrSettings, rasterise_dibr
from rerender.rendering.dibr_twin import rasterise_dibr_twin
from rerender.rendering.soft_rasteriser import SoftSettings, look_from, rasterise, to_screen

F64 = torch.float64
CAMERA = look_from(6.0, 30.0, 20.0)
SMALL = DibrSettings(20)


def scene(dtype: torch.dtype = F64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return two poses of a small ball beside a larger one, their faces, and a colour for every vertex."""
    ball = icosphere(1)
    points, faces = torch.tensor(ball.vertices, dtype=dtype), torch.tensor(ball.faces)
    both = torch.cat([points, 0.5 * points + torch.tensor([0.9, 0.3, -0.8], dtype=dtype)])
    turned = both @ torch.tensor([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 1.0]], dtype=dtype)
    draw = torch.Generator().manual_seed(3)
    colours = torch.rand((len(both), 3), generator=draw, dtype=F64).to(dtype)
    return torch.stack([both, turned + 0.1]), torch.cat([faces, faces + len(points)]), colours


def weights() -> torch.Tensor:
    return torch.linspace(0.0, 3.0, 2 * 20 * 20 * 4, dtype=F64).sin().reshape(2, 20, 20, 4)


def test_kernels_and_twin_agree_in_image_and_gradient() -> None:
    vertices, faces, colours = scene()
    images, grads = [], []
    for method in (rasterise_dibr, rasterise_dibr_twin):
        leaf, tint = vertices.clone().requires_grad_(), colours.clone().requires_grad_()
        image = method(leaf, faces, tint, CAMERA, SMALL)
        (weights() * image).sum().backward()
        images.append(image.detach())
        grads.append((leaf.grad, tint.grad))
    assert float(images[1][..., 3].max()) == 1.0 and float(images[1][..., 3].min()) == 0.0
    assert (images[0] - images[1]).abs().max() < 1e-11
    for ours, theirs in zip(*grads, strict=True):
        assert theirs.abs().max() > 0.1
        assert (ours - theirs).abs().max() < 1e-10 * theirs.abs().max()


@pytest.mark.parametrize("channels", [slice(0, 3), slice(3, 4)])
def test_the_gradient_is_that_of_the_image(channels: slice) -> None:
    """Of colours and of alpha, each alone, in a direction of its own for every vertex."""
    vertices, faces, colours = scene()
    way = torch.linspace(0.0, 40.0, vertices.numel(), dtype=F64).cos().reshape(vertices.shape)

    def loss(moved: torch.Tensor, tint: torch.Tensor) -> torch.Tensor:
        return (weights() * rasterise_dibr(moved, faces, tint, CAMERA, SMALL))[..., channels].sum()

    leaf, tint = vertices.clone().requires_grad_(), colours.clone().requires_grad_()
    loss(leaf, tint).backward()
    eps = 1e-7
    ends = [float(loss(vertices + sign * eps * way, colours)) for sign in (1, -1)]
    assert float((leaf.grad * way).sum()) == pytest.approx((ends[0] - ends[1]) / (2 * eps), rel=1e-5)
    brighter = [float(loss(vertices, colours + sign * 1e-3)) for sign in (1, -1)]
    assert float(tint.grad.sum()) == pytest.approx((brighter[0] - brighter[1]) / 2e-3, rel=1e-9, abs=1e-9)


def test_alpha_is_one_on_the_object_and_falls_as_a_gaussian_of_the_distance_beside_it() -> None:
    """One face, seen from in front: above its level upper edge every pixel has the distance to that edge."""
    camera = look_from(6.0, 0.0, 0.0)
    corners = torch.tensor([[[0.0, -1.0, 0.0], [2.0, 1.0, 0.0], [-2.0, 1.0, 0.0]]], dtype=F64)
    settings = DibrSettings(64)
    for faces in ([[0, 1, 2]], [[0, 2, 1]]):
        image = rasterise_dibr(corners, torch.tensor(faces), torch.ones((3, 3), dtype=F64), camera, settings)[
            0
        ]
        if float(image[..., 0].max()) == 0.0:
            continue  # turned away
        column = image[:, 32, 3]
        assert float(column[32]) == 1.0 and torch.allclose(image[32, 32, :3], torch.ones(3, dtype=F64))
        edge = float(to_screen(corners, camera)[0, 1, 1])
        rows = 1.0 - (2.0 * torch.arange(64, dtype=F64) + 1.0) / 64
        beside = (rows > edge) & (rows < edge + 0.9 * settings.margin)
        wanted = torch.exp(-settings.steepness * (rows - edge) ** 2)
        assert int(beside.sum()) >= 2 and torch.allclose(column[beside], wanted[beside])
        assert float(column[rows > edge + settings.margin].max()) == 0.0
        return
    raise AssertionError("no side of the face is seen")


def test_the_nearest_face_that_is_turned_to_the_camera_is_seen() -> None:
    vertices, faces, colours = scene()
    hidden = colours.clone()
    depth = to_screen(vertices[:1], CAMERA)[0, :, 2]
    far = depth > depth[:42].mean() + 0.3
    hidden[far] = 0.0
    images = [rasterise_dibr(vertices[:1], faces, tint, CAMERA, SMALL) for tint in (colours, hidden)]
    middle = (slice(None), slice(8, 12), slice(8, 12))
    assert torch.equal(images[0][middle], images[1][middle])
    # and it stands where the soft rasteriser has it
    soft = rasterise(vertices[:1], faces, torch.ones(3, dtype=F64), CAMERA, SoftSettings(20))
    assert float((images[0][..., 3] - soft[..., 3]).abs().mean()) < 0.05


def test_single_precision_agrees_with_double() -> None:
    images = [rasterise_dibr(*scene(dtype), CAMERA, SMALL).double() for dtype in (torch.float32, F64)]
    assert (images[0] - images[1]).abs().mean() < 1e-4
