"""Filtered light: its definition summed up by hand, constants, directions, slopes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rerender.core.errors import UserError
from rerender.core.files import load_tree, save_tree
from rerender.core.images import latlong_directions
from rerender.core.latlong import solid_angles
from rerender.rendering.filtered_light import ROUGHNESSES, LearnedLight, LightLevels
from rerender.rendering.split_sum_twin import diffuse_at, level_index, specular_at

ROWS = 8


def sky(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(0.5, 2.0, size=(ROWS, 2 * ROWS, 3))


def directions(n: int, seed: int = 1) -> torch.Tensor:
    drawn = np.random.default_rng(seed).normal(size=(n, 3))
    return torch.from_numpy(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def by_hand(radiance: np.ndarray, roughness: float | None) -> np.ndarray:
    """Sum lobes (or, without roughness, cosines) over all texels around every texel's direction."""
    towards = latlong_directions(ROWS, 2 * ROWS).reshape(-1, 3)
    cosine = towards @ towards.T
    weights = np.maximum(cosine, 0.0) * np.repeat(solid_angles(ROWS, 2 * ROWS), 2 * ROWS)
    if roughness is not None:
        half = towards[:, None] + towards[None]
        length = np.linalg.norm(half, axis=-1)
        n_dot_h = (half * towards[:, None]).sum(-1) / np.maximum(length, 1e-12)
        alpha2 = roughness**4
        weights = weights * alpha2 / (np.pi * (n_dot_h**2 * (alpha2 - 1.0) + 1.0) ** 2)
    mean = weights @ radiance.reshape(-1, 3) / weights.sum(axis=1, keepdims=True)
    return np.asarray(mean.reshape(radiance.shape))


def test_levels_are_the_sums_of_their_definition() -> None:
    radiance = sky()
    levels = LightLevels.from_latlong(radiance)
    for index, roughness in enumerate(ROUGHNESSES):
        found = levels.specular[index, :, 1:-1].numpy()
        np.testing.assert_allclose(found, by_hand(radiance, roughness), rtol=1e-5, atol=1e-6)
    found = levels.diffuse[:, 1:-1].numpy()
    np.testing.assert_allclose(found, by_hand(radiance, None), rtol=1e-5, atol=1e-6)


def test_a_constant_light_stays_constant_everywhere() -> None:
    levels = LightLevels.from_latlong(np.full((ROWS, 2 * ROWS, 3), 0.7)).to("cpu", torch.float64)
    axes = torch.eye(3, dtype=torch.float64)
    towards = torch.cat([directions(200), axes, -axes])
    roughness = torch.linspace(0.0, 1.0, len(towards), dtype=torch.float64)[:, None]
    for found in (diffuse_at(levels, towards), specular_at(levels, towards, roughness)):
        assert (found - 0.7).abs().max() < 1e-6


def test_texels_are_found_in_their_directions() -> None:
    light = LearnedLight(torch.from_numpy(sky()))
    levels = light.levels()
    towards = torch.from_numpy(latlong_directions(ROWS, 2 * ROWS).reshape(-1, 3))
    for index, roughness in ((0, 0.08), (0, 0.001), (4, 0.5), (5, 1.0)):
        rough = torch.full((len(towards), 1), roughness, dtype=torch.float64)
        expected = levels.specular[index, :, 1:-1].flatten(0, 1)
        assert (specular_at(levels, towards, rough) - expected).abs().max() < 1e-9
    assert (diffuse_at(levels, towards) - levels.diffuse[:, 1:-1].flatten(0, 1)).abs().max() < 1e-9
    # the sharpest lobe is narrower than a texel of this map, but for GGX's tails
    assert (levels.specular[0, :, 1:-1] - light.base).abs().max() < 0.02


