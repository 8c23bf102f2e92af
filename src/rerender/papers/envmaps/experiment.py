"""One job of the grid: recover a turned sky from a rendering, by all representations in one process, and judge them.

    truth = E0 moved left by `columns`,  target = R(truth),  E* = invert(E0, target)

Or the target is an edit of the initial rendering (experiments `edit_…` and `ablation_…`; `edit_runs`). The target is rendered by the light model of the inversion itself (experiment `shift`) or by Mitsuba (`shift_mitsuba`). Each
inversion keeps its own checkpoints, so an interrupted job carries on where it was and skips what is finished.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from rerender.catalogue.origins import ORIGINS, read_origin
from rerender.core.files import Tree, atomic_path, save_tree
from rerender.core.latlong import shift_columns
from rerender.core.seeds import SeedStream
from rerender.papers.envmaps.bakes import Place, light_of, mitsuba_light
from rerender.papers.envmaps.edit_runs import EDIT_METRICS, edit_metrics, make_target
from rerender.papers.envmaps.edit_specs import EditSpec
from rerender.papers.envmaps.edits import EditTarget
from rerender.papers.envmaps.fit import FittedMap
from rerender.papers.envmaps.fits import load_fits
from rerender.papers.envmaps.inversion import Inversion, invert, read_snapshots
from rerender.papers.envmaps.metrics import METRICS, inversion_metrics
from rerender.papers.envmaps.runfiles import INITIAL, Job, RunFiles
from rerender.papers.envmaps.scenes import floor_exposure
from rerender.papers.envmaps.settings import VARIANTS, base, perceptual_model
from rerender.papers.envmaps.specs import InversionSettings, RepresentationSpec
from rerender.perception.models.base import VisionModel, load_model
from rerender.perception.weights import required_weights
from rerender.provenance.host import Stopwatch
from rerender.provenance.manifest import Code, hash_files, run_id, write_manifest
from rerender.provenance.stack import stack_fingerprint
from rerender.rendering.bitmaps import read_image
from rerender.rendering.light_model import Exposed, LightModel
from rerender.rendering.variants import start_variant
from rerender.reporting.rows import MetricRow, RowContext, write_rows
from rerender.runtime.device import choose_variant, torch_device

JUDGES = ("lpips", "dists")
"""Networks that judge where their weights are at hand."""

BLOCKED = "blocked (weights)"


@dataclass(frozen=True)
class RunRequest:
    """A job, the files that it needs, and how it is run. Without `transport` Mitsuba renders in the loop."""

    job: Job
    map: Path
    fits: Path
    parts: Path
    transport: Path | None
    specs: tuple[RepresentationSpec, ...]
    settings: InversionSettings
    columns: int
    image_size: int
    floor_level: float
    spp: int
    spp_grad: int | None
    target_spp: int | None
    edit: EditSpec | None
    weights: Mapping[str, Path]
    tier: str
    variant: str = "auto"
    threads: int = 1


@dataclass(frozen=True)
class Scenery:
    """What all inversions of a job share: maps (H, W, 3), renderings (h, w, 3), and the light model.

    `start` is the rendering under the initial map. An edit has no true map: `truth` is the initial one then.
    """

    light: LightModel
    device: torch.device
    initial: np.ndarray
    truth: np.ndarray
    start: np.ndarray
    target: np.ndarray
    edit: EditTarget | None


def run_jobs(
    requests: Mapping[Path, RunRequest], code: Code, stack: Mapping[str, str], *, state_root: Path
) -> None:
    """Run, or carry on, the jobs, folder -> job, and write their files (see docs/files.md).

    Checkpoints go when all jobs are finished: until then an interruption loses no inversion.
    """
    identities = [
        run_job(request, code, stack, folder=folder, state_root=state_root)
        for folder, request in requests.items()
    ]
    for identity in identities:
        shutil.rmtree(state_root / identity, ignore_errors=True)


def run_job(
    request: RunRequest, code: Code, stack: Mapping[str, str], *, folder: Path, state_root: Path
) -> str:
    """Run, or carry on, the job and write its files to `folder`; return the name of its checkpoints below `state_root`."""
    watch = Stopwatch.start()
    torch.set_num_threads(request.threads)
    backend, device = start_backend(request)
    identity = run_id(parameters(request), code.fingerprint, hash_files(inputs(request)), stack)
    scenery = set_up(request, device)
    judges = load_judges(request.weights, device)
    origin = read_origin(request.map.with_suffix(".json"), request.parts.with_suffix(".json"))
    context = row_context(request, backend, device, identity, code, stack, origin)
    fits = load_fits(request.fits)
    rows = metric_rows(context, judge(scenery, scenery.initial, scenery.start, judges), judges, scenery)
    final: dict[str, Tree] = {}
    histories = []
    for spec in request.specs:
        found = invert_one(request, scenery, spec, fits.get(base(spec.id)), identity, state_root)
        rendering = rendered(scenery.light, found.best, eval_seed(request), device)
        own = replace(context, representation=spec.id, run_id=f"{identity}-{spec.id}")
        rows += metric_rows(own, judge(scenery, found.best, rendering, judges), judges, scenery)
        rows += cost_rows(own, found)
        final[spec.id] = pictures(found, rendering)
        histories.append(found.result.history.with_columns(representation=pl.lit(spec.id)))
    run = RunFiles.at(folder)
    save_tree(run.final, {**shared_pictures(scenery), "runs": final})
    with atomic_path(run.trace) as partial:
        pl.concat(histories, how="diagonal_relaxed").write_parquet(partial)
    write_rows(run.metrics, rows)
    write_manifest(
        run.manifest,
        stage="envmaps_invert",
        run_id=identity,
        parameters=parameters(request),
        inputs=inputs(request),
        outputs={"final": run.final, "trace": run.trace, "metrics": run.metrics},
        code=code,
        stack=stack,
        seeds={"job": list(seeds(request).keys)},
        backend=backend,
        cost=watch.stop(gpus=int(device.type == "cuda")),
        assets=origin,
    )
    return identity


def invert_one(
    request: RunRequest,
    scenery: Scenery,
    spec: RepresentationSpec,
    fitted: FittedMap | None,
    identity: str,
    state_root: Path,
) -> Inversion:
    """Search for the map by one representation, with checkpoints of its own."""
    return invert(
        spec,
        scenery.initial,
        scenery.target,
        scenery.light,
        request.settings,
        state_root / identity / spec.id,
        run_id=f"{identity}-{spec.id}",
        seeds=seeds(request).child("invert"),
        fitted=fitted,
        perceptual=perceptual(spec, request.weights, scenery.device),
        device=scenery.device,
    )


def judge(
    scenery: Scenery, found: np.ndarray, rendering: np.ndarray, judges: Mapping[str, VisionModel]
) -> dict[str, float]:
    """Return the metrics of a map and its rendering: against truth and target, or those of an edit."""
    if scenery.edit is not None:
        return edit_metrics(found, scenery.initial, rendering, scenery.edit)
    return inversion_metrics(found, scenery.truth, rendering, scenery.target, judges)


def shared_pictures(scenery: Scenery) -> dict[str, np.ndarray]:
    """Return what all representations of a job have in common, for `final.npz`."""
    names = ("initial", "truth", "start", "target")
    shared: dict[str, np.ndarray] = {name: getattr(scenery, name) for name in names}
    return shared if scenery.edit is None else {**shared, "edited": scenery.edit.edited}


def start_backend(request: RunRequest) -> tuple[str, torch.device]:
    """Start Mitsuba where it renders anything; return the backend's name and torch's device. A matrix needs only torch."""
    variant = choose_variant(request.variant)
    device = torch.device(torch_device(variant))
    if request.transport is None or request.target_spp is not None or request.edit is not None:
        return start_variant(variant, threads=request.threads), device
    return f"torch_{device.type}", device


def set_up(request: RunRequest, device: torch.device) -> Scenery:
    """Read the sky, make the light model, and render the target under the turned sky."""
    initial = read_image(request.map)
    height, width = initial.shape[:2]
    place = Place(request.job.scene, request.parts, request.image_size, (height, width))
    exposure = floor_exposure(initial, request.floor_level)
    model = light_of(place, request.transport, device, spp=request.spp, spp_grad=request.spp_grad)
    light = Exposed(model, exposure)
    start = rendered(light, initial, eval_seed(request), device)
    if request.edit is not None:
        edit = make_target(request.edit, place, start)
        return Scenery(light, device, initial, initial, start, edit.picture, edit)
    truth = np.ascontiguousarray(shift_columns(initial, request.columns))
    renderer = light
    if request.target_spp is not None:
        renderer = Exposed(mitsuba_light(place, spp=request.target_spp), exposure)
    target = rendered(renderer, truth, seeds(request).seed("target"), device)
    return Scenery(light, device, initial, truth, start, target, None)


def rendered(light: LightModel, upper: np.ndarray, seed: int, device: torch.device) -> np.ndarray:
    """Return the rendering (h, w, 3) under an upper half, as a float32 array."""
    with torch.no_grad():
        image = light.render(torch.from_numpy(np.ascontiguousarray(upper, dtype=np.float32)).to(device), seed)
    return np.asarray(image.cpu().numpy(), dtype=np.float32)


def load_judges(weights: Mapping[str, Path], device: torch.device) -> dict[str, VisionModel]:
    """Return the judges whose weights are all there."""
    ready = [name for name in JUDGES if all(need.id in weights for need in required_weights(name))]
    return {name: load_model(name, weights=weights, device=device) for name in ready}


def perceptual(
    spec: RepresentationSpec, weights: Mapping[str, Path], device: torch.device
) -> VisionModel | None:
    """Return the model of the perceptual term, or None for rows without one."""
    name = perceptual_model(spec.id)
    return None if name is None else load_model(name, weights=weights, device=device)


def pictures(found: Inversion, rendering: np.ndarray) -> Tree:
    """Return what one inversion leaves in `final.npz`."""
    return {
        "map": found.best,
        "last": found.last,
        "rendering": rendering,
        "snapshots": {str(step): image for step, image in read_snapshots(found.snapshots).items()},
    }


def metric_rows(
    context: RowContext, metrics: Mapping[str, float], judges: Mapping[str, VisionModel], scenery: Scenery
) -> list[MetricRow]:
    """Return the metrics as rows, and an explained gap for each network without weights (edits ask for none)."""
    known = {**METRICS, **EDIT_METRICS}
    rows = [
        context.row(name, value, unit=known[name][0], better=known[name][1])  # type: ignore[arg-type]
        for name, value in metrics.items()
    ]
    gaps = [f"{pair}/{name}" for pair in ("env", "ren") for name in JUDGES if name not in judges]
    if scenery.edit is not None:
        return rows
    return rows + [context.row(name, None, reason=BLOCKED, better="lower") for name in gaps]


def cost_rows(context: RowContext, found: Inversion) -> list[MetricRow]:
    """Return iterations, seconds a step, and the losses of one inversion."""
    losses = found.result.history["loss"].drop_nans().to_list()
    return [
        context.row("iterations", found.result.iterations),
        context.row("step_s", found.step_seconds, unit="s", better="lower"),
        context.row("collapses", found.collapses, better="lower"),
        *([context.row("loss_first", losses[0]), context.row("loss_best", min(losses))] if losses else []),
    ]


def seeds(request: RunRequest) -> SeedStream:
    """Return the random stream of targets and judged renderings: the same in all modes, which can be compared then."""
    job = request.job
    return SeedStream(("envmaps", job.experiment, job.scene, job.envmap, job.seed))


def eval_seed(request: RunRequest) -> int:
    """Return the seed of the renderings that are judged; exact light models ignore it."""
    return seeds(request).seed("evaluate")


def inputs(request: RunRequest) -> dict[str, Path]:
    """Return the files that decide the result."""
    found = {"map": request.map, "fits": request.fits, "parts": request.parts, **request.weights}
    return found if request.transport is None else {**found, "transport": request.transport}


def parameters(request: RunRequest) -> dict[str, Any]:
    """Return the plain values that decide the result."""
    job = request.job
    return {
        "experiment": job.experiment,
        "scene": job.scene,
        "envmap": job.envmap,
        "mode": job.mode,
        "seed": job.seed,
        "representations": {spec.id: spec.model_dump(exclude={"title"}) for spec in request.specs},
        "settings": request.settings.model_dump(),
        "columns": request.columns,
        "image_size": request.image_size,
        "floor_level": request.floor_level,
        "spp": request.spp,
        "spp_grad": request.spp_grad,
        "target_spp": request.target_spp,
        "edit": request.edit and request.edit.model_dump(exclude={"title"}),
        "variant": request.variant,
    }


def row_context(
    request: RunRequest,
    backend: str,
    device: torch.device,
    identity: str,
    code: Code,
    stack: Mapping[str, str],
    origin: str,
) -> RowContext:
    """Return the columns that all rows of a job share. `method` says what renders in the loop."""
    job = request.job
    assert origin in ORIGINS
    return RowContext(
        paper="envmaps",
        experiment=job.experiment,
        scene=job.scene,
        envmap=job.envmap,
        method="mitsuba" if request.transport is None else "transport",
        representation=INITIAL,
        variant=VARIANTS[job.mode],
        seed=job.seed,
        tier=request.tier,
        backend=backend,
        device=str(device.type),
        run_id=identity,
        code=code.fingerprint,
        stack=stack_fingerprint(stack),
        assets=origin,  # type: ignore[arg-type]
    )
