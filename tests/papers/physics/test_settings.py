from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from rerender.core.errors import UserError
from rerender.papers.physics import grid
from rerender.papers.physics.settings import PhysicsSettings
from rerender.papers.physics.specs import SHAPES, RigidMassSettings
from rerender.papers.physics.tiers import TIERS


def test_jobs_are_those_of_the_settings_and_every_cell_belongs_to_one() -> None:
    settings = TIERS["laptop"]
    jobs = grid.jobs(settings)
    assert len(set(jobs)) == len(jobs)
    masses = [job for job in jobs if job.experiment == "rigid_mass"]
    assert len(masses) == settings.rigid_mass.seeds + 5 * settings.rigid_mass.other_seeds
    assert {(cell.experiment, cell.variant, cell.seed) for cell in grid.cells(settings)} == {
        (job.experiment, job.variant, job.seed) for job in jobs
    }


def test_a_described_grid_comes_back() -> None:
    settings = TIERS["smoke"]
    assert grid.described(grid.describe(settings)) == (settings, grid.cells(settings))


def test_the_paper_tier_has_the_papers_two_hundred_objects_and_size() -> None:
    settings = TIERS["paper"]
    assert len(SHAPES) == 14
    assert 190 <= settings.rigid_mass.seeds * len(settings.rigid_mass.shapes) <= 210
    assert settings.raster.size == 256
    assert (settings.control_fem.seeds, settings.control_fem.iterations) == (6, 40)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"rigid_mass": {"shapes": ("bannana",)}}, "Did you mean 'banana'"),
        ({"rigid_mass": {"mass": (0.3, 0.2)}}, r"physics.rigid_mass.mass is \[0.3, 0.2\]"),
        ({"lame": {"stiffness": (500.0, 500.0)}}, "physics.lame.stiffness"),
    ],
)
def test_wrong_names_and_empty_domains_are_refused(part: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        grid.check_names(PhysicsSettings.model_validate(part))


def test_unknown_keys_and_impossible_numbers_are_refused() -> None:
    for wrong in ({"masses": 3}, {"lever": 2.0}, {"shapes": ()}, {"variants": ("blurred",)}):
        with pytest.raises(ValidationError):
            RigidMassSettings.model_validate(wrong)


def test_settings_and_workflow_load_no_numerics() -> None:
    script = (
        "import sys, rerender.workflow.physics, rerender.papers.physics.requests;"
        "heavy = {'numpy', 'torch', 'warp', 'polars', 'scipy'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_published_table_is_in_the_claims_and_ours_have_their_columns(root: Path) -> None:
    from rerender.papers.physics.tables import LAYOUTS
    from rerender.reporting.published import load_published

    published = load_published(root / "config" / "claims" / "physics.yaml")
    assert {"table1", "table2", "table3", "fig2", "fig4a"} <= published.keys()
    for name, layout in LAYOUTS.items():
        beside = [measure for measure in layout.measures if measure.column.beside]
        sources = {name, *(measure.published for measure in beside if measure.published)}
        printed = {column.metric for source in sources for column in published[source].columns}
        assert printed == {measure.metric for measure in beside}
