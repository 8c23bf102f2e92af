from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d

from rerender.perception.models import separable


@pytest.mark.parametrize(("size", "width"), [(20, 7), (9, 5), (5, 9), (4, 31)])
def test_reflect_matrix_is_mirrored_correlation(size, width) -> None:
    taps = np.random.default_rng(0).random(width)
    signal = np.random.default_rng(1).random(size)
    expected = correlate1d(signal, taps, mode="mirror")
    np.testing.assert_allclose(separable.reflect_matrix(taps, size) @ signal, expected, atol=1e-12)
    np.testing.assert_allclose(
        separable.reflect_matrix(taps, size, stride=2) @ signal, expected[::2], atol=1e-12
    )


def test_valid_matrix_is_correlation_inside() -> None:
    taps, signal = np.random.default_rng(0).random(5), np.random.default_rng(1).random(12)
    np.testing.assert_allclose(separable.valid_matrix(taps, 12) @ signal, np.correlate(signal, taps, "valid"))


def test_gaussian_pair_keeps_constants_and_the_dtype() -> None:
    rows, columns = separable.gaussian_pair(2.0, 31, (12, 10), "reflect", torch.float64, torch.device("cpu"))
    image = torch.full((2, 3, 12, 10), 0.7, dtype=torch.float64)
    torch.testing.assert_close(separable.apply(rows, image, columns), image)
    assert rows.dtype == torch.float64
    assert (rows.shape, columns.shape) == ((12, 12), (10, 10))
