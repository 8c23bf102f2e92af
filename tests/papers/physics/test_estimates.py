"""Estimates end to end: what is drawn, the acceptance test of one mass, and the files of a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from rerender.core.files import load_tree
from rerender.fitting.quasi_newton import Finish
from rerender.papers.physics import estimation, lame, rigid_mass
from rerender.papers.physics.estimation import best_start
from rerender.papers.physics.grid import Job
from rerender.papers.physics.jobs import Run
from rerender.papers.physics.looks import as_recorded
from rerender.papers.physics.rigid_scene import draw_object, frames_shown, move, positions
from rerender.papers.physics.specs import LameSettings, RasterSettings, RigidMassSettings, SearchSettings
from rerender.papers.physics.subjects import (
    EstimateRequest,
    Subject,
    answer,
    logarithms,
    run_estimates,
)
from rerender.papers.physics.videos import make_estimate_video
from rerender.provenance.manifest import Code
from rerender.reporting.jobfiles import JobFiles
from rerender.reporting.rows import read_rows
from rerender.reporting.videos import probe_video
from rerender.simulation.errors import Diverged, Unstable

CODE = Code(("x",), {"x": "1"}, "code")


def mass_request(size: int = 64, variant: str = "default", **changes: object) -> EstimateRequest:
    few = {"shapes": ("box",), "blackbox": {"iterations": 2, "samples": 2}}
    settings = RigidMassSettings.model_validate({**few, **changes})
    job = Job("rigid_mass", variant, 1)
    return EstimateRequest(job, settings, RasterSettings(size=size), rigid_mass.UNITS, "smoke")


def lame_request(**changes: object) -> EstimateRequest:
    settings = LameSettings.model_validate({"instances": 1, "seconds": 0.1, "frames": 2, **changes})
    return EstimateRequest(Job("lame", "ideal", 1), settings, RasterSettings(size=24), lame.UNITS, "smoke")


def test_one_mass_is_found_from_8_bit_frames_within_1e_4_in_60_evaluations(tmp_path: Path) -> None:
    """Acceptance test 7 of the fact sheet."""
    request = mass_request(scan=4)
    (subject,) = rigid_mass.subjects(request)
    values, found = answer(Run(request, "run", tmp_path, CODE, {}), request, subject, "gradsim")
    assert found is not None
    assert abs(values["mass"] / subject.truth["mass"] - 1) < 1e-4
    assert abs(subject.guess["mass"] / subject.truth["mass"] - 1) > 1e-3
    assert found.evaluations < 60


@pytest.mark.parametrize("method", ["gradsim", "diffphysics"])
@pytest.mark.parametrize("make", [lambda: mass_request(24, "ideal"), lame_request])
def test_losses_are_zero_at_the_truth_and_have_the_gradient_of_finite_differences(make, method: str) -> None:
    request = make()
    module = rigid_mass if request.job.experiment == "rigid_mass" else lame
    (subject,) = module.subjects(request)
    loss = subject.loss_of(method)
    with torch.no_grad():
        assert float(loss(logarithms(subject.truth))) < 1e-25
    leaves = {name: value.requires_grad_() for name, value in logarithms(subject.guess).items()}
    loss(leaves).backward()
    for name, leaf in leaves.items():
        sides = []
        for eps in (1e-6, -1e-6):
            with torch.no_grad():
                sides.append(float(loss({**leaves, name: leaf + eps})))
        # fragments that come and go at the truncation make small steps in the image
        assert float(leaf.grad) == pytest.approx(
            (sides[0] - sides[1]) / 2e-6, rel=0.1 if method == "gradsim" else 1e-5
        )


def test_the_baselines_are_their_closed_forms() -> None:
    """Acceptance test 6: with m ~ U(0.2, 0.3), E|m − mean|/m = 0.102 and E|m − m'|/m = 0.136."""
    draw = np.random.default_rng(0)
    masses, others = draw.uniform(0.2, 0.3, size=(2, 400_000))
    mean = rigid_mass.training_mean(RigidMassSettings())
    assert np.mean(abs(masses - mean) / masses) == pytest.approx(0.102, abs=1e-3)
    assert np.mean(abs(masses - others) / masses) == pytest.approx(0.136, abs=1e-3)


def test_what_is_drawn_lies_in_its_domain_and_is_the_same_again() -> None:
    settings = RigidMassSettings()
    request = mass_request()
    one, again = (draw_object("cone", settings, request.seeds("cone")) for _ in range(2))
    assert 0.2 <= one.mass <= 0.3 and 0.2 <= one.guess <= 0.3
    assert float(one.push.norm()) == pytest.approx(settings.force)
    assert float(one.pose.norm()) == pytest.approx(1.0)
    assert (one.mass, one.guess) == (again.mass, again.guess) and torch.equal(one.push_at, again.push_at)
    assert frames_shown(settings) == [0, 5, 10, 15, 20, 25]


