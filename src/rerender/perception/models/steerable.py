"""Filters of the complex steerable pyramid in the Fourier domain (Simoncelli & Freeman 1995).

Raised-cosine radial bands one octave wide, cos^(K-1) orientation selectivity, one-sided, so that
the bands are analytic (quadrature pairs). Built once for an image shape, in NumPy.

Spectra are in FFT order. "Scale s" lives on a grid of (H / 2^s, W / 2^s) frequencies: the low ones
of the image's spectrum, which is how the pyramid subsamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """One scale's transfer functions from the image's spectrum, cropped to `rows` x `columns`.

    `bands` (K, h, w): oriented bands. `coarse` (K, h, w): the next coarser scale's bands, on this
    finer grid (zeros at the coarsest scale, which has none). `low` (h, w): the image rebuilt from
    this scale and all coarser ones, without its mean.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    bands: Array
    coarse: Array
    low: Array


@dataclass(frozen=True)
class Filters:
    """All scales fine to coarse, then the residual low pass, and the high pass' squared gain."""

    scales: tuple[Scale, ...]
    residual: Scale
    high_power: Array


def build_filters(shape: tuple[int, int], n_scales: int, n_orientations: int) -> Filters:
    """Return the filters for images of `shape`, which must be divisible by 2^n_scales."""
    radius, angle = _polar(shape)
    # In octaves below the Nyquist frequency, 0 at Nyquist; the mean is far below everything.
    octave = np.log2(np.maximum(radius, 1e-12))
    low = _low_pass(octave, 0)
    oriented = np.stack([_orientation(angle, k, n_orientations) for k in range(n_orientations)])
    lows, bands = [], []
    for scale in range(n_scales):
        lows.append(low)
        bands.append(low * _high_pass(octave, scale + 1) * oriented)
        low = low * _low_pass(octave, scale + 1)
    lows.append(low)
    bands.append(np.zeros_like(bands[0]))
    cuts = [_cut(shape, bands[s], bands[min(s + 1, n_scales)], lows[s], s) for s in range(n_scales + 1)]
    return Filters(tuple(cuts[:-1]), cuts[-1], _high_pass(octave, 0) ** 2)


def _cut(shape: tuple[int, int], bands: Array, coarse: Array, low: Array, scale: int) -> Scale:
    rows, columns = (_low_frequencies(size, scale) for size in shape)
    grid = (rows[:, None], columns[None, :])
    # Analysis and synthesis each apply the low pass once. The pyramid drops the residual's mean.
    rebuilt = (low**2)[grid].copy()
    rebuilt[0, 0] = 0.0
    return Scale(rows, columns, bands[:, grid[0], grid[1]], coarse[:, grid[0], grid[1]], rebuilt)


def _low_frequencies(size: int, scale: int) -> NDArray[np.int64]:
    kept = size >> scale
    return np.concatenate([np.arange((kept + 1) // 2), np.arange(size - kept // 2, size)])


def _polar(shape: tuple[int, int]) -> tuple[Array, Array]:
    y, x = (2 * np.fft.fftfreq(size) for size in shape)
    return np.hypot(y[:, None], x[None, :]), np.arctan2(y[:, None], x[None, :])


def _high_pass(octave: Array, scale: int) -> Array:
    """Rise from 0 to 1 as a quarter cosine over the octave below 2^-scale of Nyquist."""
    return np.sin(np.pi / 2 * np.clip(octave + scale + 1, 0, 1))


def _low_pass(octave: Array, scale: int) -> Array:
    return np.cos(np.pi / 2 * np.clip(octave + scale + 1, 0, 1))


def _orientation(angle: Array, k: int, count: int) -> Array:
    order = count - 1
    gain = 2 ** (2 * order) * factorial(order) ** 2 / (count * factorial(2 * order))
    offset = np.mod(angle - np.pi * k / count + np.pi, 2 * np.pi) - np.pi
    return np.where(np.abs(offset) < np.pi / 2, 2 * np.sqrt(gain) * np.cos(offset) ** order, 0.0)
