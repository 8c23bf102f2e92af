from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from rerender.reporting.scoreboard import (
    LABELS,
    STATE_COLOURS,
    counts,
    draw_scoreboard,
    ratios,
    save_scoreboard,
)
from rerender.reporting.verdicts import STATES

ROWS = [
    # claim, paper, kind, verdict, ours, asked
    ("e.a", "envmaps", "order", "match", 2.0, 1.0),
    ("e.b", "envmaps", "qualitative", "match", 2.0, 1.0),
    ("e.c", "envmaps", "value", "differs", 30.0, 3.0),
    ("e.d", "envmaps", "value", "not-run", None, 3.0),
    ("e.e", "envmaps", "plot", "trend", 0.0, 3.0),
    ("p.a", "physics", "target", "close", 1.0, 4.0),
    ("p.b", "physics", "value", "match", 1.0, 2.0),
]


@pytest.fixture
def verdicts() -> pl.DataFrame:
    return pl.DataFrame(ROWS, schema=["claim", "paper", "kind", "verdict", "ours", "asked"], orient="row")


def test_claims_are_counted_by_paper_group_and_verdict(verdicts: pl.DataFrame) -> None:
    assert counts(verdicts).rows() == [
        ("envmaps", "what its text says", "match", 2),
        ("envmaps", "printed numbers", "differs", 1),
        ("envmaps", "printed numbers", "not-run", 1),
        ("envmaps", "printed numbers", "trend", 1),
        ("physics", "goals set here", "close", 1),
        ("physics", "printed numbers", "match", 1),
    ]


def test_only_printed_numbers_that_were_measured_have_a_ratio(verdicts: pl.DataFrame) -> None:
    assert ratios(verdicts).rows() == [("e.c", "envmaps", "differs", 10.0), ("p.b", "physics", "match", 0.5)]


def test_bars_and_dots_say_what_the_table_says(verdicts: pl.DataFrame, tmp_path: Path) -> None:
    figure, _ = draw_scoreboard(verdicts, "smoke")
    bars, dots = figure.axes
    assert [text.get_text() for text in bars.texts] == ["2", "1", "1", "1", "1", "1"]
    assert [len(one.get_offsets()) for one in dots.collections] == [1, 1]
    assert [float(one.get_offsets()[0][0]) for one in dots.collections] == pytest.approx([1.0, -0.30103])
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["match", "close", "trend", "differs", LABELS["not-run"]]
    verdicts.write_parquet(tmp_path / "verdicts.parquet")
    save_scoreboard(tmp_path / "verdicts.parquet", tmp_path / "scoreboard", "smoke")
    assert {path.suffix for path in tmp_path.glob("scoreboard.*")} == {".png", ".pdf", ".parquet"}


def test_every_verdict_has_a_colour() -> None:
    assert set(STATE_COLOURS) == set(STATES)
