from __future__ import annotations

import math

import numpy as np
import pytest
from tests.papers.envmaps.tiny import sky

from rerender.papers.envmaps.quality import FitQuality, gamma_of_refit


def test_an_exact_copy() -> None:
    assert FitQuality.of(sky(), sky()).scalars() == {
        "psnr_log": 100.0, "psnr_srgb": 100.0, "peak_ratio": 1.0, "luminance_ratio": 1.0,
    }  # fmt: skip


def test_closed_forms() -> None:
    """Radiance + eps scaled by a factor shifts all codes by ln(factor) / range."""
    image, eps = sky(), 1e-3
    scaled = (0.8 * (image + eps) - eps).astype(np.float32)
    quality = FitQuality.of(scaled, image, eps)
    span = math.log((image.max() + eps) / (image.min() + eps))
    assert quality.psnr_log == pytest.approx(-20 * math.log10(-math.log(0.8) / span), abs=1e-3)
    assert quality.peak_ratio == pytest.approx(0.8, abs=1e-4)
    assert quality.luminance_ratio == pytest.approx(0.8, abs=1e-3)


def test_the_display_hides_the_sun_but_the_peak_does_not() -> None:
    image = sky()
    dim = np.minimum(image, 2.0)
    quality = FitQuality.of(dim, image)
    assert quality.psnr_srgb == 100 and quality.peak_ratio == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("peak", "luminance", "word"),
    [(0.31, 0.8, ""), (0.29, 1.0, "peak"), (1.0, 0.74, "luminance"), (1.0, 1.26, "luminance"), (math.nan, 1.0, "peak")],
)  # fmt: skip
def test_the_guard(peak: float, luminance: float, word: str) -> None:
    quality = FitQuality(30.0, 30.0, peak, luminance)
    assert word in quality.complaint() and bool(word) == bool(quality.complaint())
    assert gamma_of_refit(quality, 0.01) == (0.005 if word else None)
    assert gamma_of_refit(quality, 0.0) is None
