"""Displays of derivatives against closed forms."""

from __future__ import annotations

import numpy as np

from rerender.papers.metamers.gradient_display import magnitude, signed


def test_displays_are_scaled_by_the_root_mean_square() -> None:
    gradient = np.zeros((2, 2, 3), np.float32)
    gradient[0, 0] = 0.2  # brighter
    gradient[0, 1] = -0.05  # darker
    rms = np.sqrt((0.2**2 + 0.05**2) / 4)
    np.testing.assert_allclose(signed(gradient)[0, 0], [1, 0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(signed(gradient)[0, 1], [0.5, 0.5, 0.5 + 0.5 * 0.05 / rms], atol=1e-6)
    np.testing.assert_allclose(signed(gradient)[1, 1], 0.5)
    np.testing.assert_allclose(magnitude(gradient), [[1, 0.05 / rms], [0, 0]], atol=1e-6)
    assert not magnitude(np.zeros((2, 2, 3))).any()
