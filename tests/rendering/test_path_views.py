"""Replay of a render's own paths: exact derivative of the image at hand, unbiased where the loss allows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.rendering.worlds import CAMERAS, grey, sphere_scene, textured

from rerender.rendering.differentiable import Renderer
from rerender.rendering.pinholes import Pinholes, first_samples, pixel_samples
from rerender.rendering.scenes import Film
from rerender.rendering.tonemap import reinhard_srgb

PRB = {"type": "prb", "max_depth": 4, "rr_depth": 100}
GREY = "object.bsdf.reflectance.value"
COLOUR = "object.bsdf.base_color.data"
PIXELS = np.full((4, 4, 3), 0.4, np.float32)
BOTH = (0, 1)


def grey_renderer(size: int = 16) -> Renderer:
    return Renderer(sphere_scene(bsdf=grey(), integrator=PRB, batched=True, size=size), [GREY])


def by_batch_sensor(renderer: Renderer) -> Renderer:
    """Make Mitsuba's batch sensor render the scene."""
    renderer.joint = None
    return renderer


def test_images_and_gradients_are_those_of_the_batch_sensor() -> None:
    described = sphere_scene(bsdf=textured(PIXELS), integrator=PRB, batched=True, size=16)
    weights = torch.linspace(0.5, 1.5, 16)[None, None, :, None]

    def mean(renderer: Renderer, replay: bool) -> tuple[torch.Tensor, torch.Tensor]:
        leaf = torch.from_numpy(PIXELS).clone().requires_grad_(True)
        images = renderer.render({COLOUR: leaf}, views=BOTH, seeds=(3, 4), spp=1024, replay=replay)
        (images * weights).sum().backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        return images.detach(), leaf.grad

    theirs, slopes = mean(by_batch_sensor(Renderer(described, [COLOUR])), False)
    for replay in (False, True):
        images, found = mean(Renderer(described, [COLOUR]), replay)
        assert images.shape == (2, 16, 16, 3)
        assert float((images - theirs).abs().mean()) < 0.01
        assert float((images - theirs).mean()) == pytest.approx(0.0, abs=1e-3)
        assert float((found - slopes).norm() / slopes.norm()) < 0.02


def test_without_replay_the_adjoint_has_paths_of_its_own() -> None:
    renderer = grey_renderer()
    images, gradients = [], []
    for replay in (True, False):
        leaf = torch.full((3,), 0.5, requires_grad=True)
        images.append(renderer.render({GREY: leaf}, views=BOTH, seeds=(1, 1), spp=1, replay=replay))
        images[-1].mean().backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        gradients.append(leaf.grad)
    assert torch.equal(images[0], images[1])
    assert not torch.isclose(gradients[0], gradients[1], rtol=1e-4).any()


def test_derivative_is_that_of_the_very_image() -> None:
    """A diffuse surface's paths do not depend on its colour, so even a noisy image has an exact difference quotient."""
    renderer = grey_renderer()
    weights = torch.linspace(0.5, 1.5, 16)[None, None, :, None]

    def loss(value: torch.Tensor) -> torch.Tensor:
        return (renderer.render({GREY: value}, views=BOTH, seeds=(5, 6), spp=2, replay=True) * weights).mean()

    leaf = torch.full((3,), 0.5, requires_grad=True)
    loss(leaf).backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    for channel in range(3):
        step = torch.zeros(3)
        step[channel] = 0.02
        with torch.no_grad():
            slope = float(loss(0.5 + step) - loss(0.5 - step)) / 0.04
        assert slope > 0
        # the third bounce makes the image cubic in the colour; the rest is float32
        assert float(leaf.grad[channel]) == pytest.approx(slope, rel=2e-3)


def test_fewer_samples_are_the_first_ones_of_each_pixel() -> None:
    pinholes = Pinholes(CAMERAS, Film(4, 3, "box"))
    few, many = (pixel_samples(pinholes, (1, 0), 9, spp)[0].d for spp in (2, 5))
    assert np.array(few).shape == (3, 2 * 2 * 12)
    assert np.array_equal(np.array(first_samples(many, 5, 2)), np.array(few))
    assert len(np.unique(np.array(many)[0])) == 2 * 5 * 12


def test_replaying_some_paths_gives_the_same_gradient_on_average() -> None:
    renderer = grey_renderer()

    def gradient(seed: int, spp_grad: int) -> np.ndarray:
        leaf = torch.full((3,), 0.5, requires_grad=True)
        images = renderer.render(
            {GREY: leaf}, views=BOTH, seeds=(seed, seed), spp=16, spp_grad=spp_grad, replay=True
        )
        images.mean().backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        return leaf.grad.numpy().copy()

    few, all_ = (np.stack([gradient(seed, g) for seed in range(24)]) for g in (2, 16))
    error = few.std(axis=0) / np.sqrt(24)
    assert (np.abs(few.mean(axis=0) - all_.mean(axis=0)) < 4 * error + 1e-6).all()
    assert (few.std(axis=0) > all_.std(axis=0)).all()


def dual_buffer_gradient(
    renderer: Renderer, target: torch.Tensor, seed: int, spp: int, replay: bool
) -> np.ndarray:
    leaf = torch.from_numpy(PIXELS).clone().requires_grad_(True)
    seeds = (seed, seed + 1, seed + 2, seed + 3)
    images = reinhard_srgb(
        renderer.render({COLOUR: leaf}, views=BOTH * 2, seeds=seeds, spp=spp, replay=replay)
    )
    ((images[:2] - target) * (images[2:] - target)).mean().backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    return leaf.grad.numpy().ravel().copy()


def test_the_dual_buffer_is_served_as_well_as_by_paths_of_its_own() -> None:
    renderer = Renderer(sphere_scene(bsdf=textured(PIXELS), integrator=PRB, batched=True, size=16), [COLOUR])
    bright = {COLOUR: torch.full((4, 4, 3), 0.8)}
    target = reinhard_srgb(renderer.render(bright, views=BOTH, seeds=(70, 71), spp=1024))
    reference = np.mean(
        [dual_buffer_gradient(renderer, target, 900 + 10 * k, 512, False) for k in range(2)], 0
    )
    mean = np.mean([dual_buffer_gradient(renderer, target, 10 * k, 64, True) for k in range(12)], 0)
    cosine = mean @ reference / np.linalg.norm(mean) / np.linalg.norm(reference)
    assert cosine > 0.99
    assert mean @ reference / (reference @ reference) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    "change", [{"batched": False}, {"integrator": {"type": "path"}}, {"film": Film(16, 16, "gaussian")}]
)
def test_what_cannot_be_replayed_is_refused(change: dict[str, object]) -> None:
    described = replace(sphere_scene(integrator=PRB, batched=True, size=16), **change)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="replay needs"):
        Renderer(described).render({}, views=BOTH, seeds=(1, 2), spp=1, replay=True)
