"""Several views of a moving shape in one kernel: images and gradients against Mitsuba's own, and the edge cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.rendering.worlds import CAMERAS, grey, sphere_scene

from rerender.core.cameras import Camera
from rerender.core.meshes import Mesh, icosphere
from rerender.rendering.differentiable import Renderer
from rerender.rendering.scenes import Film, Scene, Shape

POSITIONS = "object.vertex_positions"
PROJECTIVE = {"type": "direct_projective", "sppi": 0, "guiding": "none"}


def dented() -> Mesh:
    """A sphere with a concave side, so that parts of its outline are hidden."""
    sphere = icosphere(3)
    x, y = sphere.vertices[:, 0], sphere.vertices[:, 1]
    return Mesh(sphere.vertices * (1 + 0.3 * np.sin(3 * x) * np.cos(4 * y))[:, None], sphere.faces)


def scene(*, batched: bool, film: Film | None = None) -> Scene:
    found = sphere_scene(mesh=dented(), integrator=PROJECTIVE, batched=batched)
    return replace(found, film=film or Film(24, 24, "box"))


def gradient(renderer: Renderer, weights: torch.Tensor, spp: int, seeds: range) -> np.ndarray:
    """Return the mean gradient of a weighted mean radiance."""
    total = np.zeros_like(dented().vertices)
    for seed in seeds:
        leaf = torch.tensor(dented().vertices, dtype=torch.float32, requires_grad=True)
        images = renderer.render({POSITIONS: leaf}, views=(0, 1), seeds=(2 * seed, 2 * seed + 1), spp=spp)
        (images * weights).mean().backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        total += leaf.grad.numpy() / len(seeds)
    return total


@pytest.mark.parametrize("film", [Film(24, 24, "box"), Film(32, 20, "box"), Film(20, 32, "box")])
def test_images_are_those_of_one_sensor_after_the_other(film: Film) -> None:
    values = {POSITIONS: torch.tensor(dented().vertices, dtype=torch.float32)}
    views, seeds = (1, 0, 1), (3, 4, 5)
    separate, joint = (
        Renderer(scene(batched=batched, film=film), [POSITIONS]).render(
            values, views=views, seeds=seeds, spp=1024
        )
        for batched in (False, True)
    )
    assert joint.shape == (3, film.height, film.width, 3)
    # outline pixels are the noisiest: about 0.5 / sqrt(1024)
    assert float((joint - separate).abs().max()) < 0.1
    assert float((joint - separate).mean()) == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("film", [Film(24, 24, "box"), Film(32, 20, "box")])
def test_gradients_are_those_of_the_projective_integrator(film: Film) -> None:
    rows, columns = torch.linspace(-1, 1, film.height), torch.linspace(0.5, 2, film.width)
    weights = (rows[:, None] * columns[None, :])[None, :, :, None]
    theirs, ours = (
        gradient(Renderer(scene(batched=batched, film=film), [POSITIONS]), weights, 256, range(3))
        for batched in (False, True)
    )
    cosine = (theirs * ours).sum() / np.linalg.norm(theirs) / np.linalg.norm(ours)
    assert cosine > 0.98
    assert (theirs * ours).sum() / (theirs**2).sum() == pytest.approx(1.0, abs=0.04)


def test_shading_alone_does_not_explain_the_gradient() -> None:
    """Guards the tests above: without the outlines' part they would have to fail."""
    from rerender.rendering import direct_views

    weights = torch.linspace(-1, 1, 24)[None, :, None, None]
    whole = gradient(Renderer(scene(batched=True), [POSITIONS]), weights, 128, range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(direct_views, "_boundary", lambda *_: None)
        inside = gradient(Renderer(scene(batched=True), [POSITIONS]), weights, 128, range(2))
    assert np.linalg.norm(inside) < 0.8 * np.linalg.norm(whole)


def test_same_seed_same_image_and_gradient_other_seed_other() -> None:
    renderer = Renderer(scene(batched=True), [POSITIONS])
    weights = torch.ones(1)
    first, again, other = (
        gradient(renderer, weights, 4, seeds) for seeds in (range(1), range(1), range(1, 2))
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_view_that_sees_nothing_gives_no_gradient() -> None:
    away = Camera(origin=(0.0, 0.0, 5.0), target=(0.0, 0.0, 10.0))
    described = replace(scene(batched=True), cameras=(away, CAMERAS[0]))
    renderer = Renderer(described, [POSITIONS])
    for view, nothing in ((0, True), (1, False)):
        leaf = torch.tensor(dented().vertices, dtype=torch.float32, requires_grad=True)
        renderer.render({POSITIONS: leaf}, views=(view,), seeds=(1,), spp=16).mean().backward()
        assert leaf.grad is not None and bool(torch.isfinite(leaf.grad).all())
        assert bool((leaf.grad == 0).all()) == nothing


def test_other_filters_are_refused() -> None:
    with pytest.raises(ValueError, match="box"):
        Renderer(scene(batched=True, film=Film(24, 24, "gaussian")), [POSITIONS])


def test_two_moving_meshes_are_refused() -> None:
    both = replace(
        scene(batched=True), shapes=[Shape(name, dented(), grey()) for name in ("object", "other")]
    )
    keys = [POSITIONS, "other.vertex_positions"]
    leaves = {key: torch.tensor(dented().vertices, dtype=torch.float32, requires_grad=True) for key in keys}
    images = Renderer(both, keys).render(leaves, views=(0,), seeds=(1,), spp=1)
    with pytest.raises(ValueError, match="one moving mesh"):
        images.mean().backward()  # type: ignore[no-untyped-call]
