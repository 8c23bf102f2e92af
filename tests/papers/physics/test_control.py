from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import torch

from rerender.core.files import load_tree
from rerender.papers.physics import control_cloth, control_fem, control_walker
from rerender.papers.physics.control import ControlRequest, position_error
from rerender.papers.physics.control_fem import GearWorld
from rerender.papers.physics.grid import Job
from rerender.papers.physics.pyramids import blurred, pyramid_loss
from rerender.papers.physics.specs import (
    ControlClothSettings,
    ControlSettings,
    ControlWalkerSettings,
    RasterSettings,
)
from rerender.papers.physics.videos import make_control_video
from rerender.provenance.manifest import Code
from rerender.reporting.jobfiles import JobFiles
from rerender.reporting.rows import read_rows
from rerender.reporting.videos import probe_video
from rerender.simulation.errors import Unstable

CODE = Code(("x",), {"x": "1"}, "code")


def request(**changes: object) -> ControlRequest:
    settings = ControlSettings.model_validate({"seconds": 0.1, "iterations": 2, **changes})
    return ControlRequest(Job("control_fem", "default", 1), settings, RasterSettings(size=32, spp=4), "smoke")


def spot(column: int, size: int = 32) -> torch.Tensor:
    image = torch.zeros(size, size, 4, dtype=torch.float64)
    image[14:18, column : column + 4] = 1.0
    return image


def test_a_pyramid_sees_how_far_a_spot_is_without_overlap() -> None:
    goal = spot(24)
    losses = [float(pyramid_loss(spot(column), goal)) for column in (2, 8, 14, 24)]
    assert losses[0] > losses[1] > losses[2] > losses[3] == 0.0
    plain = [float(((spot(column) - goal) ** 2).mean()) for column in (2, 8, 14)]
    assert len(set(plain)) == 1


def test_a_blur_keeps_the_sum_of_what_is_inside() -> None:
    image = spot(14)
    assert float(blurred(image, 1 / 32).sum()) == pytest.approx(float(image.sum()), rel=1e-3)
    assert float(blurred(image, 1 / 8).max()) < 0.5 * float(image.max())


def test_policy_and_error_are_those_of_the_paper() -> None:
    world = GearWorld(request())
    act = world.policy(world.start)
    assert act.shape == (world.clock.steps, 1152)
    assert float(act.abs().max()) < 0.3
    goal = world.rest + world.goal
    assert float(position_error(world, goal)) < 1e-6
    assert float(position_error(world, goal + torch.tensor([3.0, 0.0, 0.0]))) == pytest.approx(3.0, rel=1e-3)
    assert float(1.0 / world.inverse_mass.sum()) > 0 and float(
        (1.0 / world.inverse_mass).sum()
    ) == pytest.approx(9.7, abs=0.1)


def test_position_supervision_brings_the_gear_nearer() -> None:
    world = GearWorld(request(seconds=0.5))
    weights = world.start.clone().requires_grad_()
    before = position_error(world, world.move(world.policy(weights))[0])
    before.backward()
    step = 0.5 * weights.grad / weights.grad.abs().max()
    with torch.no_grad():
        after = position_error(world, world.move(world.policy(weights - step))[0])
    assert float(after) < float(before.detach())


def test_a_job_writes_its_files_and_a_video(tmp_path: Path) -> None:
    asked = request()
    folder = tmp_path / "control_fem" / "default" / "s1"
    control_fem.run(asked, CODE, {"numpy": "2"}, folder=folder, state_root=tmp_path)
    run = JobFiles(folder)
    trace = pl.read_parquet(run.trace)
    assert set(trace["method"]) == {"gradsim", "diffphysics", "random"}
    rows = read_rows(run.metrics).filter(pl.col("metric") == "position_error/first")
    both = rows.filter(pl.col("method") != "random")["value"]
    assert both[0] == pytest.approx(both[1], rel=1e-6)
    assert set(load_tree(run.final)["motions"]) == {"start", "gradsim", "diffphysics"}
    make_control_video(asked, run, tmp_path / "video.mp4")
    assert probe_video(tmp_path / "video.mp4").frames == 53


WORLDS = {
    "control_cloth": (control_cloth, control_cloth.ClothWorld, ControlClothSettings),
    "control_walker": (control_walker, control_walker.WalkerWorld, ControlWalkerSettings),
}


def other_request(experiment: str, **changes: object) -> ControlRequest:
    cells = {"cells": (8, 8)} if experiment == "control_cloth" else {}
    settings = WORLDS[experiment][2].model_validate({"seconds": 0.2, "iterations": 2, **cells, **changes})
    return ControlRequest(Job(experiment, "default", 1), settings, RasterSettings(size=32, spp=4), "smoke")


@pytest.mark.parametrize("experiment", WORLDS)
def test_other_worlds_have_their_goal_in_the_picture_and_can_be_steered_to_it(experiment: str) -> None:
    world = WORLDS[experiment][1](other_request(experiment))
    assert float(world.target[..., 3].sum()) > 5.0
    leaf = world.start.clone().requires_grad_()
    error = position_error(world, world.steered(leaf)[0])
    error.backward()
    assert 1.0 < float(error.detach()) < 30.0
    step = 0.05 * leaf.grad / leaf.grad.abs().max()
    with torch.no_grad():
        assert float(position_error(world, world.steered(leaf - step)[0])) < float(error)


def test_the_walker_stays_in_its_plane_and_above_the_ground() -> None:
    world = control_walker.WalkerWorld(other_request("control_walker"))
    seen = world.steered(world.start, 4)
    assert float(seen[..., 2].abs().max()) == 0.0
    assert float(seen[..., 1].min()) > -0.1
    assert position_error(world, world.rest) == pytest.approx(4.0 / 3.0, rel=1e-3)


def test_a_cloth_that_is_thrown_slows_down_in_air() -> None:
    world = control_cloth.ClothWorld(other_request("control_cloth"))
    seen = world.steered(torch.tensor([10.0, 0.0, 0.0]), 1)[0]
    way = float((seen - world.place)[:, 0].mean())
    assert 0.3 < way < 0.2 * 10.0


@pytest.mark.parametrize("experiment", WORLDS)
def test_other_jobs_write_their_files_and_a_video(tmp_path: Path, experiment: str) -> None:
    asked = other_request(experiment, seconds=0.1)
    folder = tmp_path / experiment / "default" / "s1"
    WORLDS[experiment][0].run(asked, CODE, {"numpy": "2"}, folder=folder, state_root=tmp_path)
    rows = read_rows(JobFiles(folder).metrics)
    assert set(rows["scene"]) == {experiment.removeprefix("control_")}
    make_control_video(asked, JobFiles(folder), tmp_path / "video.mp4")
    assert probe_video(tmp_path / "video.mp4").frames == 53


def test_too_few_substeps_are_refused_with_the_number_that_would_do() -> None:
    with pytest.raises(Unstable, match=r"too long for the gear.*\n.*at most 0.000\d+ s \(\d+ a frame"):
        GearWorld(request(substeps=8))
