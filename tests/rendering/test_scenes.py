from __future__ import annotations

import numpy as np
from tests.rendering.worlds import grey, sphere_scene

from rerender.rendering.differentiable import Renderer


def render(scene: object, seed: int, spp: int = 32) -> np.ndarray:
    return Renderer(scene).render({}, views=(0, 1), seeds=(seed, seed + 1), spp=spp).numpy()  # type: ignore[arg-type]


def test_white_furnace() -> None:
    """A closed convex diffuse object of albedo 0.5 under constant radiance 1 has radiance 0.5 everywhere."""
    images = render(sphere_scene(constant=True), seed=1, spp=64)
    assert abs(images[:, 14:18, 14:18].mean() - 0.5) < 0.01
    assert np.allclose(images[:, 0, 0], 1.0, atol=1e-4)


def test_building_twice_gives_independent_scenes() -> None:
    description = sphere_scene(constant=True)
    first, second = Renderer(description, ["object.bsdf.reflectance.value"]), Renderer(description)
    first.set({"object.bsdf.reflectance.value": np.array([0.0, 0.0, 0.0])})
    changed = first.render({}, views=(0,), seeds=(1,), spp=16).numpy()
    kept = second.render({}, views=(0,), seeds=(1,), spp=16).numpy()
    assert changed[0, 16, 16].max() < 0.01 < kept[0, 16, 16].min()


def test_brighter_albedo_is_brighter() -> None:
    dark, bright = (render(sphere_scene(bsdf=grey(value)), seed=3) for value in (0.2, 0.8))
    assert bright[0, 16, 16].mean() > 2 * dark[0, 16, 16].mean()


def test_batched_views_agree_statistically_with_single_ones() -> None:
    """Same expectation: with a z-test on the mean of many pixels, corrected for their number."""
    batches = np.stack([render(sphere_scene(batched=True), seed=100 + i, spp=16) for i in range(8)])
    singles = np.stack([render(sphere_scene(batched=True), seed=900 + i, spp=16) for i in range(8)])
    loose = sphere_scene()
    one_by_one = np.stack([render(loose, seed=500 + 2 * i, spp=16) for i in range(8)])
    interior = (slice(None), slice(None), slice(10, 22), slice(10, 22))  # filters differ at edges
    error = np.sqrt(batches[interior].var(0, ddof=1) / 8 + one_by_one[interior].var(0, ddof=1) / 8) + 1e-4
    z = np.abs(batches[interior].mean(0) - one_by_one[interior].mean(0)) / error
    null = np.abs(batches[interior].mean(0) - singles[interior].mean(0)) / error
    assert (z < 5).mean() > 0.97
    assert np.median(z) < 2.5 * np.median(null)


def test_view_order_is_that_of_the_cameras() -> None:
    """The red side of the sky is behind the first camera's object or beside it, not both."""
    images, batched = render(sphere_scene(), 5), render(sphere_scene(batched=True), 5)
    for a, b in zip(images, batched, strict=True):
        assert np.abs(a.mean((0, 1)) - b.mean((0, 1))).max() < 0.02
    assert np.abs(images[0].mean((0, 1)) - images[1].mean((0, 1))).max() > 0.02
