"""Procedural skies with clouds, upper half only: what stands in for the public "pure sky" maps where they are absent.

Sun and clear sky come from Mitsuba's `sunsky`. Clouds are fractal noise on a plane at constant height: they hide the
sky, dim the sun, and have a silver lining around it (fact sheet, section 4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rerender.core.images import latlong_directions, resize_area
from rerender.core.seeds import derive_seed
from rerender.rendering.skies import evaluate, sunsky

SUPERSAMPLING = 8
SUN_ROWS = 1024
"""Rows that a whole upper half would have at the resolution of the sun's neighbourhood; its disc is half a degree wide."""
SUN_REACH_DEG = 0.6
OCTAVES = 6
LATTICE = 256  # the noise repeats after so many cells of its finest octave


@dataclass(frozen=True, kw_only=True)
class CloudySky:
    """One sky. `azimuth_deg` 0 is towards -z, 90 towards +x; `cover` is the share of the cloud plane that is clouded."""

    azimuth_deg: float
    elevation_deg: float
    cover: float
    seed: int
    turbidity: float = 3.0
    albedo: float = 0.3
    exposure: float = 3.0
    softness: float = 0.09
    sun_under_cloud: float = 0.1

    @property
    def overcast(self) -> bool:
        """Whether a closed layer hides everything, the sun included."""
        return self.cover == OVERCAST_COVER

    def __post_init__(self) -> None:
        if not 0.0 <= self.cover <= 1.0:
            raise ValueError(f"cover is a share from 0 to 1, not {self.cover}")
        if not 0.0 < self.elevation_deg <= 90.0:
            raise ValueError(
                f"the sun's elevation is above 0 and at most 90 degrees, not {self.elevation_deg}"
            )


CLEAR_SKY = CloudySky(azimuth_deg=math.degrees(1.2), elevation_deg=30.0, cover=0.15, seed=2)
"""The sky of the smoke tests: the sun stands free at a low elevation."""


OVERCAST_EVERY = 4
OVERCAST_COVER = 1.0
SUN_UNDER_OVERCAST = 0.002
"""What a closed layer lets through: it is thick, and the sun cannot be seen in it."""
OVERCAST_EXPOSURE = 6.0
"""Twice a clear sky's, as a photographer would choose."""


def numbered_sky(index: int) -> CloudySky:
    """Return sky number `index` >= 0 of an endless list: azimuth anywhere, elevation 15-70, cover 0-0.35.

    All three are spread evenly by additive recurrences (R3 sequence), so the first four already differ much. The last of
    every four is overcast: methods that fail under a small bright sun can do well there (fact sheet, section 8).
    """
    if index < 0:
        raise ValueError(f"skies are counted from 0, not {index}")
    ratio = 1.2207440846057596  # the real root of x^4 = x + 1
    first, second, third = (math.modf(0.5 + (index + 1) / ratio**k)[0] for k in (1, 2, 3))
    sky = CloudySky(
        azimuth_deg=round(360.0 * first, 3),
        elevation_deg=round(15.0 + 55.0 * second, 3),
        cover=round(0.35 * third, 4),
        seed=derive_seed("cloudy sky", index),
    )
    if index % OVERCAST_EVERY == OVERCAST_EVERY - 1:
        return replace(
            sky, cover=OVERCAST_COVER, sun_under_cloud=SUN_UNDER_OVERCAST, exposure=OVERCAST_EXPOSURE
        )
    return sky


def numbered_skies(count: int) -> Sequence[CloudySky]:
    """Return the first `count` numbered skies; the papers' set has 44."""
    return tuple(numbered_sky(index) for index in range(count))


