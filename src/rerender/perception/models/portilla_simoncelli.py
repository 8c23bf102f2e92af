"""Texture statistics of Portilla & Simoncelli (2000) as a vision model.

Marginal moments, spatial correlations of the low-pass images and of the band magnitudes, and
correlations between orientations and between scales of a complex steerable pyramid with 4
orientations. Each colour channel is analysed on its own (the statistics are defined for grey
images; materials differ in colour). Minimum and maximum are left out: they are noise in a render.

Agrees with `plenoptic.models.PortillaSimoncelli` and costs 0.6 times as much: every quantity comes
from one spectrum, and correlations over space are evaluated at their 24 distinct lags only.

Loss: per group of statistics |f - t|^2 / (|t|^2 + n floor^2), averaged over groups; 0.01 means that
a typical statistic is 10% off. Similarity: 1 - |f - t|^2 / (|f|^2 + |t|^2), averaged over groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from rerender.core.errors import UserError
from rerender.perception.models.base import Features
from rerender.perception.models.distances import agreement, relative_error
from rerender.perception.models.separable import constant
from rerender.perception.models.steerable import Scale, build_filters
from rerender.perception.preprocessing import check_images

MAX_SCALES = 4
ORIENTATIONS = 4
WIDTH = 7  # spatial correlations reach 3 pixels in each direction

# A deviation of 0.001 is a quarter of an 8-bit step. Variances are floored there, so that blank
# channels have finite statistics and slopes. Coefficients grow by 4 an octave (`gain`); deviations
# are given back in grey levels.
VARIANCE_FLOOR = 1e-6

# Groups and the root-mean-square below which a group counts as absent: 0.01 grey levels for means
# and deviations, a correlation of 0.05, a skew of 0.1, a kurtosis of 0.3.
FLOORS: Mapping[str, float] = {
    "mean": 0.01,
    "variance": 1e-4,
    "skew": 0.1,
    "kurtosis": 0.3,
    "low_skew": 0.1,
    "low_kurtosis": 0.3,
    "low_deviation": 0.01,
    "low_autocorrelation": 0.05,
    "magnitude_deviation": 0.01,
    "magnitude_autocorrelation": 0.05,
    "orientation_correlation": 0.05,
    "high_variance": 1e-4,
    "scale_magnitude_correlation": 0.05,
    "scale_real_correlation": 0.05,
}


@dataclass(frozen=True)
class PortillaSimoncelli:
    """Texture statistics; the number of scales follows from the image size (`scale_count`)."""

    name: str = "portilla_simoncelli"
    variance_floor: float = VARIANCE_FLOOR

    def features(self, images: Tensor) -> Features:
        """Return one (N, 3, n) tensor a group, in the order of `FLOORS`."""
        return tuple(self.statistics(images).values())

    def statistics(self, images: Tensor) -> dict[str, Tensor]:
        """Return the groups by name; the last two are missing where the image allows one scale only."""
        check_images(images)
        return _statistics(images, self.variance_floor)

    def loss(self, features: Features, target: Features) -> Tensor:
        """Return the mean over groups of the relative squared error."""
        floors = tuple(FLOORS.values())[: len(target)]
        parts = [relative_error(f, t, c) for f, t, c in zip(features, target, floors, strict=True)]
        return torch.stack(parts).mean(0)

    def similarity(self, features: Features, target: Features) -> Tensor:
        """Return the mean over groups of the agreement, in [-1, 1]."""
        floors = tuple(FLOORS.values())[: len(target)]
        parts = [agreement(f, t, c) for f, t, c in zip(features, target, floors, strict=True)]
        return torch.stack(parts).mean(0)


def scale_count(shape: tuple[int, int]) -> int:
    """Return the number of scales: at most 4, each halving exactly, the smallest image >= 7 pixels."""
    count = 0
    while (
        count < MAX_SCALES
        and all(size % 2 ** (count + 1) == 0 for size in shape)
        and min(shape) // 2 ** (count + 1) >= WIDTH
    ):
        count += 1
    if count == 0:
        raise UserError(
            f"texture statistics need an even image size of at least {2 * WIDTH} pixels, "
            f"got {shape[0]} x {shape[1]}",
            "Choose a film size such as 32, 64 or 96.",
        )
    return count


@dataclass(frozen=True)
class _Bank:
    """One scale's filters as tensors, and the cosines that turn its power spectrum into lags."""

    rows: Tensor
    columns: Tensor
    bands: Tensor
    coarse: Tensor | None
    low: Tensor
    lags: Tensor
    gain: float


