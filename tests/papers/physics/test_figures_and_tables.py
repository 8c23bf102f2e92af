from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from rerender.papers.physics.curves import COMPARED, SELECTIONS, metric_name
from rerender.papers.physics.figures import make_figure
from rerender.papers.physics.grid import Expected
from rerender.papers.physics.landscape import landscape, sweep, video
from rerender.papers.physics.settings import PhysicsSettings
from rerender.papers.physics.specs import LandscapeSettings, RigidMassSettings
from rerender.papers.physics.tables import build
from rerender.reporting.captions import Names
from rerender.reporting.claims import load_claims
from rerender.reporting.published import load_published, published_value
from rerender.reporting.rows import RowContext
from rerender.reporting.verdicts import judge_all


@pytest.fixture(scope="module")
def claims(root: Path) -> Path:
    return root / "config" / "claims" / "physics.yaml"


def test_figure_2_is_the_published_curve(claims: Path) -> None:
    """Acceptance test 5, much sharper: at the paper's size, at some of the masses at which the published curves are known."""
    tables = load_published(claims)
    lightest, quarter, heavy = COMPARED[0], COMPARED[1], COMPARED[7]
    with torch.no_grad():
        truth = video(1.0, 256)
        losses = {
            mass: ((video(mass, 256) - truth) ** 2).mean(dim=(1, 2, 3)) for mass in (lightest, quarter, heavy)
        }
    for name in ("all", "every5", "first_mid"):
        whole = float(losses[lightest][list(SELECTIONS[name])].mean())
        for mass in (quarter, heavy):
            printed = published_value(tables, "fig2", name, metric_name(mass))
            found = float(losses[mass][list(SELECTIONS[name])].mean()) / whole
            assert found == pytest.approx(printed, abs=5e-4), (name, mass)


def test_a_landscape_is_zero_at_the_truth_and_one_at_its_maximum() -> None:
    frame = landscape(LandscapeSettings(masses=3, size=32))
    for name in SELECTIONS:
        assert frame[name].max() == 1.0
        assert frame.filter(pl.col("mass") == 1.0)[name][0] == 0.0


def test_a_sweep_has_the_masses_of_the_published_points() -> None:
    masses = sweep(LandscapeSettings(masses=11))
    assert set(COMPARED) <= set(masses) and masses[0] == 0.1 and masses[-1] == 5.0
    assert np.all(np.diff(masses) > 0)


def test_table_1_shows_means_medians_published_values_and_gaps(claims: Path) -> None:
    settings = PhysicsSettings(
        rigid_mass=RigidMassSettings(shapes=("box",), seeds=3, variants=("default", "ideal"))
    )
    values = {
        Expected("rigid_mass", "box", "gradsim", "default", seed): {
            "rel_error/mass": error,
            "evaluations": 40.0,
        }
        for seed, error in ((1, 1e-6), (2, 2e-6), (3, 9e-6))
    }
    table = build(
        "table1", values, settings, load_published(claims), Names(models={"gradsim": "∇Sim"}), "smoke"
    )
    rows = {row.ids: dict(zip([c.key for c in table.columns], row.cells, strict=True)) for row in table.rows}
    video = rows["gradsim", "default"]
    assert video["rel_error_mass"].value == pytest.approx(4e-6)
    assert video["rel_error_mass"].beside == 9.01e-5
    assert video["rel_error_mass_med"].value == pytest.approx(2e-6)
    assert rows["gradsim", "ideal"]["rel_error_mass"].note == "not run"
    assert rows["average", ""]["evaluations"].note == "not applicable"
    assert (video["evaluation_s"].note, rows["blackbox", "default"]["evaluation_s"].note) == (
        "not run",
        "not applicable",
    )
    assert [row.labels[0] for row in table.rows][-1] == "∇Sim"


def test_figures_are_written_with_their_data(tmp_path: Path, claims: Path) -> None:
    curves = pl.DataFrame(
        {"mass": COMPARED, **dict.fromkeys(("all", "every5", "first_mid", "first_last"), COMPARED)}
    )
    curves.write_parquet(tmp_path / "curves.parquet")
    trace = pl.DataFrame(
        {
            "iteration": [0, 1, 2] * 2,
            "position_error": [4.0, 2.0, 1.0] * 2,
            "method": ["gradsim"] * 3 + ["random"] * 3,
            "seed": 1,
        }
    )
    trace.write_parquet(tmp_path / "trace.parquet")
    plane = pl.DataFrame(
        {"mass": [1.0, 2.0] * 2, "restitution": [0.5, 0.5, 0.8, 0.8], "loss": [1.0, 2.0, 0.0, 3.0]}
    )
    plane.write_parquet(tmp_path / "drop.parquet")
    for name, data in (("fig2", ("curves", "drop")), ("fig4a", ("trace",)), ("fig4b", ("trace",))):
        files = [tmp_path / f"{part}.parquet" for part in data]
        paths = make_figure(name, files, claims, tmp_path / name, tier="smoke")
        assert all(path.stat().st_size > 1000 for path in paths)
    drawn = pl.read_parquet(tmp_path / "fig2.parquet")
    assert drawn.filter(pl.col("curve").is_not_null())["published"].null_count() == 0
    assert drawn["restitution"].drop_nulls().len() == plane.height


def test_every_order_of_the_tables_is_one_that_the_paper_printed(claims: Path) -> None:
    known = load_claims(claims)
    context = RowContext(
        paper="physics",
        experiment="any",
        scene="any",
        envmap="any",
        method="any",
        representation="any",
        seed=1,
        tier="paper",
        backend="print",
        device="paper",
        run_id="print",
        code="none",
        stack="none",
        assets="original",
    )
    rows = [
        vars(replace(context, **{**table.where, **row.where}).row(column.metric, value))
        for table in known.tables
        for row, column, value in table.cells()
    ]
    orders = [claim for claim in known.claims if claim.kind == "order" and claim.artefact.startswith("table")]
    verdicts = judge_all(orders, pl.DataFrame(rows), "paper", None)
    assert len(verdicts) == 8
    assert {verdict.verdict for verdict in verdicts} == {"match"}
