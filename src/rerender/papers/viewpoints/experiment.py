"""One job: the search for cameras from all starts of a level by one method, or of one named run; and its files.

The picture to match is rendered with seeds of its own. What is searched reads the picture; the camera that took it is read by
the judge alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from rerender.catalogue.origins import read_origin
from rerender.core.files import atomic_path, save_tree
from rerender.core.orbits import LENS, Orbit, view_angle
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import LoopSettings
from rerender.fitting.schedules import Constant, Cosine
from rerender.papers.viewpoints.cmaes import cma_search
from rerender.papers.viewpoints.contexts import row_context
from rerender.papers.viewpoints.descent import Descent
from rerender.papers.viewpoints.matching import Matcher, Stage, render_target
from rerender.papers.viewpoints.methods import LEVELS, RACE, Method, method
from rerender.papers.viewpoints.scenes import load_scene
from rerender.papers.viewpoints.search import Found, Visited, assess, is_exact, search
from rerender.papers.viewpoints.settings import CameraSettings, SearchSettings
from rerender.papers.viewpoints.simplex import simplex_search
from rerender.papers.viewpoints.starts import draw_case, orbit_of
from rerender.perception.metrics.image import psnr, ssim
from rerender.provenance.host import Stopwatch
from rerender.provenance.manifest import Code, hash_files, run_id, write_manifest
from rerender.rendering.painted_views import PaintedViews
from rerender.rendering.variants import start_variant
from rerender.reporting.rows import Better, MetricRow, RowContext, write_rows

JUDGE_SPP = 64
PICTURES = 0
"""Of this case the pictures are kept."""

METRICS: Mapping[str, tuple[str, Better]] = {
    "angle": ("deg", "lower"),
    "distance": ("", "lower"),
    "position": ("scene units", "lower"),
    "angle_start": ("deg", "none"),
    "exact": ("", "higher"),
    "matches": ("", "higher"),
    "error_over_noise": ("", "lower"),
    "psnr": ("dB", "higher"),
    "ssim": ("", "higher"),
    "jacobians": ("", "lower"),
    "renders": ("", "lower"),
    "cpu_s": ("s", "lower"),
    "attempts": ("", "lower"),
    "reach_cpu_s": ("s", "lower"),
    "reach_jacobians": ("", "lower"),
    "reach_renders": ("", "lower"),
}


@dataclass(frozen=True)
class SearchRequest:
    """What a job searches for and how. Without `case` the level's starts are drawn; a named run has one case.

    With `methods`, these search one after the other, and `method` is a name for all of them.
    """

    experiment: str
    scene: str
    method: str
    file: Path
    camera: CameraSettings
    settings: SearchSettings
    starts: int
    tier: str
    case: tuple[CameraSettings, CameraSettings] | None = None
    iterations: int | None = None
    methods: tuple[str, ...] = ()
    variant: str = "auto"
    threads: int = 1


@dataclass(frozen=True)
class Case:
    """A start, if there is one, and the camera that took the picture."""

    start: Orbit | None
    truth: Orbit


def cases_of(request: SearchRequest) -> list[Case]:
    """Return the cases of a job, the same for every method."""
    if request.case is not None:
        return [Case(orbit_of(request.case[0]), orbit_of(request.case[1]))]
    name = "near" if request.experiment == RACE else request.experiment
    level, camera = LEVELS[name], orbit_of(request.camera)
    return [Case(*draw_case(level, camera, number)) for number in range(request.starts)]


def run_search(
    request: SearchRequest, code: Code, stack: Mapping[str, str], *, folder: Path, state_root: Path
) -> None:
    """Run, or carry on, a job and write its files to `folder` (see docs/files.md)."""
    watch = Stopwatch.start()
    torch.set_num_threads(request.threads)
    backend = start_variant(request.variant, threads=request.threads)
    inputs = {"scene": request.file}
    identity = run_id(parameters(request), code.fingerprint, hash_files(inputs), stack)
    cases = cases_of(request)
    views = PaintedViews(load_scene(request.file), max(request.settings.ladder))
    targets = [
        render_target(views, case.truth, request.settings, number) for number, case in enumerate(cases)
    ]
    matchers = [Matcher(views, target, request.settings) for target in targets[:1]]
    matchers += [matchers[0].with_target(target) for target in targets[1:]]
    state = state_root / identity
    warm_up(matchers[0], cases[0])
    each = [replace(request, method=name) for name in request.methods or (request.method,)]
    searches = {one.method: find_all(one, matchers, cases, identity, state / one.method) for one in each}
    found = searches[each[0].method]
    context = row_context(
        request.experiment,
        request.scene,
        method=request.method,
        representation="orbit",
        file=request.file,
        tier=request.tier,
        backend=backend,
        identity=identity,
        code=code,
        stack=stack,
    )
    rows = [
        row
        for name, every in searches.items()
        for n, (case, one, target) in enumerate(zip(cases, every, targets, strict=True))
        for row in case_rows(replace(context, method=name), n, case, one, views, target)
    ]
    outputs = {name: folder / name for name in ("final.npz", "trace.parquet", "metrics.json")}
    save_tree(outputs["final.npz"], final_tree(cases, found, targets, views))
    with atomic_path(outputs["trace.parquet"]) as partial:
        pl.concat(
            trace(cases, every).with_columns(method=pl.lit(name)) for name, every in searches.items()
        ).write_parquet(partial)
    write_rows(outputs["metrics.json"], rows)
    write_manifest(
        folder / "manifest.json",
        stage="viewpoints_search",
        run_id=identity,
        parameters=parameters(request),
        inputs=inputs,
        outputs=outputs,
        code=code,
        stack=stack,
        seeds={"job": list(seeds(request).keys)},
        backend=backend,
        cost=watch.stop(gpus=int(backend.startswith("cuda"))),
        assets=read_origin(request.file.with_suffix(".json")),
    )
    shutil.rmtree(state, ignore_errors=True)


def warm_up(matcher: Matcher, case: Case) -> None:
    """Compile the kernels, so that no search is charged for it."""
    for size in matcher.settings.ladder:
        stage = Stage(size, 0.0)
        matcher.normal(case.start or case.truth, stage, 0, "full")
        matcher.error(case.start or case.truth, stage, 0)


def find_all(
    request: SearchRequest, matchers: Sequence[Matcher], cases: Sequence[Case], identity: str, state: Path
) -> list[Found]:
    """Search in every case."""
    how, stream = method(request.method), seeds(request)
    if how.optimiser in ("adam", "network"):
        return descend_all(request, matchers, cases, how, identity, state)
    found = []
    for number, (matcher, case) in enumerate(zip(matchers, cases, strict=True)):
        if how.optimiser == "simplex":
            assert case.start is not None
            found.append(simplex_search(matcher, case.start, stream.child(number)))
        elif how.optimiser == "cma":
            assert case.start is not None
            found.append(cma_search(matcher, case.start, stream.child(number)))
        else:
            found.append(search(matcher, case.start, how, stream.child(number)))
    return found


def descend_all(
    request: SearchRequest,
    matchers: Sequence[Matcher],
    cases: Sequence[Case],
    how: Method,
    identity: str,
    state: Path,
) -> list[Found]:
    """Descend in all cases side by side by the fitting loop, which keeps checkpoints."""
    steps = request.iterations or request.settings.adam_steps
    starts = [case.start for case in cases if case.start is not None]
    problem = Descent(matchers, starts, how, steps, seeds(request).child("weights"))
    rate = Constant() if problem.is_network else Cosine(steps, 1.0, 0.02)
    result = fit(
        problem,
        LoopSettings(iterations=steps, lr_schedule=rate, checkpoint_seconds=20.0),
        state,
        run_id=identity,
        seeds=seeds(request),
    )
    problem.load_state(result.last)
    found = []
    for number, (matcher, orbit) in enumerate(zip(matchers, problem.orbits(), strict=True)):
        stage = problem.stages[-1]
        one = assess(matcher, orbit, stage, seeds(request).child(number))
        for step, (values, errors) in enumerate(zip(problem.path, problem.errors, strict=True)):
            passed = orbit.moved_to(LENS[:3], values[number])
            blur = problem.stages[min(len(problem.stages) - 1, step * len(problem.stages) // steps)].blur
            share = problem.cpu_s[step] / len(cases)
            one.path.append(
                Visited(step, passed, stage.size, blur, float(errors[number]), 0.0, True, step + 1, 0, share)
            )
        one.path.append(Visited(steps, orbit, stage.size, 0.0, one.error, 0.0, True, steps, 3, share))
        found.append(one)
    return found


def case_rows(
    context: RowContext, number: int, case: Case, found: Found, views: PaintedViews, target: np.ndarray
) -> list[MetricRow]:
    """Return the metric rows of one case; their seed is the case's number, from 1. `target` is the picture (H, W, 3) to match."""
    own = replace(context, seed=number + 1)
    orbit, truth = found.orbit, case.truth
    angle = view_angle(orbit, truth)
    distance = abs(orbit.distance - truth.distance) / truth.distance
    picture, target = (
        np.clip(one, 0.0, 1.0)
        for one in (views.images([orbit.camera()], spp=JUDGE_SPP, seed=number)[0], target)
    )
    cost = found.cost
    values: dict[str, float | None] = {
        "angle": angle,
        "distance": distance,
        "position": float(np.linalg.norm(np.subtract(orbit.camera().origin, truth.camera().origin))),
        "angle_start": 180.0 if case.start is None else view_angle(case.start, truth),
        "exact": float(is_exact(orbit, truth)),
        "matches": float(found.matches),
        "error_over_noise": found.error / found.noise,
        "psnr": psnr(picture, target),
        "ssim": ssim(picture, target),
        "jacobians": cost.jacobians,
        "renders": cost.renders,
        "cpu_s": cost.cpu_s,
        "attempts": found.attempts,
    }
    reached = found.reached(truth)
    for name in ("cpu_s", "jacobians", "renders"):
        values[f"reach_{name}"] = None if reached is None else getattr(reached, name)
    return [
        own.row(
            name,
            value,
            reason="not found" if value is None else None,
            unit=METRICS[name][0],
            better=METRICS[name][1],
        )
        for name, value in values.items()
    ]


