"""The table writer: four formats with the same numbers, the right marks, and reasons for what is missing."""

from __future__ import annotations

import csv
import math
import re
import statistics
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from rerender.reporting.tables import (
    SUFFIXES,
    Cell,
    Column,
    Row,
    Table,
    blocked_cell,
    cell_text,
    format_number,
    latex_escape,
    mark_best,
    mean_cell,
    t_interval,
    to_latex,
    to_markdown,
    write_table,
)

PSNR = Column("psnr", "PSNR", "dB", "higher", ".2f")
ERROR = Column("mae", "MAE", "", "lower", ".3f")
NAME = Column("stop", "Stopped because")


def table(*rows: Row, columns: tuple[Column, ...] = (PSNR, ERROR)) -> Table:
    return Table("t9", "T9. Example.", "50% of A & B.", ("model",), ("Model",), columns, rows, "Runs")


def row(label: str, *cells: Cell, group: str = "", compared: bool = True) -> Row:
    return Row((label,), cells, group, compared=compared)


EXAMPLE = mark_best(
    table(
        row("one", mean_cell([20.0, 21.0]), mean_cell([0.1, 0.3])),
        row("two", mean_cell([25.123456, 25.2]), mean_cell([0.25, None])),
        row("none_such", blocked_cell("weights"), blocked_cell("weights")),
    )
)


def test_mean_cell_ignores_missing_values_and_keeps_the_first_reason() -> None:
    cell = mean_cell([1.0, None, 3.0])
    assert (cell.value, cell.n) == (2.0, 2)
    assert cell.sd == pytest.approx(math.sqrt(2))
    assert mean_cell([5.0]) == Cell(value=5.0, sd=None, n=1)
    assert mean_cell([None, None], [None, "blocked (weights)"]).note == "blocked (weights)"


def test_t_interval_is_the_textbook_one() -> None:
    values = [4.1, 3.9, 4.4, 4.0, 4.6]
    cell = mean_cell(values)
    expected = 2.776445 * statistics.stdev(values) / math.sqrt(5)
    assert t_interval(cell) == pytest.approx(expected, rel=1e-6)
    assert t_interval(mean_cell([1.0])) is None


def test_format_number_drops_the_sign_of_zero_only() -> None:
    assert format_number(-0.0001, ".3f") == "0.000"
    assert format_number(-0.01, ".3f") == "-0.010"


def test_cell_text_shows_spread_count_and_the_number_beside() -> None:
    assert cell_text(Cell(1.0, 0.25, 3), PSNR, 3) == "1.00 ± 0.25"
    assert cell_text(Cell(1.0, 0.25, 3), PSNR, 4) == "1.00 ± 0.25 [n=3]"
    assert cell_text(Cell(1.0, n=1, beside=2.0), PSNR, 1) == "1.00 (2.00)"
    assert cell_text(Cell(note="not applicable"), PSNR) == "–"
    assert cell_text(blocked_cell("weights"), PSNR) == "blocked (weights)"
    assert cell_text(Cell(text="patience"), NAME) == "patience"


def test_best_follows_the_direction_and_the_group() -> None:
    marked = mark_best(
        table(
            row("a", Cell(20.0, n=1), Cell(0.2, n=1), group="x"),
            row("b", Cell(30.0, n=1), Cell(0.1, n=1), group="x"),
            row("ref", Cell(99.0, n=1), Cell(0.0, n=1), group="x", compared=False),
            row("c", Cell(5.0, n=1), Cell(0.9, n=1), group="y"),
        )
    )
    assert [[cell.best for cell in r.cells] for r in marked.rows] == [
        [False, False],
        [True, True],
        [False, False],
        [False, False],
    ]


def test_values_that_print_alike_share_the_mark_unless_all_do() -> None:
    rows = (row("a", Cell(20.001, n=1), Cell(0.5, n=1)), row("b", Cell(20.002, n=1), Cell(0.5, n=1)))
    assert not any(cell.best for r in mark_best(table(*rows)).rows for cell in r.cells)
    marked = mark_best(table(*rows, row("c", Cell(10.0, n=1), Cell(0.6, n=1))))
    assert [r.cells[0].best for r in marked.rows] == [True, True, False]


