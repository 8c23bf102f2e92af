"""Analytic skies baked to lat-long maps with Mitsuba's `sunsky` emitter: stand-ins for captured ones."""

from __future__ import annotations

import numpy as np

from rerender.core.images import latlong_directions, resize_area


def bake_sky(
    *,
    sun_elevation_deg: float,
    sun_azimuth_deg: float,
    turbidity: float,
    albedo: float,
    height: int,
    sun_scale: float = 1.0,
    supersampling: int = 4,
) -> np.ndarray:
    """Evaluate a sun-and-sky model on a lat-long grid, shape (height, 2*height, 3), linear RGB, y up.

    Directions follow Mitsuba's `envmap`: pixel (u, v) looks along (sin 2 pi u sin pi v, cos pi v, -cos 2 pi u sin pi v).
    The sun is half a degree wide, so each pixel averages `supersampling`^2 directions, and the map is
    exposed to a mean of 1, as captured maps are. Below the horizon lies a grey ground of the given
    albedo, lit by the sky (the model itself is black there).
    """
    import mitsuba as mi

    fine = height * supersampling
    directions = latlong_directions(fine, 2 * fine).reshape(-1, 3)
    elevation, azimuth = np.radians([sun_elevation_deg, sun_azimuth_deg])
    # sunsky is z-up: (x, y, z) of the y-up map is (x, -z, y) there
    sun = [np.cos(elevation) * np.sin(azimuth), np.cos(elevation) * np.cos(azimuth), np.sin(elevation)]
    emitter = mi.load_dict(
        {
            "type": "sunsky",
            "sun_direction": [float(value) for value in sun],
            "turbidity": float(turbidity),
            "albedo": float(albedo),
            "sun_scale": float(sun_scale),
        }
    )
    interaction = mi.SurfaceInteraction3f()
    local = np.stack([directions[:, 0], -directions[:, 2], directions[:, 1]])
    interaction.wi = -mi.Vector3f(local.astype(np.float32))
    radiance = np.array(emitter.eval(interaction)).T.reshape(fine, 2 * fine, 3)
    up = directions[:, 1].reshape(fine, 2 * fine)
    weight = np.clip(up, 0.0, None) * np.sin(np.pi * (np.arange(fine) + 0.5) / fine)[:, None]
    # cosine-weighted mean of the upper half = irradiance / pi, which a diffuse ground reflects
    ground = albedo * (radiance * weight[..., None]).sum((0, 1)) / weight.sum()
    radiance = np.where(up[..., None] > 0, radiance, ground)
    baked = resize_area(np.nan_to_num(radiance, nan=0.0).astype(np.float32), height, 2 * height)
    solid = np.sin(np.pi * (np.arange(height) + 0.5) / height)[:, None, None]
    mean = float((baked * solid).sum() / (solid.sum() * baked.shape[1] * 3))
    return (baked / mean).astype(np.float32)