def final_tree(
    cases: Sequence[Case], found: Sequence[Found], targets: Sequence[np.ndarray], views: PaintedViews
) -> dict[str, Any]:
    """Return cameras as rows of distance, elevation, azimuth and fov (NaN: no start), and the first case's pictures."""
    none = np.full(len(LENS), np.nan)
    first = cases[PICTURES].start
    shown = {"found": found[PICTURES].orbit, **({"start": first} if first is not None else {})}
    pictures = {
        name: views.images([orbit.camera()], spp=JUDGE_SPP, seed=0)[0] for name, orbit in shown.items()
    }
    return {
        "start": np.stack([none if case.start is None else case.start.values(LENS) for case in cases]),
        "truth": np.stack([case.truth.values(LENS) for case in cases]),
        "found": np.stack([one.orbit.values(LENS) for one in found]),
        "matches": np.array([one.matches for one in found]),
        "pictures": {**pictures, "target": targets[PICTURES]},
    }


def trace(cases: Sequence[Case], found: Sequence[Found]) -> pl.DataFrame:
    """Return what every search passed, one row a step, with how far it was from the truth."""
    records = [
        {
            "case": number + 1,
            "iteration": at.step,
            "attempt": at.attempt,
            "size": at.size,
            "blur": float(at.blur),
            "error": at.error,
            "damping": at.damping,
            "accepted": at.accepted,
            "distance": at.orbit.distance,
            "elevation": at.orbit.elevation,
            "azimuth": at.orbit.azimuth,
            "fov": at.orbit.fov,
            "angle": view_angle(at.orbit, case.truth),
            "distance_error": abs(at.orbit.distance - case.truth.distance) / case.truth.distance,
            "jacobians": at.jacobians,
            "renders": at.renders,
            "cpu_s": at.cpu_s,
        }
        for number, (case, one) in enumerate(zip(cases, found, strict=True))
        for at in one.path
    ]
    return pl.DataFrame(records, infer_schema_length=None)


def seeds(request: SearchRequest) -> SeedStream:
    """Return the random stream of a job; targets have another one."""
    return SeedStream(("viewpoints", request.experiment, request.scene, request.method))


def parameters(request: SearchRequest) -> dict[str, Any]:
    """Return the plain values that decide the result."""
    return {
        "experiment": request.experiment,
        "scene": request.scene,
        "method": request.method,
        "camera": request.camera.model_dump(),
        "settings": request.settings.model_dump(),
        "starts": request.starts,
        "case": [camera.model_dump() for camera in request.case or ()],
        "iterations": request.iterations,
        "methods": list(request.methods),
        "variant": request.variant,
    }
