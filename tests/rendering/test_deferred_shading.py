"""Deferred Monte Carlo shading: the same light as Mitsuba's own integrator, near split-sum, with the slopes of differences."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from tests.rendering.worlds import gradient_sky

from rerender.core.cameras import turntable_cameras
from rerender.core.meshes import Mesh, merge_duplicates
from rerender.core.primitives import box, globe
from rerender.rendering.deferred_shading import DeferredShader
from rerender.rendering.differentiable import Renderer
from rerender.rendering.filtered_light import LightLevels
from rerender.rendering.gbuffers import GBuffer, trace
from rerender.rendering.scenes import EnvironmentMap, Film, Scene, Shape
from rerender.rendering.split_sum import shade

SIZE = 16
SKY = gradient_sky().radiance


@functools.cache
def ball() -> Mesh:
    return globe(12, 24)


@functools.cache
def seen() -> GBuffer:
    return trace(ball(), turntable_cameras(1), SIZE)


def constant(gbuffer: GBuffer, roughness: float = 0.4, metallic: float = 0.3) -> list[torch.Tensor]:
    n = len(gbuffer)
    albedo = torch.tensor([[0.7, 0.5, 0.3]]).expand(n, 3).contiguous()
    return [albedo, torch.full((n, 1), roughness), torch.full((n, 1), metallic), gbuffer.normals]


def inner(gbuffer: GBuffer) -> np.ndarray:
    """Return the covered pixels whose neighbours are covered too."""
    mask = gbuffer.mask().numpy()
    for axis in (1, 2):
        for step in (1, -1):
            mask = mask & np.roll(gbuffer.mask().numpy(), step, axis)
    return mask


def test_mitsubas_own_integrator_sees_the_same_light() -> None:
    """The box filter averages over a pixel, so the means over the disc are compared."""
    bsdf = {
        "type": "principled",
        "specular": 0.5,
        "base_color": {"type": "rgb", "value": [0.7, 0.5, 0.3]},
        "roughness": 0.4,
        "metallic": 0.3,
    }
    scene = Scene(
        [Shape("object", ball(), bsdf)],
        [EnvironmentMap(SKY)],
        turntable_cameras(1),
        Film(SIZE, SIZE, "box"),
        {"type": "direct", "hide_emitters": True},
    )
    theirs = Renderer(scene).render({}, views=(0,), seeds=(1,), spp=1024).numpy()
    gbuffer = seen()
    found = DeferredShader(ball(), SKY).shade(gbuffer, *constant(gbuffer), seed=2, spp=1024)
    ours, mask = gbuffer.images(found).numpy(), inner(gbuffer)
    np.testing.assert_allclose(ours[mask].mean(axis=0), theirs[mask].mean(axis=0), rtol=0.01)


def test_split_sum_is_near_and_a_constant_light_is_nearly_the_same() -> None:
    gbuffer = seen()
    for radiance, most in ((SKY, 0.1), (np.ones((8, 16, 3), np.float32), 0.08)):
        found = DeferredShader(ball(), radiance).shade(gbuffer, *constant(gbuffer), seed=3, spp=512)
        near = shade(gbuffer, *constant(gbuffer), LightLevels.from_latlong(radiance))
        assert (found - near).abs().mean() < most * near.mean()


def test_seeds_repeat_and_estimates_agree_within_their_noise() -> None:
    gbuffer = seen()
    shader = DeferredShader(ball(), SKY)
    first, again, other = (shader.shade(gbuffer, *constant(gbuffer), seed=seed, spp=64) for seed in (5, 5, 6))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert (first.mean() - other.mean()).abs() < 0.02 * first.mean()


def test_chunks_of_samples_give_the_same_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    gbuffer = seen()
    shader = DeferredShader(ball(), SKY)
    whole = shader.shade(gbuffer, *constant(gbuffer), seed=5, spp=256)
    monkeypatch.setattr("rerender.rendering.deferred_shading.LANES", 100 * len(gbuffer))
    parts = shader.shade(gbuffer, *constant(gbuffer), seed=5, spp=256)
    assert (whole - parts).abs().mean() < 0.1 * whole.mean()
    assert (whole.mean() - parts.mean()).abs() < 0.02 * whole.mean()


@pytest.mark.parametrize("which", ["albedo", "roughness", "metallic", "normal"])
def test_slopes_are_finite_differences_within_their_noise(which: str) -> None:
    gbuffer = seen()
    shader = DeferredShader(ball(), SKY)
    index = ["albedo", "roughness", "metallic", "normal"].index(which)
    lean = torch.linspace(-0.6, 0.6, len(gbuffer))[:, None] * torch.tensor([[0.0, 1.0, 0.2]])
    direction = lean if which == "normal" else torch.ones_like(constant(gbuffer)[index])
    weights = torch.linspace(0.0, 7.0, len(gbuffer) * 3).sin().reshape(-1, 3) + 1.0
    if which == "normal":
        weights = weights * (gbuffer.normals[:, 1:2] + 1.0)

    def loss(step: float, seed: int, spp: int) -> float:
        values = constant(gbuffer)
        values[index] = values[index] + step * direction
        return float((weights * shader.shade(gbuffer, *values, seed=seed, spp=spp)).sum())

    step, slopes, differences = 0.02, [], []
    for seed in range(6):
        values = constant(gbuffer)
        moving = torch.zeros((), requires_grad=True)
        values[index] = values[index] + moving * direction
        (weights * shader.shade(gbuffer, *values, seed=100 + seed, spp=64)).sum().backward()
        assert moving.grad is not None
        slopes.append(float(moving.grad))
        differences.append((loss(step, seed, 256) - loss(-step, seed, 256)) / (2 * step))
    mean, expected = np.mean(slopes), np.mean(differences)
    error = np.hypot(np.std(slopes, ddof=1), np.std(differences, ddof=1)) / np.sqrt(6)
    assert abs(mean - expected) < 4.0 * error + 0.02 * abs(expected)
    assert error < 0.15 * abs(expected)


def test_shadows_darken_what_is_hidden_from_the_light() -> None:
    """A slab above a floor: the floor below it is dark with shadows."""
    slab = merge_duplicates(box())
    low = slab.vertices * (3.0, 0.1, 3.0) + (0.0, -0.5, 0.0)
    high = slab.vertices * (3.0, 0.1, 3.0) + (0.0, 0.3, 0.0)
    both = Mesh(np.concatenate([low, high]), np.concatenate([slab.faces, slab.faces + len(low)]))
    gbuffer = trace(both, turntable_cameras(1, elevation_deg=2.0), SIZE)
    below = (gbuffer.positions[:, 1] < 0.0) & (gbuffer.normals[:, 1] > 0.5)
    assert int(below.sum()) > 5
    values = [torch.full((len(gbuffer), 3), 0.5), torch.ones(len(gbuffer), 1), torch.zeros(len(gbuffer), 1)]
    lit, shaded = (
        DeferredShader(both, SKY, shadows=shadows).shade(gbuffer, *values, gbuffer.geometric, seed=1, spp=64)
        for shadows in (False, True)
    )
    assert shaded[below].mean() < 0.6 * lit[below].mean()
