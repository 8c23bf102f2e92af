"""Fields: an unknown for every particle of a ball and of a cloth, and the files of such a job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch

from rerender.core.files import load_tree
from rerender.papers.physics import cloth_velocity, particle_mass
from rerender.papers.physics.fields import FieldSubject, run_fields
from rerender.papers.physics.grid import Job
from rerender.papers.physics.specs import ClothVelocitySettings, ParticleMassSettings, RasterSettings
from rerender.papers.physics.subjects import EstimateRequest
from rerender.papers.physics.videos import make_field_video
from rerender.provenance.manifest import Code
from rerender.reporting.jobfiles import JobFiles
from rerender.reporting.rows import read_rows
from rerender.reporting.videos import probe_video
from rerender.simulation.errors import Unstable

CODE = Code(("x",), {"x": "1"}, "code")
SHORT = {"instances": 1, "seconds": 0.1, "frames": 2, "iterations": 4}
MODULES = {"particle_mass": particle_mass, "cloth_velocity": cloth_velocity}
SETTINGS = {"particle_mass": ParticleMassSettings, "cloth_velocity": ClothVelocitySettings}


def request(experiment: str, **changes: object) -> EstimateRequest:
    settings = SETTINGS[experiment].model_validate({**SHORT, **changes})
    units = MODULES[experiment].UNITS
    return EstimateRequest(Job(experiment, "ideal", 1), settings, RasterSettings(size=24), units, "smoke")


def subject(experiment: str, **changes: object) -> FieldSubject:
    return next(iter(MODULES[experiment].subjects(request(experiment, **changes))))


@pytest.mark.parametrize("experiment", MODULES)
@pytest.mark.parametrize("method", ["gradsim", "diffphysics"])
def test_losses_are_zero_at_the_truth_and_have_the_gradient_of_finite_differences(
    experiment: str, method: str
) -> None:
    thing = subject(experiment)
    loss = thing.loss_of(method)
    with torch.no_grad():
        assert float(loss(thing.truth)) < 1e-25
    field = thing.guess.clone().requires_grad_()
    loss(field).backward()
    direction = torch.randn(field.shape, dtype=field.dtype, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ends = [float(loss(field + eps * direction)) for eps in (1e-6, -1e-6)]
    slope = float((field.grad * direction).sum())
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=0.1 if method == "gradsim" else 1e-4)


@pytest.mark.parametrize("experiment", MODULES)
def test_errors_are_zero_at_the_truth_only(experiment: str) -> None:
    thing = subject(experiment)
    assert max(thing.measure(thing.truth).values()) < 1e-12
    assert min(thing.measure(thing.guess).values()) > 1e-4


def test_the_first_guess_of_a_cloth_is_as_far_off_as_the_papers() -> None:
    assert subject("cloth_velocity").measure(subject("cloth_velocity").guess)[
        cloth_velocity.VELOCITY
    ] == pytest.approx(0.5, abs=0.03)


def test_a_heavier_ball_is_not_seen_in_the_air_and_is_when_it_bounces() -> None:
    """In free fall mass is invisible: the field is identified by the bounce alone."""
    thing = particle_mass.Ball(ParticleMassSettings(seconds=0.7))
    light, heavy = (thing.move(factor * thing.mass, 1.0, 7) for factor in (1.0, 2.0))
    assert torch.allclose(light[2], heavy[2], atol=1e-9)
    assert float((light[-1] - heavy[-1]).abs().max()) > 1e-2


def test_anchors_hold_the_upper_corners_of_the_cloth() -> None:
    thing = cloth_velocity.Cloth(ClothVelocitySettings(seconds=0.5))
    seen = thing.move(torch.zeros((thing.count, 3), dtype=torch.float64), 1)[0]
    fallen = thing.place[:, 1] - seen[:, 1]
    free = 9.8 * 0.5**2 / 2.0
    assert float(fallen[[0, 20]].max()) < 0.8 * free < float(fallen[110]) < 1.01 * free


def test_a_step_that_is_too_long_is_refused() -> None:
    for experiment, what in (("particle_mass", "the ball"), ("cloth_velocity", "the cloth")):
        with pytest.raises(Unstable, match=f"too long for {what}"):
            subject(experiment, substeps=2)


def test_a_job_writes_its_files_and_a_video(tmp_path: Path) -> None:
    asked = replace(request("cloth_velocity", iterations=2), job=Job("cloth_velocity", "default", 1))
    folder = tmp_path / "cloth_velocity" / "default" / "s1"
    made = cloth_velocity.subjects
    run_fields(asked, made(asked), CODE, {"numpy": "2"}, folder=folder, state_root=tmp_path)
    run = JobFiles(folder)
    rows = read_rows(run.metrics)
    assert set(rows["method"]) == {"gradsim", "diffphysics", "random"}
    blind = rows.filter(pl.col("method") == "random")
    errors = dict(blind.select("metric", "value").iter_rows())
    assert errors["rel_error/velocity"] == errors["rel_error_start/velocity"]
    assert load_tree(run.final)["cloth_1"]["gradsim"].shape == (231, 3)
    assert set(pl.read_parquet(run.trace)["method"]) == {"gradsim", "diffphysics"}
    make_field_video(asked, made, run, tmp_path / "video.mp4")
    assert probe_video(tmp_path / "video.mp4").frames == 38