def test_all_formats_are_written_and_hold_the_same_numbers(tmp_path: Path) -> None:
    paths = write_table(EXAMPLE, tmp_path / "t9")
    assert [path.suffix for path in paths] == list(SUFFIXES)
    frame = pl.read_parquet(tmp_path / "t9.parquet")
    with open(tmp_path / "t9.csv", encoding="utf-8") as handle:
        lines = list(csv.DictReader(handle))
    assert list(lines[0]) == frame.columns
    for line, stored in zip(lines, frame.to_dicts(), strict=True):
        for key, value in stored.items():
            if isinstance(value, float):
                assert float(line[key]) == value
            else:
                assert line[key] == ("" if value is None else str(value))
    text = (tmp_path / "t9.md").read_text()
    for stored in frame.drop_nulls("psnr").to_dicts():
        assert f"{stored['psnr']:.2f} ± {stored['psnr_sd']:.2f}" in text
    latex = (tmp_path / "t9.tex").read_text()
    assert f"{frame['psnr'][0]:.2f} $\\pm$ {frame['psnr_sd'][0]:.2f}" in latex


def test_counts_reasons_and_intervals_are_in_the_data(tmp_path: Path) -> None:
    write_table(EXAMPLE, tmp_path / "t9")
    frame = pl.read_parquet(tmp_path / "t9.parquet")
    assert frame["n"].to_list() == [2, 2, 0]
    assert frame["mae_n"].to_list() == [2, 1, 0]
    assert frame["note"].to_list() == [None, None, "blocked (weights)"]
    assert frame["psnr"].to_list()[2] is None
    assert frame["psnr_ci95"].to_list()[0] == pytest.approx(12.7062 * math.sqrt(0.5) / math.sqrt(2), rel=1e-4)


def test_markdown_has_headings_with_units_and_arrows_and_bold_best() -> None:
    lines = to_markdown(EXAMPLE).splitlines()
    assert lines[0] == "**T9. Example.**"
    assert lines[2] == "| Model | Runs | PSNR [dB] ↑ | MAE ↓ |"
    assert "**25.16 ± 0.05**" in lines[5]
    assert "20.50 ± 0.71" in lines[4]
    assert "**20.50" not in lines[4]
    assert lines[6] == "| none_such | – | blocked (weights) | ″ |"
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1


def test_latex_escapes_text_needs_only_booktabs_and_is_balanced() -> None:
    grouped = replace(EXAMPLE, rows=tuple(replace(r, group=r.labels[0]) for r in EXAMPLE.rows))
    latex = to_latex(grouped)
    assert r"none\_such & -- & \multicolumn{2}{c}{blocked (weights)} \\" in latex
    assert r"50\% of A \& B." in latex
    assert latex.count(r"\midrule") == 3
    assert latex.count("{") == latex.count("}")
    body = latex.split(r"\midrule", 1)[1]
    assert not re.search(r"[^\x00-\x7f]", body)
    used = set(re.findall(r"\\([a-zA-Z]+)", latex))
    known = "begin end table tabular centering scriptsize setlength tabcolsep caption label textbf"
    rules = "toprule midrule bottomrule multicolumn usepackage pm uparrow downarrow"
    assert used <= set(f"{known} {rules}".split())


def test_latex_escape_leaves_no_special_letter_alone() -> None:
    assert latex_escape("a_b & 5% #1 {x} ~ ^ \\ ±") == (
        r"a\_b \& 5\% \#1 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} $\pm$"
    )


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        table(row("a", Cell(1.0)))


def test_a_pipe_does_not_break_markdown() -> None:
    text = to_markdown(table(row("a|b", Cell(text="x|y"), Cell(1.0, n=1)), columns=(NAME, ERROR)))
    assert r"| a\|b | 1 | x\|y | 1.000 |" in text


def test_the_median_stands_in_the_data_and_one_failure_does_not_move_it_far() -> None:
    cell = mean_cell((40.0, 30.0, 10.0, 19.0))
    assert (cell.value, cell.median, cell.n) == (pytest.approx(24.75), pytest.approx(24.5), 4)
    assert mean_cell((40.0, 41.0, 42.0, 0.0)).median == pytest.approx(40.5)
