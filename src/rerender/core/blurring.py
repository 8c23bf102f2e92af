"""Gaussian blur of pictures as two small matrices, with the border's pixels repeated outwards. Linear, so derivatives blur too."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    """Blur pictures (..., H, W, C) by a Gaussian of `sigma` pixels; 0 returns them as they are."""
    if sigma <= 0:
        return images
    rows, columns = (blur_matrix(size, sigma).astype(images.dtype) for size in images.shape[-3:-1])
    channels = np.moveaxis(images, -1, 0)
    return np.asarray(np.moveaxis(rows @ channels @ columns.T, 0, -1))


@lru_cache(maxsize=64)
def blur_matrix(size: int, sigma: float) -> np.ndarray:
    """Return the (size, size) matrix of the blur; its rows sum to 1."""
    reach = int(np.ceil(4.0 * sigma))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    taps /= taps.sum()
    matrix = np.zeros((size, size))
    for offset, tap in zip(range(-reach, reach + 1), taps, strict=True):
        matrix[np.arange(size), np.clip(np.arange(size) + offset, 0, size - 1)] += tap
    matrix.setflags(write=False)
    return matrix
