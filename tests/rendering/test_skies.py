from __future__ import annotations

import numpy as np

from rerender.core.images import latlong_directions
from rerender.rendering.skies import bake_sky


def sky(**changes: float) -> np.ndarray:
    values: dict[str, float] = {
        "sun_elevation_deg": 40.0,
        "sun_azimuth_deg": 90.0,
        "turbidity": 3.0,
        "albedo": 0.3,
    }
    return bake_sky(**(values | changes), height=32)  # type: ignore[arg-type]


def test_finite_positive_and_exposed_to_a_mean_of_one() -> None:
    baked = sky()
    assert baked.shape == (32, 64, 3) and np.isfinite(baked).all() and (baked >= 0).all()
    solid = np.sin(np.pi * (np.arange(32) + 0.5) / 32)[:, None, None]
    assert abs((baked * solid).sum() / (solid.sum() * 64 * 3) - 1) < 1e-4


def test_the_sun_is_where_it_was_asked_for() -> None:
    for azimuth in (0.0, 90.0, 200.0):
        baked = sky(sun_azimuth_deg=azimuth).sum(-1)
        peak = np.unravel_index(baked.argmax(), baked.shape)
        direction = latlong_directions(32, 64)[peak]
        angle, height = np.radians(azimuth), np.radians(40.0)
        sun = np.array([np.cos(height) * np.sin(angle), np.sin(height), -np.cos(height) * np.cos(angle)])
        assert direction @ sun > np.cos(np.radians(8.0)), azimuth


def test_without_sun_the_map_has_no_peak() -> None:
    assert sky(sun_scale=0.0).max() < 20 < sky().max()


def test_ground_is_grey_and_constant() -> None:
    lower = sky()[20:]
    assert np.ptp(lower, axis=(0, 1)).max() < 1e-5
