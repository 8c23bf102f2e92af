from __future__ import annotations

import pytest

from rerender.papers.envmaps.figure_galleries import even_columns, lines_of


@pytest.mark.parametrize(("title", "most", "lines"), [
    ("SIREN HDR", 20, ["SIREN HDR"]),
    ("R-SIREN HDR (low perturbation)", 30, ["R-SIREN HDR (low perturbation)"]),
    ("R-SIREN HDR (low perturbation)", 20, ["R-SIREN HDR", "(low perturbation)"]),
    ("R-SIREN (low) + a proxy", 14, ["R-SIREN (low)", "+ a proxy"]),
    ("SIREN HDR w/o HDR loss", 12, ["SIREN HDR", "w/o HDR loss"]),
])  # fmt: skip
def test_titles_break_before_a_bracket_that_fits(title: str, most: int, lines: list[str]) -> None:
    assert lines_of(title, most) == lines


@pytest.mark.parametrize(("count", "columns"), [(4, 4), (6, 6), (7, 4), (9, 5), (13, 5)])
def test_lines_have_much_the_same_length(count: int, columns: int) -> None:
    assert even_columns(count) == columns
