from __future__ import annotations

import numpy as np
import pytest

from rerender.perception.models.steerable import build_filters


@pytest.mark.parametrize(("shape", "orientations"), [((32, 32), 4), ((16, 48), 3)])
def test_bands_tile_the_spectrum(shape, orientations) -> None:
    # One-sided bands hold twice the amplitude, so a band and its mirror image add to half its power.
    scales = 2
    filters = build_filters(shape, scales, orientations)
    total = filters.high_power.copy()
    for scale in filters.scales:
        grid = np.ix_(scale.rows, scale.columns)
        power = (scale.bands**2).sum(0)
        mirrored = np.roll(power[::-1, ::-1], (1, 1), (0, 1))
        total[grid] += (power + mirrored) / 4
    grid = np.ix_(filters.residual.rows, filters.residual.columns)
    total[grid] += filters.residual.low
    total[0, 0] += 1  # the residual leaves the mean out
    np.testing.assert_allclose(total, 1, atol=1e-12)


def test_bands_are_one_sided_and_cropping_loses_nothing() -> None:
    filters = build_filters((32, 32), 3, 4)
    for scale in (*filters.scales, filters.residual):
        assert scale.low.shape == (len(scale.rows), len(scale.columns))
        mirrored = np.roll(scale.bands[:, ::-1, ::-1], (1, 1), (1, 2))
        assert np.abs(scale.bands * mirrored).max() < 1e-12
        # nothing at the subsampled Nyquist frequency, where aliasing would begin
        half = len(scale.rows) // 2
        assert np.abs(scale.bands[:, half]).max() < 1e-12
        assert np.abs(scale.low[half]).max() < 1e-12


def test_coarse_is_the_next_scale_on_the_finer_grid() -> None:
    first, second = build_filters((32, 32), 2, 4).scales
    inner = np.ix_(
        range(4), np.searchsorted(first.rows, second.rows), np.searchsorted(first.columns, second.columns)
    )
    np.testing.assert_allclose(first.coarse[inner], second.bands)
    assert first.coarse.sum() == pytest.approx(second.bands.sum())
    assert not second.coarse.any()
