"""The grid: every cell once, blocked ones with their reason, and names that do not fit refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from rerender.core.errors import UserError
from rerender.papers.metamers import grid
from rerender.papers.metamers.runfiles import Expected
from rerender.papers.metamers.settings import GeometrySettings, MaterialSettings, MetamersSettings

SETTINGS = MetamersSettings(
    geometry=GeometrySettings(
        scenes=("suzanne", "bunny"), envmaps=("constant", "venice_sunset"), models=("mae", "resnet"), seeds=2
    ),
    material=MaterialSettings(scenes=("diffuse",), models=("dual_buffer", "mse"), seeds=3),
)


def blocked(model: str) -> str | None:
    return "weights" if model == "resnet" else None


def test_every_cell_is_there_once_and_blocked_ones_have_a_reason() -> None:
    cells = grid.cells(grid.describe(SETTINGS, blocked))
    assert len(cells) == len(set(cells)) == 2 * 2 * 2 * 2 + 1 * 2 * 3
    assert {cell.blocked for cell in cells if cell.model == "resnet"} == {"weights"}
    assert {cell.envmap for cell in cells if cell.family == "material"} == {"builtin"}
    assert {cell.seed for cell in cells if cell.family == "material"} == {1, 2, 3}


def test_only_cells_that_can_run_are_runnable() -> None:
    cells = grid.runnable(grid.cells(grid.describe(SETTINGS, blocked)))
    assert len(cells) == 2 * 2 * 1 * 2 + 6
    assert all(cell.model != "resnet" for cell in cells)


def test_the_description_is_small_and_plain() -> None:
    description = grid.describe(SETTINGS, blocked)
    assert description["blocked"] == {"resnet": "weights"}
    assert len(repr(description)) < 500


def test_judges_can_run_and_can_judge() -> None:
    assert grid.judges(SETTINGS.geometry, blocked) == ("mae",)
    assert grid.judges(SETTINGS.material, blocked) == ("mse",)  # the dual buffer has no score of two images


def test_finished_runs_come_in_grid_order() -> None:
    cells = grid.cells(grid.describe(SETTINGS, blocked))
    wanted = [cells[0], cells[-1], cells[1]]
    files = [
        Path("anywhere/runs") / cell.scene / cell.envmap / cell.model / f"s{cell.seed}" / name
        for cell in wanted
        for name in ("frames.npz", "fit.json")
    ]
    runs = grid.finished_runs(cells, files)
    assert [(run.scene, run.envmap, run.model, run.seed, run.family) for run in runs] == [
        (cell.scene, cell.envmap, cell.model, cell.seed, cell.family)
        for cell in (cells[0], cells[1], cells[-1])
    ]


def test_an_evaluation_stands_for_the_runs_that_can_run_and_that_it_judged() -> None:
    cells = grid.cells(grid.describe(SETTINGS, blocked))
    place = (cells[0].scene, cells[0].envmap)
    runs = grid.finished_runs(cells, [Path("anywhere/evaluations", *place, "metrics.parquet")])
    expected = [cell for cell in cells if (cell.scene, cell.envmap) == place and cell.blocked is None]
    assert 0 < len(expected) < len(cells)
    assert [run.folder for run in runs] == [
        Path("anywhere/runs", *place, cell.model, f"s{cell.seed}") for cell in expected
    ]
    only_first = [
        f"anywhere/runs/{'/'.join(place)}/{cells[0].model}/s{cells[0].seed}/frames.npz",
        *map(str, (runs[0].metrics,)),
    ]
    assert grid.finished_runs(cells, only_first) == runs[:1]


def test_a_run_that_is_not_in_the_grid_is_left_out() -> None:
    assert (
        grid.finished_runs(
            [Expected("geometry", "dog", "constant", "mae", 1)], ["runs/suzanne/constant/mae/s1/f"]
        )
        == []
    )


@pytest.mark.parametrize(
    ("model", "family", "good"),
    [
        ("mae", "geometry", True),
        ("mae", "material", False),
        ("dual_buffer", "material", True),
        ("dual_buffer", "geometry", False),
        ("ssim", "geometry", True),
        ("ssim", "material", True),
    ],
)
def test_the_validity_rules_of_the_fact_sheet(model: str, family: str, good: bool) -> None:
    if good:
        grid.check_model(model, family, "")
        return
    with pytest.raises(UserError, match=f"'{model}' cannot be used for {family} scenes"):
        grid.check_model(model, family, "")
