"""One job: fits of one method to one capture for all seeds, judged on the surface and by pictures; and its files.

What is fitted reads the target pictures, the cameras and the geometry; the true materials are read by the judge alone (and by
the methods that are given true normals, to see what wrong ones do).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from rerender.catalogue.origins import read_origin
from rerender.core.files import Tree, atomic_path, save_tree
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import FitResult, LoopSettings
from rerender.papers.materials.capture import Capture, surface_maps
from rerender.papers.materials.fields import GridSettings, MaterialField
from rerender.papers.materials.fit import MaterialFit
from rerender.papers.materials.judge import image_errors, light_errors, light_scale, surface_errors
from rerender.papers.materials.methods import Method, method_for
from rerender.papers.materials.normals import NormalError
from rerender.papers.materials.pictures import pictures, target_pictures
from rerender.papers.materials.settings import (
    ExperimentSettings,
    HashSettings,
    RegulariserSettings,
    StageSettings,
)
from rerender.papers.materials.sources import FieldSource
from rerender.papers.materials.views import Given
from rerender.provenance.host import Stopwatch
from rerender.provenance.manifest import Code, hash_files, run_id, write_manifest
from rerender.provenance.stack import stack_fingerprint
from rerender.rendering.filtered_light import LearnedLight, LightLevels
from rerender.reporting.jobfiles import JobFiles
from rerender.reporting.rows import MetricRow, RowContext, write_rows
from rerender.runtime.memory import keep_freed_memory

WINDOWS = 10
"""Windows of a fit over which losses are averaged; the last state is what is judged, as in the paper."""


@dataclass(frozen=True)
class FitRequest:
    """What a job fits, and how."""

    experiment: str
    scene: str
    envmap: str
    method: str
    capture: Path
    settings: ExperimentSettings
    hash: HashSettings
    stage: StageSettings
    regularisers: RegulariserSettings
    tier: str
    threads: int = 1
    device: str = "cpu"

    @property
    def backend(self) -> str:
        """What rows call the place of the computation."""
        return f"torch_{self.device}"

    @property
    def steps(self) -> StageSettings:
        """The coarse stage, with the experiment's own number of steps."""
        return self.stage.model_copy(update={"steps": self.settings.steps or self.stage.steps})

    @property
    def grid(self) -> GridSettings:
        """The hash grid, with the experiment's own number of levels."""
        return GridSettings(self.settings.levels or self.hash.levels, self.hash.log2_table, self.hash.finest)

    def seeds(self, seed: int) -> SeedStream:
        """Return the random stream of a fit; methods share it, so that they see views in the same order."""
        return SeedStream(("materials", self.scene, seed))


@dataclass(frozen=True)
class Fitted:
    """One finished fit."""

    seed: int
    field: MaterialField
    light: LightLevels
    base: np.ndarray | None
    result: FitResult
    cpu_s: float


def run_fits(
    request: FitRequest, code: Code, stack: Mapping[str, str], *, folder: Path, state_root: Path
) -> None:
    """Run, or carry on, a job and write its files to `folder` (see docs/files.md)."""
    watch = Stopwatch.start()
    torch.set_num_threads(request.threads)
    keep_freed_memory()
    inputs = {"capture": request.capture}
    identity = run_id(parameters(request), code.fingerprint, hash_files(inputs), stack)
    capture = taken(request).to(request.device)
    method = method_for(request.method, request.scene)
    state = state_root / identity
    fitted = [
        fit_one(request, capture.seen_by(seed), method, seed, identity, state)
        for seed in range(1, request.settings.seeds + 1)
    ]
    context = row_context(request, "field", identity, code, stack)
    files = JobFiles(folder)
    found = {str(one.seed): final_tree(one, capture, method) for one in fitted}
    save_tree(files.final, {"seeds": found, "target": target_pictures(capture), "light": capture.radiance})
    with atomic_path(files.trace) as partial:
        histories((one.seed, one.result) for one in fitted).write_parquet(partial)
    rows = [row for one in fitted for row in fit_rows(context, one, capture.seen_by(one.seed), method)]
    write_rows(files.metrics, rows)
    write_manifest(
        files.manifest,
        stage="materials_fit",
        run_id=identity,
        parameters=parameters(request),
        inputs=inputs,
        outputs={path.name: path for path in (files.final, files.trace, files.metrics)},
        code=code,
        stack=stack,
        seeds={"fits": [list(request.seeds(one.seed).keys) for one in fitted]},
        backend=request.backend,
        cost=watch.stop(gpus=int(request.device == "cuda")),
        assets=read_origin(request.capture.with_suffix(".json")),
    )
    shutil.rmtree(state, ignore_errors=True)


def taken(request: FitRequest) -> Capture:
    """Read the capture of a job, its training pictures thinned as the experiment asks."""
    capture, stride = Capture.load(request.capture), request.settings.stride
    return replace(capture, train=capture.train.thinned(stride)) if stride > 1 else capture


