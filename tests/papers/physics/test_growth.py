"""Growth: what is timed, its files, and the figure of them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from rerender.papers.physics.curves import KERNELS, TWIN
from rerender.papers.physics.figures import make_figure
from rerender.papers.physics.growth import make_growth
from rerender.papers.physics.specs import GrowthSettings
from rerender.provenance.manifest import Code

CODE = Code(("x",), {"x": "1"}, "code")


def test_every_size_is_timed_by_both_methods_and_drawn(tmp_path: Path, root: Path) -> None:
    settings = GrowthSettings(cells=(1, 2), element_steps=100, repeats=1, twin_limit=10)
    rows = tmp_path / "rows.parquet"
    make_growth(settings, CODE, {}, tier="smoke", rows=rows, manifest=tmp_path / "manifest.json")
    frame = pl.read_parquet(rows)
    assert frame.select("tetrahedra", "method", "steps", "particles").rows() == [
        (5, KERNELS, 20, 8),
        (5, TWIN, 20, 8),
        (40, KERNELS, 4, 27),
    ]
    assert frame["device_name"].unique().to_list() == ["CPU, 1 thread"]
    assert json.loads((tmp_path / "manifest.json").read_text())["stage"] == "physics_growth"
    drawn = pl.read_parquet(
        make_figure("growth", [rows], tmp_path / "none", tmp_path / "growth", tier="smoke")[2]
    )
    row = drawn.row(0, named=True)
    assert row["nanoseconds_each"] == pytest.approx(1e9 * row["seconds_step"] / 5)