@lru_cache(maxsize=8)
def _banks(
    shape: tuple[int, int], dtype: torch.dtype, device: torch.device
) -> tuple[tuple[_Bank, ...], _Bank, Tensor]:
    filters = build_filters(shape, scale_count(shape), ORIENTATIONS)

    def tensor(array: np.ndarray) -> Tensor:
        kind = dtype if np.issubdtype(array.dtype, np.floating) else torch.int64
        return constant(array, kind, device)

    def bank(scale: Scale, index: int) -> _Bank:
        height, width = scale.low.shape
        return _Bank(
            tensor(scale.rows),
            tensor(scale.columns),
            tensor(np.stack([scale.bands] * 2, axis=-1)),
            tensor(np.stack([scale.coarse] * 2, axis=-1)) if scale.coarse.any() else None,
            tensor(scale.low[:, : width // 2 + 1]),
            tensor(_lag_cosines(height, width)),
            4.0**index,
        )

    banks = [bank(scale, index) for index, scale in enumerate((*filters.scales, filters.residual))]
    high = tensor(filters.high_power[:, : shape[1] // 2 + 1] * _half_weights(shape[1]))
    return tuple(banks[:-1]), banks[-1], high


def _lag_cosines(height: int, width: int) -> np.ndarray:
    """Return (h * (w // 2 + 1), 25): |rfft2 x|^2 times this is x's circular correlation; lag 0 last."""
    reach = WIDTH // 2
    lags = [(y, x) for y in range(-reach, reach + 1) for x in range(-reach, y + 1) if y != x or y < 0]
    lags.append((0, 0))
    row = 2 * np.pi * np.fft.fftfreq(height)
    column = 2 * np.pi * np.fft.rfftfreq(width)
    phase = np.stack([row[:, None] * y + column[None, :] * x for y, x in lags], axis=-1)
    cosines: np.ndarray = np.cos(phase) * _half_weights(width)[:, None] / (height * width) ** 2
    cosines[0, 0] = 0.0  # of the fluctuations about the mean
    return cosines.reshape(-1, len(lags))


def _half_weights(width: int) -> np.ndarray:
    """Return how often each column of a half spectrum counts in the full one."""
    weights = np.full(width // 2 + 1, 2.0)
    weights[0] = 1.0
    weights[-1] = 1.0
    return weights


def _statistics(images: Tensor, floor: float) -> dict[str, Tensor]:
    height, width = images.shape[-2:]
    banks, residual, high_power = _banks((height, width), images.dtype, images.device)
    spectrum = torch.fft.fft2(images)
    groups = _moments(images, floor)
    lows = [_low_statistics(_crop(spectrum, bank), bank, floor) for bank in (*banks, residual)]
    for index, name in enumerate(("low_skew", "low_kurtosis", "low_deviation", "low_autocorrelation")):
        groups[name] = torch.cat([low[index] for low in lows], dim=-1)
    bands = [_band_statistics(_crop(spectrum, bank), bank, floor) for bank in banks]
    for name in ("magnitude_deviation", "magnitude_autocorrelation", "orientation_correlation"):
        groups[name] = torch.cat([band[name] for band in bands], dim=-1)
    power = _power(spectrum[..., : width // 2 + 1])
    groups["high_variance"] = (power * high_power).sum((-2, -1), keepdim=True)[..., 0] / (height * width) ** 2
    if len(banks) > 1:
        for name in ("scale_magnitude_correlation", "scale_real_correlation"):
            groups[name] = torch.cat([band[name] for band in bands[:-1]], dim=-1)
    return groups


def _moments(images: Tensor, floor: float) -> dict[str, Tensor]:
    pixels = images.flatten(2)
    mean = pixels.mean(2, keepdim=True)
    centred = pixels - mean
    variance = pixels.var(2, keepdim=True)
    return {
        "mean": mean,
        "variance": variance,
        "skew": _skew(centred, variance + floor),
        "kurtosis": _kurtosis(centred, variance + floor),
    }


def _skew(centred: Tensor, variance: Tensor) -> Tensor:
    return (centred * centred.square()).mean(-1, keepdim=True) / (variance * variance.sqrt())


def _kurtosis(centred: Tensor, variance: Tensor) -> Tensor:
    return centred.square().square().mean(-1, keepdim=True) / variance.square()


def _crop(spectrum: Tensor, bank: _Bank) -> Tensor:
    if spectrum.shape[-2:] == (len(bank.rows), len(bank.columns)):
        return spectrum
    return spectrum.index_select(-2, bank.rows).index_select(-1, bank.columns)


def _power(spectrum: Tensor) -> Tensor:
    parts = torch.view_as_real(spectrum)
    return parts.square().sum(-1)


def _lagged(power: Tensor, bank: _Bank, floor: float) -> tuple[Tensor, Tensor]:
    """Return the normalised correlations at the 24 lags and the floored variance (..., 1)."""
    covariance = power.flatten(-2) @ bank.lags
    variance = covariance[..., -1:] + floor * bank.gain**2
    return covariance[..., :-1] / variance, variance


def _low_statistics(spectrum: Tensor, bank: _Bank, floor: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return skew, kurtosis, deviation and autocorrelation of the low-pass image, each (N, 3, n)."""
    height, width = spectrum.shape[-2:]
    low = spectrum[..., : width // 2 + 1] * bank.low
    correlation, variance = _lagged(_power(low), bank, floor)
    pixels = torch.fft.irfft2(low, s=(height, width)).flatten(2)
    deviation = variance.sqrt() / bank.gain
    return _skew(pixels, variance), _kurtosis(pixels, variance), deviation, correlation


def _band_statistics(spectrum: Tensor, bank: _Bank, floor: float) -> dict[str, Tensor]:
    """Return the oriented bands' statistics, each (N, 3, n)."""
    floor = floor * bank.gain**2
    real, imaginary = _analytic(spectrum, bank.bands)
    magnitude = _root(real.square() + imaginary.square())
    half = torch.fft.rfft2(magnitude)
    correlation, variance = _lagged(_power(half), bank, floor)
    deviation = variance.sqrt()
    pixels, mean = _flat(magnitude)
    orientation = _correlate(pixels, pixels, deviation, deviation, mean, mean)
    below = torch.tril_indices(ORIENTATIONS, ORIENTATIONS, -1, device=pixels.device)
    groups = {
        "magnitude_deviation": deviation.squeeze(-1) / bank.gain,
        "magnitude_autocorrelation": correlation.flatten(2),
        "orientation_correlation": orientation[..., below[0], below[1]],
    }
    if bank.coarse is not None:
        parents = _doubled(*_analytic(spectrum, bank.coarse))
        # The filters' phase (-i)^3 makes the imaginary part the even-symmetric, "real" band. Its
        # sign cancels against that of the doubled phase.
        child = imaginary.flatten(-2)
        parts = torch.cat([part.flatten(-2) for part in parents[1:]], dim=-2)
        groups["scale_real_correlation"] = _correlate(
            child, parts, _deviation(child, floor), _deviation(parts, floor)
        ).flatten(2)
        above, above_mean = _flat(parents[0])
        groups["scale_magnitude_correlation"] = _correlate(
            pixels, above, deviation, _deviation(above, floor, above_mean), mean, above_mean
        ).flatten(2)
    return groups


def _analytic(spectrum: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Return the real and imaginary parts of the bands, up to the filters' common phase."""
    real, imaginary = torch.view_as_real(torch.fft.ifft2(_masked(spectrum, masks))).unbind(-1)
    return real, imaginary


def _root(power: Tensor) -> Tensor:
    # A slope at zero: the small number is far below single precision of any visible band.
    return (power + 1e-20).sqrt()


def _doubled(real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return |z| and the real and imaginary parts of z^2 / |z|, the band at twice its phase."""
    a, b = real.square(), imaginary.square()
    magnitude = _root(a + b)
    inverse = magnitude.reciprocal()
    return magnitude, (a - b) * inverse, 2 * (real * imaginary * inverse)


def _flat(values: Tensor) -> tuple[Tensor, Tensor]:
    """Flatten the pixels; also return their mean, (..., 1)."""
    pixels = values.flatten(-2)
    return pixels, pixels.mean(-1, keepdim=True)


def _deviation(pixels: Tensor, floor: float, mean: Tensor | None = None) -> Tensor:
    power: Tensor = torch.linalg.vecdot(pixels, pixels).unsqueeze(-1) / pixels.shape[-1]
    variance = power if mean is None else power - mean.square()
    return (variance.clamp_min(0) + floor).sqrt()


def _correlate(
    first: Tensor,
    second: Tensor,
    deviation: Tensor,
    other: Tensor,
    mean: Tensor | None = None,
    other_mean: Tensor | None = None,
) -> Tensor:
    """Return the (..., a, b) correlations of (..., a, pixels) with (..., b, pixels).

    Normalising the small matrix instead of the pixels halves the cost.
    """
    covariance = first @ second.mT / first.shape[-1]
    if mean is not None and other_mean is not None:
        covariance = covariance - mean @ other_mean.mT
    return covariance / (deviation @ other.mT)


def _masked(spectrum: Tensor, masks: Tensor) -> Tensor:
    """Multiply (..., h, w) spectra by real (K, h, w, 2) masks; faster than complex by real."""
    parts: Tensor = torch.view_as_real(spectrum).unsqueeze(-4) * masks
    bands: Tensor = torch.view_as_complex(parts)
    return bands
