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


TEXTURES: Mapping[str, Callable[[int, int], np.ndarray]] = MappingProxyType(
    {"gradient_standin": gradient, "checkerboard": checkerboard}
)
