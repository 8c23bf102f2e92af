"""Analytic skies baked to lat-long maps with Mitsuba's `sunsky` emitter: stand-ins for captured ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from rerender.core.images import latlong_directions, resize_area

SUN_ROWS = 2048
"""Rows of the fine grid. The sun is half a degree wide, so coarser ones miss part of it: at 2048 rows the rendered
mean is off by 0.3%, at 512 by 16%."""


def bake_sky(
    *,
    sun_elevation_deg: float,
    sun_azimuth_deg: float,
    turbidity: float,
    albedo: float,
    height: int,
    sun_scale: float = 1.0,
) -> np.ndarray:
    """Evaluate a sun-and-sky model on a lat-long grid, shape (height, 2*height, 3), linear RGB, y up.

    Azimuth 0 is towards -z, 90 towards +x, as in `latlong_directions`. Every pixel averages a fine grid of
    directions, and the map is exposed to a mean of 1, as captured maps are. Below the horizon lies a grey
    ground of the given albedo, lit by the sky (the model itself is black there).
    """
    emitter = sunsky(sun_elevation_deg, sun_azimuth_deg, turbidity, albedo, sun_scale=sun_scale)
    fine = height * -(-SUN_ROWS // height)
    per_row = fine // height
    baked = np.zeros((height, 2 * height, 3))
    irradiance, weights = np.zeros(3), 0.0
    for row in range((height + 1) // 2):  # the upper half, one row of the map at a time
        directions = latlong_directions(fine, 2 * fine, (row * per_row, (row + 1) * per_row))
        radiance = evaluate(emitter, directions)
        above = directions[..., 1:2] > 0
        baked[row] = resize_area(np.where(above, radiance, 0.0), 1, 2 * height)[0]
        weight = np.clip(directions[..., 1:2], 0.0, None) * np.hypot(directions[..., :1], directions[..., 2:])
        irradiance += (radiance * weight).sum((0, 1))
        weights += float(weight.sum())
    # the cosine-weighted mean of the upper half is irradiance / pi, which a diffuse ground reflects
    baked[(height + 1) // 2 :] = albedo * irradiance / weights
    solid = np.sin(np.pi * (np.arange(height) + 0.5) / height)[:, None, None]
    mean = float((baked * solid).sum() / (solid.sum() * baked.shape[1] * 3))
    return (baked / mean).astype(np.float32)


def sunsky(
    elevation_deg: float,
    azimuth_deg: float,
    turbidity: float,
    albedo: float,
    *,
    sun_scale: float = 1.0,
    sky_scale: float = 1.0,
) -> Any:
    """Return Mitsuba's emitter of sun and sky; the scales turn either off."""
    import mitsuba as mi

    elevation, azimuth = np.radians([elevation_deg, azimuth_deg])
    # sunsky is z-up: (x, y, z) of the y-up map is (x, -z, y) there
    sun = [np.cos(elevation) * np.sin(azimuth), np.cos(elevation) * np.cos(azimuth), np.sin(elevation)]
    return mi.load_dict(
        {
            "type": "sunsky",
            "sun_direction": [float(value) for value in sun],
            "turbidity": float(turbidity),
            "albedo": float(albedo),
            "sun_scale": float(sun_scale),
            "sky_scale": float(sky_scale),
        }
    )


def evaluate(emitter: Any, directions: np.ndarray) -> np.ndarray:
    """Return the emitter's radiance from y-up directions (..., 3), in the same shape."""
    import mitsuba as mi

    flat = directions.reshape(-1, 3)
    interaction = mi.SurfaceInteraction3f()
    local = np.stack([flat[:, 0], -flat[:, 2], flat[:, 1]])
    interaction.wi = -mi.Vector3f(local.astype(np.float32))
    values = np.array(emitter.eval(interaction)).T.reshape(directions.shape)
    return np.asarray(np.nan_to_num(values, nan=0.0))
