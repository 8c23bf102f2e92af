from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rerender.core.latlong import check_map, solid_angles, upper_directions
from rerender.rendering.cloudy_skies import CLEAR_SKY, Noise, bake_cloudy_sky, numbered_skies, numbered_sky


def test_a_real_dynamic_range_and_the_same_again() -> None:
    sky = bake_cloudy_sky(CLEAR_SKY, 16)
    check_map(sky, "sky", half=True)
    assert sky.shape == (16, 64, 3) and sky.dtype == np.float32
    assert 0.1 < np.median(sky) < 1.5 and sky.max() > 500 * np.median(sky) and sky.min() > 0.01
    np.testing.assert_array_equal(sky, bake_cloudy_sky(CLEAR_SKY, 16))


def test_the_sun_is_where_it_was_asked_for_and_keeps_its_energy() -> None:
    clear = replace(CLEAR_SKY, cover=0.0)
    for azimuth, elevation in ((10.0, 20.0), (200.0, 50.0)):
        sky = replace(clear, azimuth_deg=azimuth, elevation_deg=elevation)
        small, large = (bake_cloudy_sky(sky, height) for height in (16, 32))
        peak = np.unravel_index(large.sum(-1).argmax(), large.shape[:2])
        turn, lift = np.radians([azimuth, elevation])
        sun = np.array([np.cos(lift) * np.sin(turn), np.sin(lift), -np.cos(lift) * np.cos(turn)])
        assert upper_directions(32, 128)[peak] @ sun > np.cos(np.radians(3.0))
        light = [
            (m * solid_angles(len(m), m.shape[1], half=True)[:, None, None]).sum() for m in (small, large)
        ]
        assert light[0] == pytest.approx(light[1], rel=0.02)


def test_clouds_cover_more_and_more_and_hide_the_sun() -> None:
    maps = [bake_cloudy_sky(replace(CLEAR_SKY, cover=cover), 16) for cover in (0.0, 0.3, 1.0)]
    blueness = [float((m[..., 2] / m[..., 0]).mean()) for m in maps]
    assert blueness[0] > blueness[1] > blueness[2] and blueness[2] == pytest.approx(1.0, abs=0.1)
    assert maps[2].max() < 0.15 * maps[0].max()


def test_the_numbered_skies_differ_and_stay_in_range() -> None:
    skies = numbered_skies(44)
    assert len({sky.seed for sky in skies}) == len(skies) == 44
    assert all(15 <= sky.elevation_deg <= 70 for sky in skies)
    assert all(0 <= sky.cover <= 0.35 for sky in skies if not sky.overcast)
    assert [index for index, sky in enumerate(skies) if sky.overcast] == list(range(3, 44, 4))
    azimuths = np.sort([sky.azimuth_deg for sky in skies])
    assert np.diff(azimuths).max() < 40  # no side is left out
    assert skies[:4] == numbered_skies(4)


def test_clear_and_overcast_skies_differ_in_their_dynamic_range() -> None:
    """A clear one has a sun; an overcast one has none, and its light is spread."""
    for index in (2, 3):
        sky = numbered_sky(index)
        pixels = bake_cloudy_sky(sky, 8)
        check_map(pixels, "sky", half=True)
        contrast = float(pixels.max() / np.median(pixels))
        assert contrast < 15 if sky.overcast else contrast > 15, (index, contrast)


def test_noise_is_smooth_and_differs_between_seeds() -> None:
    noise = Noise(1)
    line = np.stack([np.linspace(0, 4, 4001), np.zeros(4001)], axis=1)
    values = noise(line)
    assert values.min() >= 0 and values.max() <= 1 and values.std() > 0.05
    assert np.abs(np.diff(values)).max() < 0.01
    assert np.abs(values - Noise(2)(line)).max() > 0.1


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="cover"):
        replace(CLEAR_SKY, cover=1.5)
    with pytest.raises(ValueError, match="elevation"):
        replace(CLEAR_SKY, elevation_deg=-3.0)
    with pytest.raises(ValueError, match="counted from 0"):
        numbered_sky(-1)
