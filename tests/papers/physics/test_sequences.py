"""Figure 3: moments of a motion in one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import torch

from rerender.papers.physics.sequences import ROWS, blend, save_sequences


def moving_square(count: int) -> torch.Tensor:
    video = torch.zeros(count, 16, 16, 4, dtype=torch.float64)
    for index in range(count):
        video[index, 6:10, 2 * index : 2 * index + 2] = torch.tensor([1.0, 1.0, 0.0, 1.0])
    return video


def test_a_blend_is_white_where_nothing_was_and_each_moment_has_its_colour() -> None:
    picture = blend(moving_square(6))
    assert np.allclose(picture[0], 1.0)
    colours = picture[8, 0:12:2]
    assert len(np.unique(colours.round(3), axis=0)) == 6
    assert colours[0].sum() < colours[-1].sum() < 3.0


def test_moments_that_overlap_mix() -> None:
    still = blend(moving_square(1).expand(6, -1, -1, -1))[8, 0]
    assert np.allclose(still, blend(moving_square(6))[8, 0:12:2].mean(axis=0))


def test_the_figure_says_what_is_in_it(tmp_path: Path) -> None:
    reels = {row: moving_square(6 if row != ROWS[-1] else 1) for row in ROWS}
    save_sequences({"rigid mass": reels, "control fem": reels}, tmp_path / "fig3", "smoke")
    assert (tmp_path / "fig3.png").stat().st_size > 1000 and (tmp_path / "fig3.pdf").is_file()
    data = pl.read_parquet(tmp_path / "fig3.parquet")
    assert data["row"].to_list() == [*ROWS, *ROWS]
    assert data["frames"].to_list() == [6, 6, 1] * 2
