"""Texture errors over visible texels: (h, w, 3) maps of values in [0, 1] and a boolean (h, w) mask."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rerender.core.errors import UserError
from rerender.perception.metrics.image import psnr_of_mse

Texture = NDArray[np.floating]
Mask = NDArray[np.bool_]


def texture_rmse(texture: Texture, truth: Texture, visible: Mask | None = None) -> float:
    """Return the root mean squared error over the visible texels and channels."""
    return math.sqrt(_mse(texture, truth, visible))


def texture_psnr(texture: Texture, truth: Texture, visible: Mask | None = None) -> float:
    """Return the PSNR over the visible texels in dB at peak 1, at most 100."""
    return psnr_of_mse(_mse(texture, truth, visible))


def _mse(texture: Texture, truth: Texture, visible: Mask | None) -> float:
    if texture.shape != truth.shape:
        raise UserError(
            f"textures differ in shape: {texture.shape} and {truth.shape}", "Resample one of them first."
        )
    squared = np.square(texture.astype(np.float64) - truth.astype(np.float64))
    if visible is None:
        return float(squared.mean())
    if visible.shape != squared.shape[:2] or not visible.any():
        raise UserError(f"the visibility mask {visible.shape} is empty or not {squared.shape[:2]}")
    return float(squared[visible.astype(bool)].mean())
