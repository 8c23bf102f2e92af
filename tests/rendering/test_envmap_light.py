"""Mitsuba in the loop: images, and gradients against differences and against the exact adjoint of light transport."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.rendering.lightworld import IMAGE, MAP, ball_scene, random_sky

from rerender.rendering.envmap_light import MitsubaLight, emitter_data
from rerender.rendering.light_model import LightModel
from rerender.rendering.scenes import ConstantLight
from rerender.rendering.transport import adjoint, apply, bake


def weights() -> torch.Tensor:
    rows, columns = torch.linspace(0.2, 1, IMAGE[0]), torch.linspace(-1, 1, IMAGE[1])
    return (rows[:, None] * columns[None]).unsqueeze(-1) * torch.tensor([1.0, 0.5, 2.0])


@pytest.fixture(scope="module")
def model() -> MitsubaLight:
    return MitsubaLight(ball_scene(), MAP, spp=256)


def gradient(model: MitsubaLight, sky: torch.Tensor, seeds: range) -> torch.Tensor:
    total = torch.zeros_like(sky)
    for seed in seeds:
        leaf = sky.clone().requires_grad_(True)
        (model.render(leaf, seed) * weights()).sum().backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        total += leaf.grad / len(seeds)
    return total


def test_it_is_a_light_model_and_renders_the_transport_image(model: MitsubaLight) -> None:
    assert isinstance(model, LightModel) and model.image_shape == IMAGE and model.map_shape == MAP
    sky = torch.from_numpy(random_sky())
    exact = apply(bake(ball_scene(), MAP, samples=32), sky)
    with torch.no_grad():
        noisy = torch.stack([model.render(sky, seed) for seed in range(8)])
    assert noisy.shape[1:] == (*IMAGE, 3)
    assert float(noisy.mean()) == pytest.approx(float(exact.mean()), rel=0.01)
    assert float((noisy.mean(0) - exact).abs().mean()) < 0.05 * float(exact.mean())
    assert not torch.equal(noisy[0], noisy[1])


def test_gradient_is_the_difference_in_seam_zenith_and_horizon(model: MitsubaLight) -> None:
    """The image is linear in the map, so a difference of any size is exact up to noise."""
    sky = 0.5 + torch.from_numpy(random_sky(2))
    found = gradient(model, sky, range(6))
    for name, where in {
        "seam": (slice(None), [0, -1]),
        "horizon": ([-1], slice(None)),
        "zenith": ([0, 1], slice(None)),
        "inside": (slice(2, 4), slice(5, 15)),
    }.items():
        along = torch.zeros_like(sky)
        along[where] = sky[where]
        with torch.no_grad():
            pairs = [
                [
                    float((model.render(values, 40 + seed) * weights()).sum())
                    for values in (sky + along, sky - along * 0.9)
                ]
                for seed in range(6)
            ]
        slopes = np.array([(plus - minus) / 1.9 for plus, minus in pairs])
        analytic = float((found * along).sum())
        scale = float((found.abs() * along).sum())
        error = slopes.std(ddof=1) / np.sqrt(len(slopes))
        assert abs(analytic - slopes.mean()) < 4 * error + 0.02 * scale, name
        assert abs(analytic) > 0.05 * scale, name


def test_gradient_is_the_exact_adjoint_of_the_transport(model: MitsubaLight) -> None:
    sky = 0.5 + torch.from_numpy(random_sky(3))
    exact = adjoint(bake(ball_scene(), MAP, samples=64), weights())
    found = gradient(model, sky, range(8))
    cosine = float((found * exact).sum() / (found.norm() * exact.norm()))
    assert cosine > 0.98
    assert float((found * exact).sum() / (exact * exact).sum()) == pytest.approx(1.0, abs=0.03)
    # the horizon row also carries everything below it, the edge columns their share over the seam
    for rows, columns in ((-1, slice(None)), (slice(None), [0, -1])):
        ours, theirs = exact[rows, columns], found[rows, columns]
        assert float((ours * theirs).sum() / (ours * ours).sum()) == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("border", [0, 1, 2])
def test_the_stored_layout_follows_its_shape(border: int) -> None:
    sky = torch.from_numpy(random_sky())
    data = emitter_data(sky, (12, 24 + border, 3))
    assert data.shape == (12, 24 + border, 3)
    inside = data[:, 1:-1] if border == 2 else data[:, :24]
    assert torch.equal(inside[:6], sky) and torch.equal(inside[6:], sky[-1:].expand(6, 24, 3))
    if border:
        assert torch.equal(data[:6, -1], sky[:, 0])
    if border == 2:
        assert torch.equal(data[:6, 0], sky[:, -1])


def test_wrong_scenes_and_maps_are_refused(model: MitsubaLight) -> None:
    with pytest.raises(ValueError, match="with a border"):
        emitter_data(torch.ones(6, 24, 3), (12, 30, 3))
    with pytest.raises(ValueError, match="takes maps of shape"):
        model.render(torch.ones(6, 20, 3), 0)
    with pytest.raises(ValueError, match="environment map"):
        MitsubaLight(replace(ball_scene(), lights=[ConstantLight(1.0)]), MAP, spp=1)
    with pytest.raises(ValueError, match="one camera"):
        MitsubaLight(replace(ball_scene(), cameras=[]), MAP, spp=1)
