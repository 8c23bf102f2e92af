"""Values view by view on shared scales, on numbers that can be checked by hand."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from rerender.papers.metamers.by_view import PIXELS, paired, read_views, similarity_under, values_of
from rerender.papers.metamers.evaluate import write_by_view


def record(
    model: str, seed: int | None, state: str, value: float, view: int = 0, judge: str = "ssim"
) -> dict[str, object]:
    measure = "similarity" if judge else "pixel_error"
    return {
        "model": model,
        "seed": seed,
        "state": state,
        "measure": measure,
        "judge": judge,
        "view": view,
        "value": value,
    }


@pytest.fixture
def views(tmp_path: Path) -> pl.DataFrame:
    """Return a place with a span of 0.4 and, for the second judge, none."""
    records = [
        record("mae", 1, "start", 0.5),
        record("mae", 1, "best", 0.7),
        record("", None, "ceiling", 0.9),
    ]
    records += [record("ssim", 1, "best", 0.9), record("ssim", 2, "best", 0.8)]
    records += [record("mae", 1, "start", 0.2, judge=""), record("mae", 1, "best", 0.05, judge="")]
    records += [record("mae", 1, state, 0.3, judge="flat") for state in ("start", "best")]
    records += [record("", None, "ceiling", 0.3, judge="flat")]
    file = tmp_path / "bunny" / "constant" / "by_view.parquet"
    file.parent.mkdir(parents=True)
    write_by_view(file, records)
    found = read_views([file])
    assert found is not None
    return found


PLACE = [("bunny", "constant")]


def test_similarities_are_relative_to_start_and_ceiling_and_errors_to_the_start(views: pl.DataFrame) -> None:
    assert values_of(views, PLACE, "mae", similarity_under("ssim"))["bunny", "constant", 1] == pytest.approx(
        [0.5]
    )
    assert values_of(views, PLACE, "ssim", similarity_under("ssim"))["bunny", "constant", 2] == pytest.approx(
        [0.75]
    )
    assert values_of(views, PLACE, "mae", PIXELS)["bunny", "constant", 1] == pytest.approx([0.25])


def test_a_judge_without_a_span_and_other_places_give_nothing(views: pl.DataFrame) -> None:
    assert values_of(views, PLACE, "mae", similarity_under("flat")) == {}
    assert values_of(views, [("dragon", "constant")], "mae", PIXELS) == {}
    assert read_views([]) is None


def test_pairs_are_the_seeds_that_both_have(views: pl.DataFrame) -> None:
    mine, other = paired(views, PLACE, ("ssim", "mae"), similarity_under("ssim"))
    assert mine == [pytest.approx([1.0])]
    assert other == [pytest.approx([0.5])]
