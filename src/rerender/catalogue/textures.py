"""Procedural textures: linear RGB, float32, shape (height, width, 3), values within 0 and 1, row 0 on top."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from rerender.core.errors import unknown_name
from rerender.core.images import srgb_decode

SIZE = (480, 720)  # of the paper's fitted texture (fact sheet, section 2.2)


def standin_texture(name: str, height: int = SIZE[0], width: int = SIZE[1]) -> np.ndarray:
    """Generate the texture of that name; `UserError` naming the alternatives if there is none."""
    if name not in TEXTURES:
        raise unknown_name("stand-in texture", name, TEXTURES)
    return TEXTURES[name](height, width)


def gradient(height: int, width: int) -> np.ndarray:
    """Hues that turn smoothly across, lightness falling downwards, and soft bands and spots as landmarks.

    The shortest wavelength is a sixth of the width, so that a fitted texture of 64 x 96 texels can still show it.
    """
    v, u = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
    phase = 2.0 * np.pi * (1.1 * u + 0.25 * v)
    hue = np.stack([0.5 + 0.5 * np.cos(phase - shift) for shift in (0.0, 2.1, 4.2)], axis=-1)
    lightness = 0.92 - 0.35 * v + 0.06 * np.cos(2.0 * np.pi * (6.0 * u + 3.0 * v))
    display = (0.22 + 0.68 * hue) * lightness[..., None]
    for centre_u, centre_v, radius, colour in (
        (0.22, 0.30, 0.09, (0.95, 0.90, 0.30)),
        (0.55, 0.62, 0.11, (0.20, 0.35, 0.85)),
        (0.80, 0.35, 0.08, (0.90, 0.35, 0.30)),
    ):
        squared = ((u - centre_u) * 1.5) ** 2 + (v - centre_v) ** 2
        weight = 0.8 * np.exp(-squared / radius**2)[..., None]
        display = display + weight * (np.array(colour) - display)
    return np.asarray(srgb_decode(np.clip(display, 0.15, 0.95)), dtype=np.float32)


def checkerboard(height: int, width: int) -> np.ndarray:
    """Squares of grey 0.2 and 0.4, eight by eight pairs (the ground of the material scenes)."""
    rows, columns = (np.arange(height) * 16 // height)[:, None], (np.arange(width) * 16 // width)[None]
    grey = np.where((rows + columns) % 2 == 0, 0.4, 0.2)
    return np.repeat(grey[..., None], 3, axis=-1).astype(np.float32)


def hide(height: int, width: int) -> np.ndarray:
    """A pale hide with dark brown patches over about a quarter of it (a cow's)."""
    patches = waves(height, width, seed=11, count=14, highest=4.0)
    dark = smooth_step(patches, np.quantile(patches, 0.74), 0.05)[..., None]
    pale = np.array((0.78, 0.72, 0.66)) * (1.0 + 0.05 * waves(height, width, seed=12)[..., None])
    return _colours(pale + dark * (np.array((0.035, 0.025, 0.02)) - pale))


def enamel(height: int, width: int) -> np.ndarray:
    """A yellow enamel that turns to orange, with a few dark flecks (a toy duck's)."""
    turn = 0.5 + 0.25 * waves(height, width, seed=21, count=8, highest=2.0)[..., None]
    colour = np.array((0.85, 0.55, 0.06)) + np.clip(turn, 0, 1) * np.array((0.0, -0.30, -0.03))
    flecks = waves(height, width, seed=22, count=16, highest=6.0)
    dark = smooth_step(flecks, np.quantile(flecks, 0.93), 0.08)[..., None]
    return _colours(colour + dark * (np.array((0.03, 0.03, 0.04)) - colour))


def waves(height: int, width: int, *, seed: int, count: int = 10, highest: float = 3.0) -> np.ndarray:
    """Return smooth seeded noise (height, width) of unit variance: plane waves of up to `highest` turns across."""
    rng = np.random.default_rng([seed, 90210])
    v, u = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
    total = np.zeros((height, width))
    for _ in range(count):
        angle, turns, phase = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, highest), rng.uniform(0, 2 * np.pi)
        total += np.cos(2.0 * np.pi * turns * (u * np.cos(angle) + v * np.sin(angle)) + phase)
    return np.asarray(total * np.sqrt(2.0 / count))


def smooth_step(values: np.ndarray, edge: float | np.floating, width: float) -> np.ndarray:
    """Return 0 below the edge, 1 above it, and a smooth ramp of that width across it."""
    t = np.clip((values - edge) / width + 0.5, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def _colours(linear: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(linear, 0.01, 0.95), dtype=np.float32)


TEXTURES: Mapping[str, Callable[[int, int], np.ndarray]] = MappingProxyType(
    {
        "gradient_standin": gradient,
        "checkerboard": checkerboard,
        "spot_texture_standin": hide,
        "bob_texture_standin": enamel,
    }
)