def fit_one(
    request: FitRequest, capture: Given, method: Method, seed: int, identity: str, state: Path
) -> Fitted:
    """Fit the networks, and the light if it is learned, for one seed."""
    settings, stage, seeds = request.settings, request.steps, request.seeds(seed)
    box = (capture.box[0], capture.box[1])
    field = MaterialField(method.branches, request.grid, box, seeds.seed("weights"), request.device)
    learned = error = None
    if settings.lighting == "learned":
        learned = LearnedLight(height=len(capture.radiance)).to(request.device)
    if settings.normal_error > 0:
        error = NormalError.drawn(settings.normal_error, seeds.seed("normals")).to(request.device)
    problem = MaterialFit(
        FieldSource(field, method),
        capture.train,
        learned if learned is not None else capture.light,
        method,
        "coarse",
        stage,
        request.regularisers,
        seeds,
        error,
    )
    result, cpu_s = run_stage(
        problem, stage, state / f"s{seed}", f"{identity}-s{seed}", seeds.child("coarse")
    )
    with torch.no_grad():
        light = capture.light if learned is None else learned.levels()
    base = None if learned is None else learned.base.detach().cpu().numpy()
    return Fitted(seed, field, light, base, result, cpu_s)


def run_stage(
    problem: MaterialFit, stage: StageSettings, workdir: Path, identity: str, seeds: SeedStream
) -> tuple[FitResult, float]:
    """Run one stage to its last step, whose state the problem then holds; return it with its CPU seconds."""
    settings = LoopSettings(iterations=stage.steps, window=max(1, stage.steps // WINDOWS))
    began = time.process_time()
    result = fit(problem, settings, workdir, run_id=identity, seeds=seeds)
    problem.load_state(result.last)  # on a GPU this waits for the last step, as every step did for its loss
    spent = time.process_time() - began
    return result, spent


def fit_rows(context: RowContext, one: Fitted, capture: Capture, method: Method) -> list[MetricRow]:
    """Return the metric rows of one fit."""
    own = replace(context, seed=one.seed)
    with torch.no_grad():
        maps = one.field(capture.samples.positions)
        found = surface_maps(capture.samples, maps, flat=method.normals == "truth")
        rows = surface_errors(own, found, capture)
        rows += image_errors(
            own,
            lambda surface: one.field(surface.positions),
            capture,
            one.light,
            flat=method.normals == "truth",
        )
    if one.base is not None:
        rows += light_errors(own, one.base, capture.radiance)
    return [*rows, *cost_rows(own, one.result, one.cpu_s, one.field.count())]


def cost_rows(context: RowContext, result: FitResult, cpu_s: float, weights: int) -> list[MetricRow]:
    """Return what a stage cost; without its CPU time if another process has done a part of it."""
    partly = None if result.resumed_from is None else "a part was done by an interrupted process"
    spent = None if partly else cpu_s
    step = None if partly else cpu_s / max(1, result.iterations)
    return [
        context.row("cpu_s", spent, reason=partly, unit="s", better="lower"),
        context.row("step_cpu_s", step, reason=partly, unit="s", better="lower"),
        context.row("parameters", weights),
        context.row("iterations", result.iterations),
        context.row("loss_last", float(result.history["loss"][-1])),
        context.row("stop_reason", None, reason=result.stop_reason),
    ]


def final_tree(one: Fitted, capture: Capture, method: Method) -> Tree:
    """Return the weights of one fit, what they say at the points of judgement, and the light that was found."""
    with torch.no_grad():
        maps = one.field(capture.samples.positions)
    found = surface_maps(capture.samples, maps, flat=method.normals == "truth")
    light = {}
    if one.base is not None:
        light = {"light": one.base, "light_scale": light_scale(one.base, capture.radiance)}
    flat = method.normals == "truth"
    shown = pictures(lambda surface: one.field(surface.positions), capture, one.light, flat=flat)
    return {"weights": one.field.arrays(), "samples": found.tree(), "pictures": shown, **light}


def histories(results: Iterable[tuple[int, FitResult]]) -> pl.DataFrame:
    """Return the histories of fits by seed, one row a step."""
    parts = [result.history.with_columns(pl.lit(seed).alias("seed")) for seed, result in results]
    return pl.concat(parts, how="diagonal")


def row_context(
    request: FitRequest, representation: str, identity: str, code: Code, stack: Mapping[str, str]
) -> RowContext:
    """Return the columns that all rows of a job share; the seed is 1."""
    return RowContext(
        paper="materials",
        experiment=request.experiment,
        scene=request.scene,
        envmap=request.envmap,
        method=request.method,
        representation=representation,
        seed=1,
        tier=request.tier,
        backend=request.backend,
        device=request.device,
        run_id=identity,
        code=code.fingerprint,
        stack=stack_fingerprint(stack),
        assets=read_origin(request.capture.with_suffix(".json")),  # type: ignore[arg-type]
    )


def parameters(request: FitRequest) -> dict[str, Any]:
    """Return the plain values that decide the result."""
    return {
        "experiment": request.experiment,
        "scene": request.scene,
        "envmap": request.envmap,
        "method": request.method,
        "settings": request.settings.model_dump(exclude={"scenes", "methods"}),
        "hash": request.hash.model_dump(),
        "stage": request.stage.model_dump(),
        "regularisers": request.regularisers.model_dump(),
    }
