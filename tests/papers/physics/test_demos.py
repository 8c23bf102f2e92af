"""Demos: losses that vanish at the truth and have the gradients of finite differences, what is found, and the job's files."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import torch

from rerender.core.files import load_tree
from rerender.core.meshes import Mesh
from rerender.papers.physics.demo_job import JOB, DemoRequest, make_demos
from rerender.papers.physics.demo_motions import motion_subjects
from rerender.papers.physics.demo_shape import GUESS, MASS, TRUE_MASS, VERTICES, Pushed, values_of
from rerender.papers.physics.demo_smoke import VELOCITY, puff, ring, smoke_loss
from rerender.papers.physics.demo_specs import (
    MOTIONS,
    SHAPE,
    SMOKE,
    DemoSettings,
    ShapeSettings,
    SmokeSettings,
)
from rerender.papers.physics.jobs import Run
from rerender.papers.physics.specs import RasterSettings, SearchSettings
from rerender.papers.physics.subjects import answer, logarithms
from rerender.provenance.manifest import Code
from rerender.reporting.rows import read_rows
from rerender.reporting.videos import probe_video
from rerender.simulation.mass_properties import check_closed, point_masses

CODE = Code(("x",), {"x": "1"}, "code")
SHAPE_SMALL = ShapeSettings(size=24, subdivisions=1, frames=3, mass_iterations=12, iterations=12, lr=0.05)
SMALL = DemoSettings(
    methods=("gradsim", "random"),
    search=SearchSettings(iterations=2, finish=0),
    smoke=SmokeSettings(size=12, steps=5, iterations=3),
    shape=SHAPE_SMALL,
)


@pytest.mark.parametrize("method", ["gradsim", "diffphysics"])
def test_losses_of_motions_have_the_gradient_of_finite_differences(method: str) -> None:
    for _, subject in motion_subjects(SMALL, RasterSettings(size=24), JOB, "smoke"):
        loss = subject.loss_of(method)
        assert float(loss(logarithms(subject.truth))) < 1e-5
        leaves = {name: value.requires_grad_() for name, value in logarithms(subject.guess).items()}
        loss(leaves).backward()
        for name, leaf in leaves.items():
            with torch.no_grad():
                ends = [float(loss({**leaves, name: leaf + eps})) for eps in (1e-6, -1e-6)]
            # fragments that come and go at the truncation make small steps in the image
            near = 0.1 if method == "gradsim" else 1e-4
            assert float(leaf.grad) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=near), subject.name


def test_length_and_gravity_of_a_pendulum_are_found_from_positions(tmp_path: Path) -> None:
    settings = DemoSettings(search=SearchSettings(iterations=20, lr=0.05, finish=12))
    asked, subject = next(motion_subjects(settings, RasterSettings(size=24), JOB, "smoke"))
    values, _ = answer(Run(asked, "run", tmp_path, CODE, {}), asked, subject, "diffphysics")
    assert subject.name == MOTIONS[0]
    assert values == pytest.approx({"length": 1.0, "gravity": 9.91}, rel=1e-6)


def test_smoke_is_as_much_as_is_wanted_and_a_step_downhill_brings_it_nearer() -> None:
    assert float(ring(64).sum()) == pytest.approx(float(puff(64).sum()), rel=0.25)
    settings = SmokeSettings(size=16, steps=6)
    loss = smoke_loss(settings)
    still = torch.zeros((2, 16, 16), requires_grad=True)
    before = loss({VELOCITY: still})
    before.backward()
    before = before.detach()
    assert float(before) == pytest.approx(float(((puff(16) - ring(16)) ** 2).mean()))
    after = loss({VELOCITY: -0.2 * still.grad / still.grad.abs().max()})
    assert float(after) < 0.99 * float(before)


def test_the_shape_s_loss_vanishes_at_the_truth_and_has_the_gradient_of_finite_differences() -> None:
    """Of the mass, and of vertices through DIB-R, centre and moment of inertia."""
    thing = Pushed(SHAPE_SMALL)
    with torch.no_grad():
        assert float(thing.loss(thing.truth)) < 1e-5 < 1e-3 < float(thing.loss(thing.guess))
    leaves = {name: value.clone().requires_grad_() for name, value in thing.guess.items()}
    thing.loss(leaves).backward()
    way = torch.linspace(0.0, 30.0, leaves[VERTICES].numel(), dtype=torch.float64).cos()
    ways = {MASS: torch.ones(1, dtype=torch.float64), VERTICES: way.reshape(-1, 3)}
    for name, direction in ways.items():
        with torch.no_grad():
            ends = [
                float(thing.loss({**thing.guess, name: thing.guess[name] + sign * 1e-7 * direction}))
                for sign in (1, -1)
            ]
        found = float((leaves[name].grad * direction).sum())
        assert found == pytest.approx((ends[0] - ends[1]) / 2e-7, rel=1e-4), name


def test_the_apple_is_a_closed_body_whose_inertia_is_that_of_its_points() -> None:
    thing = Pushed(SHAPE_SMALL)
    mesh = Mesh(thing.truth[VERTICES].numpy(), thing.ball.faces)
    check_closed(mesh)
    wanted = torch.as_tensor(point_masses(mesh).inertia)
    points = thing.truth[VERTICES] - thing.truth[VERTICES].mean(dim=0)
    assert torch.allclose(thing.inertia(points), wanted)
    assert thing.chamfer(thing.guess) > 3 * thing.chamfer(thing.truth)


def test_the_job_writes_rows_figures_and_videos(tmp_path: Path) -> None:
    folder, figures, videos = (tmp_path / name for name in ("demos", "figures", "videos"))
    for made in (folder, figures, videos):
        made.mkdir()
    request = DemoRequest(SMALL, RasterSettings(size=16, factor=1), "smoke")
    make_demos(
        request, CODE, {}, folder=folder, state_root=tmp_path / "state", figures=figures, videos=videos
    )
    read = read_rows(folder / "metrics.json").select("scene", "method", "metric", "value")
    rows = {row[:3]: row[3] for row in read.iter_rows()}
    assert {scene for scene, _, _ in rows} == {*MOTIONS, SMOKE, SHAPE}
    assert rows["pendulum", "random", "rel_error/length"] == pytest.approx(0.5)
    assert rows[SMOKE, "gradsim", "image_mse"] < rows[SMOKE, "gradsim", "image_mse_start"]
    assert rows[SHAPE, "gradsim", "rel_error/mass"] < 0.8 * abs(GUESS / TRUE_MASS - 1)
    assert rows[SHAPE, "gradsim", "image_mse"] < 0.5 * rows[SHAPE, "gradsim", "image_mse_start"]
    final = load_tree(folder / "final.npz")
    assert float(values_of(final[SHAPE]["truth"])[MASS].exp()) == pytest.approx(TRUE_MASS)
    for name in ("demos", "shape"):
        assert (figures / f"{name}.png").stat().st_size > 10_000
    panels = pl.read_parquet(figures / "demos.parquet")["panel"].unique().to_list()
    assert {"pendulum/length", "smoke/loss", "chain"} <= set(panels)
    assert {probe_video(videos / f"{name}.mp4").fps for name in ("demos", "smoke", "shape")} == {15.0}
