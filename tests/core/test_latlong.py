from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rerender.core.errors import UserError
from rerender.core.latlong import (
    check_map,
    full_map,
    horizontal_irradiance,
    resample_upper,
    shift_columns,
    solid_angles,
    upper_directions,
    upper_half,
)


def sky(height: int = 8) -> np.ndarray:
    return np.random.default_rng(1).gamma(0.5, 2.0, (height, 4 * height, 3)).astype(np.float32)


def test_halves_and_full_maps() -> None:
    upper = sky()
    full = full_map(upper)
    assert full.shape == (16, 32, 3)
    np.testing.assert_array_equal(upper_half(full), upper)
    np.testing.assert_array_equal(full[8:], np.broadcast_to(upper[-1], (8, 32, 3)))
    with pytest.raises(ValueError, match="even"):
        upper_half(full[:15])


def test_shifting_moves_content_to_lower_columns_and_around() -> None:
    upper = sky()
    shifted = shift_columns(upper, 5)
    np.testing.assert_array_equal(shifted[:, 3], upper[:, 8])
    np.testing.assert_array_equal(shifted[:, -1], upper[:, 4])
    np.testing.assert_array_equal(shift_columns(shifted, -5), upper)


def test_a_shift_of_a_quarter_turns_the_sky_by_a_right_angle() -> None:
    directions = upper_directions(4, 16)
    turned = shift_columns(directions, 4)  # column c now holds what was 90 degrees further on
    x, z = directions[..., 0], directions[..., 2]
    np.testing.assert_allclose(turned, np.stack([-z, directions[..., 1], x], axis=-1), atol=1e-12)


def test_directions_run_from_the_zenith_to_above_the_horizon() -> None:
    directions = upper_directions(8, 32)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1.0)
    elevation = np.degrees(np.arcsin(directions[:, 0, 1]))
    np.testing.assert_allclose(elevation, 90 * (1 - (np.arange(8) + 0.5) / 8))


def test_solid_angles_fill_the_sphere_and_match_directions() -> None:
    assert solid_angles(16, 32).sum() * 32 == pytest.approx(4 * np.pi)
    assert solid_angles(8, 32, half=True).sum() * 32 == pytest.approx(2 * np.pi)
    np.testing.assert_allclose(solid_angles(16, 32)[:8], solid_angles(8, 32, half=True))
    # the cosine-weighted hemisphere is pi
    cosines = upper_directions(64, 256)[:, 0, 1]
    assert (cosines * solid_angles(64, 256, half=True)).sum() * 256 == pytest.approx(np.pi, rel=1e-3)


def test_irradiance_of_a_level_surface_is_exact_for_constant_pixels() -> None:
    np.testing.assert_allclose(
        horizontal_irradiance(np.full((5, 20, 3), [1.0, 2.0, 0.5])), np.pi * np.array([1, 2, 0.5])
    )
    # a ring between two polar angles: pi (sin^2 b - sin^2 a)
    ring = np.zeros((4, 16, 3))
    ring[1] = 1.0
    expected = np.pi * (np.sin(np.pi / 4) ** 2 - np.sin(np.pi / 8) ** 2)
    np.testing.assert_allclose(horizontal_irradiance(ring), expected)
    # and it survives resampling but for the cosine within a row
    upper = sky(32)
    np.testing.assert_allclose(
        horizontal_irradiance(resample_upper(upper, 8)), horizontal_irradiance(upper), rtol=0.05
    )


def test_resampling_keeps_the_mean_of_a_bright_sun() -> None:
    upper = sky(16)
    upper[5, 20] = 5e4
    small = resample_upper(upper, 4)
    assert small.shape == (4, 16, 3) and small.dtype == np.float32
    assert small.mean() == pytest.approx(upper.mean(), rel=1e-5)


@pytest.mark.parametrize("half", [False, True])
def test_good_maps_pass(half: bool) -> None:
    upper = sky()
    upper[2, 3] = 1e5
    check_map(upper if half else full_map(upper), "sky.exr", half=half)


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinite"), (-0.5, "negative")])
def test_bad_pixels_are_refused_with_their_place(value: float, word: str) -> None:
    upper = sky()
    upper[2, 3, 1] = value
    line = refusal(upper, "folder/sky.exr", half=True)
    assert "folder/sky.exr" in line and f"1 {word} pixels" in line and "row 2, column 3" in line
    assert f"{value:g}" in line


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"half": False}, "2:1"),
        ({"pixels": sky()[:, :30]}, "4:1"),
        ({"pixels": sky()[..., :2]}, r"(8, 32, 2)"),
        ({"pixels": np.clip(sky(), 0, 1)}, "brightest value 1"),
        ({"pixels": np.clip(sky() * 40, 0, 255).round()}, "8-bit"),
        ({"pixels": np.clip(sky() * 40, 0, 255).astype(np.uint8)}, "uint8"),
        ({"name": "sky.PNG"}, ".png"),
    ],
)
def test_other_unusable_maps_are_refused(change: dict[str, Any], word: str) -> None:
    arguments: dict[str, Any] = {"pixels": sky(), "name": "sky.exr", "half": True} | change
    line = refusal(**arguments)
    assert str(arguments["name"]) in line and word in line


def refusal(pixels: np.ndarray, name: str, half: bool) -> str:
    with pytest.raises(UserError) as caught:
        check_map(pixels, name, half=half)
    line = str(caught.value)
    assert "\n" not in line
    return line
