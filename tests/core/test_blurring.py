"""Gaussian blur as matrices: against SciPy's, and its limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from rerender.core.blurring import blur_matrix, blurred


@pytest.mark.parametrize("sigma", [0.7, 2.0, 9.0])
def test_it_is_scipys_blur_with_repeated_borders(sigma: float) -> None:
    image = np.random.default_rng(0).random((2, 24, 17, 3))
    expected = gaussian_filter(
        image, (0, sigma, sigma, 0), mode="nearest", truncate=np.ceil(4 * sigma) / sigma
    )
    assert blurred(image, sigma) == pytest.approx(expected, abs=1e-6)


def test_no_blur_is_the_picture_and_rows_sum_to_one() -> None:
    image = np.ones((4, 5, 3), np.float32)
    assert blurred(image, 0.0) is image
    assert blurred(image, 30.0).dtype == np.float32
    assert blur_matrix(8, 50.0).sum(axis=1) == pytest.approx(1.0)
