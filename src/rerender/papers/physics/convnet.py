"""The ConvNet rows of Tables 1 and 2: one job makes training videos, trains a network each, and answers for the test objects.

Test objects are those that the other methods see; training objects come from the same generators with seeds of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from rerender.core.files import atomic_path, load_tree, save_tree
from rerender.core.seeds import SeedStream
from rerender.papers.physics import rigid_contact, rigid_mass
from rerender.papers.physics.grid import CONVNET, RIGID_CONTACT, RIGID_MASS, Job, convnet_parameters
from rerender.papers.physics.outputs import error_rows, row_context
from rerender.papers.physics.regressor import Training, Videos, train
from rerender.papers.physics.settings import PhysicsSettings
from rerender.papers.physics.specs import ConvnetSettings, RasterSettings
from rerender.papers.physics.subjects import EstimateRequest
from rerender.provenance.host import Stopwatch
from rerender.provenance.manifest import Code, run_id, write_manifest
from rerender.reporting.grids import as_bytes
from rerender.reporting.rows import MetricRow, write_rows

Example = Callable[[EstimateRequest, str, SeedStream], tuple[dict[str, float], torch.Tensor]]


@dataclass(frozen=True)
class Task:
    """An experiment as a regression: its settings, units, how many videos to learn from, and what makes one."""

    experiment: str
    settings: Any
    units: Mapping[str, str]
    videos: int
    example: Example
    raster: RasterSettings
    tier: str

    def request(self, seed: int) -> EstimateRequest:
        """Return the request of the job of a seed, whose objects are the test objects."""
        job = Job(self.experiment, "default", seed)
        return EstimateRequest(job, self.settings, self.raster, self.units, self.tier)

    def training(self) -> Iterator[tuple[str, SeedStream]]:
        """Yield shape and seeds of every training object."""
        shapes: Sequence[str] = self.settings.shapes
        for number in range(self.videos):
            yield (
                shapes[number % len(shapes)],
                SeedStream(("physics", "training", self.experiment, number)),
            )

    def tests(self) -> Iterator[tuple[EstimateRequest, str]]:
        """Yield the job and the shape of every test object."""
        for seed in range(1, self.settings.seeds + 1):
            request = self.request(seed)
            yield from ((request, name) for name in self.settings.shapes)


def tasks(settings: PhysicsSettings, tier: str) -> tuple[Task, ...]:
    """Return the two tasks of a tier."""
    own, raster = settings.convnet, RasterSettings(size=settings.convnet.size, factor=settings.raster.factor)
    mass, contact = settings.rigid_mass, settings.rigid_contact
    return (
        Task(RIGID_MASS, mass, rigid_mass.UNITS, own.mass_videos, rigid_mass.example, raster, tier),
        Task(
            RIGID_CONTACT,
            contact,
            rigid_contact.UNITS,
            own.contact_videos,
            rigid_contact.example,
            raster,
            tier,
        ),
    )


def filmed(task: Task, objects: Iterator[tuple[EstimateRequest, str, SeedStream]]) -> Videos:
    """Return the videos of objects, without alpha, and the logarithms of what made them."""
    frames, logs = [], []
    for request, name, seeds in objects:
        values, video = task.example(request, name, seeds)
        frames.append(np.stack([as_bytes(image) for image in video[..., :3].numpy()]))
        logs.append([np.log(values[key]) for key in task.units])
    return Videos(np.stack(frames), np.array(logs))


def training_videos(task: Task, file: Path) -> Videos:
    """Return the videos to learn from; made once and kept in `file` until the job ends."""
    if not file.exists():
        asked = task.request(1)
        videos = filmed(task, ((asked, name, seeds) for name, seeds in task.training()))
        save_tree(file, vars(videos))
    return Videos(**load_tree(file))


def train_and_answer(
    settings: PhysicsSettings,
    code: Code,
    stack: Mapping[str, str],
    *,
    tier: str,
    folder: Path,
    state_root: Path,
    threads: int = 1,
    device: str = "cpu",
) -> None:
    """Write `metrics.json`, `trace.parquet`, `networks.npz` and `manifest.json` of the ConvNet rows.

    The network is trained on `device`; videos are rendered on the CPU.
    """
    watch = Stopwatch.start()
    torch.set_num_threads(threads)
    parameters = convnet_parameters(settings)
    identity = run_id(parameters, code.fingerprint, {}, stack)
    state = state_root / identity
    rows: list[MetricRow] = []
    histories, networks = [], {}
    for task in tasks(settings, tier):
        part = f"{identity}-{task.experiment}"
        trained, history = _train(task, settings.convnet, state / task.experiment, part, device)
        histories.append(history.with_columns(experiment=pl.lit(task.experiment)))
        networks[task.experiment] = trained.state()["weights"]
        rows += _answers(task, trained, part, code, stack, device)
    outputs = {
        name: folder / file
        for name, file in {
            "metrics": "metrics.json",
            "trace": "trace.parquet",
            "networks": "networks.npz",
        }.items()
    }
    save_tree(outputs["networks"], networks)
    with atomic_path(outputs["trace"]) as partial:
        pl.concat(histories).write_parquet(partial)
    write_rows(outputs["metrics"], rows)
    write_manifest(
        folder / "manifest.json",
        stage="physics_convnet",
        run_id=identity,
        parameters=parameters,
        inputs={},
        outputs=outputs,
        code=code,
        stack=stack,
        seeds={"training": ["physics", "training"]},
        backend=f"torch_{device}",
        cost=watch.stop(gpus=int(device == "cuda")),
        assets="standin",
    )
    shutil.rmtree(state, ignore_errors=True)


def _train(
    task: Task, settings: ConvnetSettings, workdir: Path, identity: str, device: str
) -> tuple[Training, pl.DataFrame]:
    videos = training_videos(task, workdir / "videos.npz")
    seeds = SeedStream(("physics", CONVNET, task.experiment))
    return train(videos, settings, workdir / "fit", run_id=identity, seeds=seeds, device=device)


def _answers(
    task: Task, trained: Training, identity: str, code: Code, stack: Mapping[str, str], device: str
) -> list[MetricRow]:
    """Return the errors of the network for every test object."""
    tests = list(task.tests())
    seen = filmed(task, ((request, name, request.seeds(name)) for request, name in tests))
    rows: list[MetricRow] = []
    for (request, name), truth, found in zip(
        tests, np.exp(seen.logs), np.exp(trained.predict(seen.frames)), strict=True
    ):
        context = row_context(
            request.job,
            name,
            "+".join(task.units),
            tier=task.tier,
            run_id=f"{identity}-{name}",
            code=code,
            stack=stack,
            method=CONVNET,
        )
        context = replace(context, backend=f"torch_{device}", device=device)
        for (key, unit), true, value in zip(task.units.items(), truth, found, strict=True):
            rows += error_rows(context, key, unit, float(true), float(value))
    return rows