def bake_cloudy_sky(sky: CloudySky, height: int) -> np.ndarray:
    """Return the upper half of the sky, shape (height, 4 * height, 3), linear float32, averaged over each pixel."""
    both = [
        sunsky(
            sky.elevation_deg, sky.azimuth_deg, sky.turbidity, sky.albedo, sun_scale=sun, sky_scale=1 - sun
        )
        for sun in (0.0, 1.0)
    ]
    noise = Noise(sky.seed)
    threshold = float(np.quantile(noise.sample(), 1.0 - sky.cover))
    glow = float(evaluate(both[0], latlong_directions(32, 32, (0, 16))).mean())
    width, baked = 4 * height, np.empty((height, 4 * height, 3))
    for row in range(height):
        fine = _supersampling(sky, row, height)
        directions = latlong_directions(2 * height * fine, width * fine, (row * fine, (row + 1) * fine))
        clear, sun = (evaluate(emitter, directions) for emitter in both)
        veil, cloud = _clouds(sky, noise, threshold, directions)
        through = 1.0 - (1.0 - sky.sun_under_cloud) * veil
        radiance = (1.0 - veil) * clear + veil * cloud * glow + through * sun
        baked[row] = resize_area(radiance, 1, width)[0]
    return (sky.exposure * baked).astype(np.float32)


def _supersampling(sky: CloudySky, row: int, height: int) -> int:
    """Return the fine rows per pixel: many where the sun is."""
    top, bottom = 90.0 * (1 - row / height), 90.0 * (1 - (row + 1) / height)
    if bottom - SUN_REACH_DEG < sky.elevation_deg < top + SUN_REACH_DEG:
        return max(SUPERSAMPLING, -(-SUN_ROWS // height))
    return SUPERSAMPLING


def _clouds(
    sky: CloudySky, noise: Noise, threshold: float, directions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return opacity and brightness of the clouds in y-up directions, each of shape (h, w, 1)."""
    if sky.cover == 0.0:
        nothing = np.zeros((*directions.shape[:-1], 1))
        return nothing, nothing
    density = noise(directions[..., ::2] / np.maximum(directions[..., 1:2], 0.03))[..., None]
    veil = 1.0 / (1.0 + np.exp(-(density - threshold) / (0.5 * sky.softness)))
    if sky.overcast:
        veil = np.ones_like(veil)  # the thinnest places of a closed layer are not half open
    elevation, azimuth = math.radians(sky.elevation_deg), math.radians(sky.azimuth_deg)
    ring = math.cos(elevation)
    sun = np.array([ring * math.sin(azimuth), math.sin(elevation), -ring * math.cos(azimuth)])
    angle = np.degrees(np.arccos(np.clip(directions @ sun, -1.0, 1.0)))[..., None]
    lining = 3.0 * np.exp(-angle / 12.0) * (1.2 - veil)  # thin cloud lets the light through, forwards
    depth = 0.6 if sky.overcast else 0.3  # a closed layer shows the whole range of the noise
    return veil, 1.6 - 0.6 * np.clip((density - threshold) / depth, 0.0, 1.0) + lining


class Noise:
    """Fractal value noise in [0, 1] over the plane: the same on every machine for the same seed."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self.lattices = self._rng.random((OCTAVES, LATTICE, LATTICE))
        self.offset = 100.0 * self._rng.random(2)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return the noise at points of shape (..., 2)."""
        total, reach = np.zeros(points.shape[:-1]), 0.0
        for octave, lattice in enumerate(self.lattices):
            weight = 0.5**octave
            total += weight * _value_noise(lattice, (points + self.offset) * 2.0**octave)
            reach += weight
        return total / reach

    def sample(self) -> np.ndarray:
        """Return the noise on a coarse grid, for its distribution."""
        axis = np.linspace(0.0, 48.0, 192)
        return self(np.stack(np.meshgrid(axis, axis), axis=-1))


def _value_noise(lattice: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Interpolate lattice values smoothly; the lattice repeats."""
    corner = np.floor(points)
    inside = points - corner
    x, y = np.moveaxis(inside * inside * inside * (inside * (inside * 6 - 15) + 10), -1, 0)
    column, row = np.moveaxis(corner.astype(np.int64) % LATTICE, -1, 0)
    right, below = (column + 1) % LATTICE, (row + 1) % LATTICE
    top = lattice[row, column] * (1 - x) + lattice[row, right] * x
    bottom = lattice[below, column] * (1 - x) + lattice[below, right] * x
    return np.asarray(top * (1 - y) + bottom * y)
