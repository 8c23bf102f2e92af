from __future__ import annotations

import numpy as np
import pytest
from tests.papers.envmaps.tiny import HEIGHT, WIDTH, sky

from rerender.papers.envmaps.batches import TexelBatches, z_order


def test_every_texel_counts_once_on_average() -> None:
    batches = TexelBatches(sky(), 40, 6)
    draws, seen = 4000, np.zeros(HEIGHT * WIDTH)
    for seed in range(draws):
        np.add.at(seen, batches.draw(seed), batches.counts)
    # one of n texels is drawn and counts n times: variance n - 1 a draw
    spread = np.sqrt((batches.counts.max() - 1) / draws)
    assert np.abs(seen / draws - 1).max() < 5 * spread
    assert batches.counts.sum() == HEIGHT * WIDTH


def test_the_brightest_are_in_every_batch() -> None:
    image = sky()
    brightest = np.argsort(image.max(axis=-1).ravel(), kind="stable")[-6:]
    batches = TexelBatches(image, 40, 6)
    for seed in range(5):
        assert set(brightest) <= set(batches.draw(seed))
    assert (batches.counts[:6] == 1).all() and (batches.counts[6:] > 1).all()


def test_draws_are_distinct_texels_and_repeat_by_seed() -> None:
    batches = TexelBatches(sky(), 40, 6)
    first = batches.draw(7)
    assert len(np.unique(first)) == 40
    assert np.array_equal(first, batches.draw(7)) and not np.array_equal(first, batches.draw(8))


def test_strata_are_patches() -> None:
    """One texel of each means that no part of the map is left out: some in each eighth of it, in every draw."""
    batches = TexelBatches(sky(), 32, 0)
    for seed in range(20):
        texels = batches.draw(seed)
        eighths = 4 * (texels // WIDTH >= HEIGHT // 2) + texels % WIDTH // (WIDTH // 4)
        assert (np.bincount(eighths, minlength=8) == 4).all()


def test_a_batch_of_all_texels_is_the_map() -> None:
    batches = TexelBatches(sky(), HEIGHT * WIDTH, 10)
    assert sorted(batches.draw(0)) == list(range(HEIGHT * WIDTH)) and (batches.counts == 1).all()


def test_the_curve_interleaves_bits() -> None:
    rows, columns = np.array([0, 0, 1, 1, 2, 255]), np.array([0, 1, 0, 1, 0, 255])
    assert z_order(rows, columns).tolist() == [0, 1, 2, 3, 8, 65535]


@pytest.mark.parametrize(("size", "brightest"), [(10, 10), (HEIGHT * WIDTH + 1, 0), (5, -1)])
def test_impossible_batches_are_refused(size: int, brightest: int) -> None:
    with pytest.raises(ValueError, match=f"{size} texels"):
        TexelBatches(sky(), size, brightest)
