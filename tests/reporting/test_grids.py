"""Pictures in figures: errors on a fixed scale, strips, and lossless records."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from rerender.reporting.grids import (
    as_bytes,
    as_display,
    colour_error,
    error_map,
    png_bytes,
    split_strip,
    spread_indices,
)
from rerender.reporting.style import ERROR_MAX


def test_display_and_bytes_are_inverse_on_bytes() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(1, -1, 1).repeat(3, axis=2)
    np.testing.assert_array_equal(as_bytes(as_display(every)), every)


def test_floats_are_clipped_and_rounded() -> None:
    image = np.array([[[-1.0, 0.5, 2.0]]], dtype=np.float16)
    np.testing.assert_array_equal(as_bytes(image), [[[0, 128, 255]]])


def test_error_map_is_the_mean_over_channels() -> None:
    a, b = np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 3), np.float32)
    b[0, 1] = (0.3, 0.6, 0.0)
    np.testing.assert_allclose(error_map(a, b), [[0, 0.3], [0, 0]], atol=1e-7)
    with pytest.raises(ValueError, match="different shapes"):
        error_map(a, np.zeros((2, 1, 3)))


def test_error_colours_do_not_depend_on_the_other_pixels() -> None:
    alone = colour_error(np.array([[0.1]]))
    with_large = colour_error(np.array([[0.1, 5.0]]))
    np.testing.assert_array_equal(alone[0, 0], with_large[0, 0])
    np.testing.assert_array_equal(with_large[0, 1], colour_error(np.array([[ERROR_MAX]]))[0, 0])
    assert colour_error(np.array([[0.0]])).sum() < 20


def test_strip_is_cut_into_square_views() -> None:
    strip = np.arange(4 * 12 * 3).reshape(4, 12, 3)
    views = split_strip(strip)
    assert [view.shape for view in views] == [(4, 4, 3)] * 3
    np.testing.assert_array_equal(views[1], strip[:, 4:8])
    assert len(split_strip(np.zeros((4, 6, 3)))) == 1


def test_png_bytes_are_lossless() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png_bytes(image)))), image)


def test_spread_indices_hold_both_ends() -> None:
    assert spread_indices(3, 5) == [0, 1, 2]
    assert spread_indices(100, 3) == [0, 50, 99]