def test_look_ups_do_not_jump_across_the_seam() -> None:
    levels = LightLevels.from_latlong(sky()).to("cpu", torch.float64)
    angles = torch.tensor([-1e-7, 1e-7], dtype=torch.float64)
    towards = torch.stack([angles.sin(), 0.0 * angles, -angles.cos()], dim=1)
    pair = specular_at(levels, towards, torch.full((2, 1), 0.1, dtype=torch.float64))
    assert (pair[0] - pair[1]).abs().max() < 1e-5


def test_the_map_of_roughness_to_levels() -> None:
    roughness = torch.tensor([0.0, 0.08, 0.185, 0.29, 0.395, 0.5, 0.75, 1.0], dtype=torch.float64)
    expected = torch.tensor([0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 4.5, 5.0], dtype=torch.float64)
    torch.testing.assert_close(level_index(roughness), expected)


def test_slopes_are_finite_differences_and_finite_at_the_poles() -> None:
    light = LearnedLight(torch.from_numpy(sky()))
    towards = directions(5).requires_grad_()
    roughness = torch.tensor([0.05, 0.12, 0.3, 0.47, 0.8], dtype=torch.float64)[:, None].requires_grad_()

    def look(base: torch.Tensor, along: torch.Tensor, rough: torch.Tensor) -> torch.Tensor:
        levels = torch.func.functional_call(light, {"base": base}, (), strict=False)
        return torch.cat([specular_at(levels, along, rough), diffuse_at(levels, along)])

    light.forward = light.levels  # type: ignore[method-assign]
    assert torch.autograd.gradcheck(look, (light.base, towards, roughness), eps=1e-7, atol=1e-5)
    up = torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]], dtype=torch.float64, requires_grad=True)
    specular_at(light.levels(), up, torch.full((2, 1), 0.2, dtype=torch.float64)).sum().backward()
    assert up.grad is not None and torch.isfinite(up.grad).all()


def test_a_learned_light_has_the_levels_of_a_fixed_one() -> None:
    fixed = LightLevels.from_latlong(sky())
    learned = LearnedLight(torch.from_numpy(sky()).float()).levels()
    for ours, theirs in ((learned.specular, fixed.specular), (learned.diffuse, fixed.diffuse)):
        assert (ours - theirs).abs().max() < 1e-5 * theirs.max()


def test_chunks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = LightLevels.from_latlong(sky())
    monkeypatch.setattr("rerender.rendering.filtered_light.CHUNK", 3 * ROWS * 2 * ROWS)
    parts = LightLevels.from_latlong(sky())
    assert torch.allclose(whole.specular, parts.specular, rtol=1e-6)


def test_a_learned_light_starts_grey_clamps_and_balances() -> None:
    light = LearnedLight(height=4)
    assert light.base.shape == (4, 8, 3) and set(light.state_dict()) == {"base"}
    assert light.white_balance().item() == 0.0
    with torch.no_grad():
        light.base[..., 0] = -1.0
        light.base[..., 1:] = 0.5
    # grey is 0: distances 1, 0.5, 0.5
    assert light.white_balance().item() == pytest.approx(2.0 / 3.0)
    light.clamp_()
    assert light.base[..., 0].abs().max().item() == 0.0


def test_levels_survive_a_file(tmp_path: Path) -> None:
    levels = LightLevels.from_latlong(sky())
    save_tree(tmp_path / "light.npz", levels.to_tree())
    again = LightLevels.from_tree(load_tree(tmp_path / "light.npz"))
    assert torch.equal(levels.specular, again.specular) and torch.equal(levels.diffuse, again.diffuse)


def test_broken_lights_are_refused() -> None:
    broken = sky()
    broken[2, 3, 0] = np.nan
    with pytest.raises(UserError, match=r"venice[\s\S]*NaN"):
        LightLevels.from_latlong(broken, name="venice")
    with pytest.raises(UserError, match="twice as wide as high"):
        LightLevels.from_latlong(np.ones((8, 8, 3)))
    with pytest.raises(UserError, match="At most 256 rows"):
        LearnedLight(height=512)
    with pytest.raises(ValueError, match="has shape"):
        LearnedLight(torch.ones(4, 4, 3))
