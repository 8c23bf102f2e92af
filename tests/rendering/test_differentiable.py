"""Gradients through Mitsuba and the PyTorch bridge against finite differences, on both families."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.rendering.worlds import sphere_scene, textured

from rerender.core.meshes import icosphere
from rerender.rendering.differentiable import Renderer
from rerender.rendering.tonemap import reinhard_srgb

POSITIONS = "object.vertex_positions"
PROJECTIVE = {"type": "direct_projective", "sppi": 0, "guiding": "none"}
PRB = {"type": "prb", "max_depth": 3}


def loss_of(images: torch.Tensor) -> torch.Tensor:
    weight = torch.linspace(0.5, 1.5, images.shape[2])[None, None, :, None]
    return (reinhard_srgb(images) * weight).square().mean()


def directional(renderer: Renderer, key: str, at: torch.Tensor, along: torch.Tensor, spp: int) -> float:
    """Return the derivative along a direction, averaged over independent seeds."""
    slopes = []
    for seed in range(6):
        leaf = at.clone().requires_grad_(True)
        images = renderer.render({key: leaf}, views=(0, 1), seeds=(10 + seed, 50 + seed), spp=spp)
        loss_of(images).backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        slopes.append(float((leaf.grad * along).sum()))
    return float(np.mean(slopes))


def central_difference(
    renderer: Renderer, key: str, at: torch.Tensor, along: torch.Tensor, step: float
) -> float:
    """Use common random numbers on both sides, which removes most of the noise."""
    values = []
    for seed in range(4):
        pair = []
        for sign in (1, -1):
            with torch.no_grad():
                images = renderer.render(
                    {key: at + sign * step * along}, views=(0, 1), seeds=(7 + seed, 8 + seed), spp=512
                )
            pair.append(float(loss_of(images)))
        values.append((pair[0] - pair[1]) / (2 * step))
    return float(np.mean(values))


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("kind", ["grow", "shift"])
def test_vertex_gradient(kind: str, batched: bool) -> None:
    """Silhouette and shading terms together: growing and moving a sphere."""
    sphere = icosphere(3)
    renderer = Renderer(sphere_scene(mesh=sphere, integrator=PROJECTIVE, batched=batched), [POSITIONS])
    at = torch.from_numpy(sphere.vertices).float()
    along = at.clone() if kind == "grow" else torch.tensor([0.6, 0.0, 0.8]).expand_as(at)
    analytic = directional(renderer, POSITIONS, at, along, spp=64)
    numeric = central_difference(renderer, POSITIONS, at, along, step=0.03)
    assert analytic == pytest.approx(numeric, rel=0.12, abs=2e-4)


@pytest.mark.parametrize("batched", [False, True])
def test_texture_gradient(batched: bool) -> None:
    pixels = np.full((4, 4, 3), 0.4, dtype=np.float32)
    key = "object.bsdf.base_color.data"
    renderer = Renderer(sphere_scene(bsdf=textured(pixels), integrator=PRB, batched=batched), [key])
    at = torch.from_numpy(pixels)
    along = torch.zeros_like(at)
    along[1:3, 1:3, 0] = 1.0
    analytic = directional(renderer, key, at, along, spp=64)
    numeric = central_difference(renderer, key, at, along, step=0.05)
    assert numeric > 0
    assert analytic == pytest.approx(numeric, rel=0.08)


def test_roughness_gradient() -> None:
    key = "object.bsdf.roughness.value"
    renderer = Renderer(
        sphere_scene(bsdf=textured(np.full((4, 4, 3), 0.2, np.float32)), integrator=PRB), [key]
    )
    at, along = torch.tensor([0.5]), torch.ones(1)
    analytic = directional(renderer, key, at, along, spp=256)
    numeric = central_difference(renderer, key, at, along, step=0.05)
    assert analytic == pytest.approx(numeric, rel=0.2, abs=3e-4)


def test_same_seed_same_image_and_gradient() -> None:
    sphere = icosphere(2)
    renderer = Renderer(sphere_scene(mesh=sphere, integrator=PROJECTIVE), [POSITIONS])
    gradients = []
    for _ in range(2):
        leaf = torch.from_numpy(sphere.vertices).float().requires_grad_(True)
        loss_of(renderer.render({POSITIONS: leaf}, views=(0,), seeds=(3,), spp=4)).backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        gradients.append(leaf.grad.clone())
    assert torch.equal(*gradients)


@pytest.mark.parametrize("batched", [False, True])
def test_both_renders_of_one_call_give_gradients(batched: bool) -> None:
    pixels = np.full((4, 4, 3), 0.4, dtype=np.float32)
    key = "object.bsdf.base_color.data"
    renderer = Renderer(sphere_scene(bsdf=textured(pixels), integrator=PRB, batched=batched), [key])

    def slope(select: list[int]) -> float:
        leaf = torch.from_numpy(pixels).requires_grad_(True)
        images = renderer.render({key: leaf}, views=(0, 1, 0, 1), seeds=(1, 2, 3, 4), spp=32)
        images[select].sum().backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        return float(leaf.grad.sum())

    first, second, both = slope([0, 1]), slope([2, 3]), slope([0, 1, 2, 3])
    assert first > 0 and second == pytest.approx(first, rel=0.1) and first != second
    assert both == pytest.approx(first + second, rel=1e-3)


def test_late_gradients_are_refused_and_not_misdirected() -> None:
    pixels = np.full((4, 4, 3), 0.4, dtype=np.float32)
    key = "object.bsdf.base_color.data"
    renderer = Renderer(sphere_scene(bsdf=textured(pixels), integrator=PRB), [key])
    leaf = torch.from_numpy(pixels).requires_grad_(True)
    first = renderer.render({key: leaf}, views=(0,), seeds=(1,), spp=4)
    renderer.render({key: leaf}, views=(0,), seeds=(2,), spp=4)
    with pytest.raises(RuntimeError, match="before the next one"):
        first.sum().backward()  # type: ignore[no-untyped-call]


def test_unknown_keys_are_named() -> None:
    with pytest.raises(KeyError, match="no scene parameter"):
        Renderer(sphere_scene(), ["object.bsdf.nonsense"])
    renderer = Renderer(sphere_scene())
    with pytest.raises(KeyError, match="not among"):
        renderer.render({"x": torch.zeros(1)}, views=(0,), seeds=(1,), spp=1)