def test_the_push_gives_its_impulse_to_the_body() -> None:
    settings = RigidMassSettings()
    thing = draw_object("box", settings, mass_request().seeds("box"))
    motion = move(thing, torch.tensor([thing.mass], dtype=torch.float64), settings)
    assert torch.allclose(motion.v[-1, 0] * thing.mass, thing.push * settings.push_seconds, rtol=1e-9)
    assert positions(thing, motion, [0, 29]).shape == (2, 8, 3)


def test_recorded_frames_have_8_bits_or_noise() -> None:
    video = torch.rand(2, 4, 4, 4, dtype=torch.float64)
    eight = as_recorded(video, "default", 0.01, 0) * 255
    assert torch.allclose(eight, eight.round(), atol=1e-9)
    noise = as_recorded(video, "noise", 0.01, 0) - video
    assert 0.005 < float(noise.std()) < 0.02
    assert as_recorded(video, "ideal", 0.01, 0) is video


def test_a_start_that_diverges_is_never_the_best() -> None:
    def loss(values):
        if float(values["m"]) > 1:
            raise Diverged(3, 0, "body", "x")
        return (values["m"] - 3.0).square().sum()

    starts = [{"m": torch.tensor([v])} for v in (2.0, 0.5, -1.0)]
    assert best_start(starts, loss) is starts[1]


def test_an_estimate_without_a_finish_is_the_loops_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Finish:
        raise AssertionError("there is no finish")

    monkeypatch.setattr(estimation, "finish", refuse)
    request = mass_request(16, search=SearchSettings(iterations=3, finish=0), scan=0)
    (subject,) = rigid_mass.subjects(request)
    _, found = answer(Run(request, "run", tmp_path, CODE, {}), request, subject, "diffphysics")
    assert found is not None and found.evaluations == 3
    assert found.loss == found.history["loss"].min()


def test_a_job_writes_its_files_and_a_video(tmp_path: Path) -> None:
    request = mass_request(16, search=SearchSettings(iterations=2, finish=2), scan=0)
    folder = tmp_path / "rigid_mass" / "default" / "s1"
    run_estimates(
        request, rigid_mass.subjects(request), CODE, {"numpy": "2"}, folder=folder, state_root=tmp_path
    )
    run = JobFiles(folder)
    rows = read_rows(run.metrics)
    assert set(rows["method"]) == {"gradsim", "diffphysics", "random", "average", "blackbox"}
    errors = rows.filter((pl.col("metric") == "rel_error/mass") & (pl.col("method") == "random"))
    final = load_tree(run.final)["box"]
    assert errors["value"][0] == pytest.approx(abs(final["guess"]["mass"] / final["truth"]["mass"] - 1))
    assert set(pl.read_parquet(run.trace)["method"]) == {"gradsim", "diffphysics", "blackbox"}
    make_estimate_video(request, rigid_mass.subjects, run, tmp_path / "video.mp4")
    assert probe_video(tmp_path / "video.mp4").frames == 38


def test_an_interrupted_job_carries_on_and_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = mass_request(
        16, shapes=("box", "tetrahedron"), search=SearchSettings(iterations=3, finish=2), scan=1
    )
    folders = {name: tmp_path / name / "rigid_mass" / "default" / "s1" for name in ("whole", "cut")}

    def run(name: str) -> None:
        subjects = rigid_mass.subjects(request)
        run_estimates(request, subjects, CODE, {}, folder=folders[name], state_root=tmp_path / name)

    run("whole")
    fit, calls = estimation.fit, []

    def cut_short(*args: Any, **kwargs: Any) -> Any:
        calls.append(kwargs["run_id"])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return fit(*args, **kwargs)

    monkeypatch.setattr(estimation, "fit", cut_short)
    with pytest.raises(KeyboardInterrupt):
        run("cut")
    assert not (folders["cut"] / "manifest.json").exists()
    run("cut")
    values = [
        read_rows(folder / "metrics.json")
        .filter(~pl.col("metric").is_in(["wall_s", "evaluation_s"]))["value"]
        .to_list()
        for folder in folders.values()
    ]
    assert values[0] == values[1]
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == ["rigid_mass"]


def test_a_beam_sags_more_the_softer_it_is_and_its_end_stays() -> None:
    thing = lame.Beam(LameSettings(seconds=0.2))
    ends = []
    for stiffness in (500.0, 2000.0):
        value = torch.tensor([stiffness], dtype=torch.float64)
        seen = thing.move(value, value, 2)
        assert torch.equal(seen[-1][thing.inverse_mass == 0], thing.place[thing.inverse_mass == 0])
        ends.append(float(seen[-1][:, 1].min()))
    assert ends[0] < ends[1] < 0.3


def test_a_step_that_is_too_long_for_the_stiffest_beam_is_refused() -> None:
    request = lame_request(substeps=4)
    with pytest.raises(Unstable, match="too long for a beam"):
        next(iter(lame.subjects(request)))


def test_subjects_of_a_job_differ() -> None:
    subjects: list[Subject] = list(lame.subjects(lame_request(instances=3)))
    assert len({subject.truth["lame_mu"] for subject in subjects}) == 3
