"""One run: search for the shape or the material whose renders a vision model cannot tell from the target's.

Writes final state, history, frames, summary and, last, the manifest. An interrupted run carries on where its
last checkpoint was; the state folder is removed once everything is written.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rerender.catalogue.specs import EnvmapSpec, SceneSpec
from rerender.core.errors import UserError
from rerender.core.files import Tree, atomic_path, load_tree, save_tree, write_json
from rerender.core.meshes import icosphere
from rerender.core.meshio import write_ply
from rerender.core.seeds import SeedStream
from rerender.fitting.history import read_frames
from rerender.fitting.loop import fit
from rerender.fitting.multistart import MultiStart, chosen
from rerender.fitting.problem import FitResult, LoopSettings, Problem
from rerender.fitting.schedules import Constant, Exponential, Schedule
from rerender.papers.metamers.frozen import FrozenSeeds
from rerender.papers.metamers.geometry import GeometryProblem, mesh_of
from rerender.papers.metamers.material import GRADIENTS, MaterialProblem
from rerender.papers.metamers.objective import Objective, switched_model
from rerender.papers.metamers.references import target_seeds
from rerender.papers.metamers.runfiles import RunFiles
from rerender.papers.metamers.session import Session, open_session
from rerender.papers.metamers.settings import GeometryRun, MaterialRun
from rerender.papers.metamers.world import SceneFiles
from rerender.perception.models.base import load_model
from rerender.provenance.host import Cost, Stopwatch
from rerender.provenance.manifest import Code, hash_files, write_manifest
from rerender.provenance.manifest import run_id as make_run_id
from rerender.rendering.bitmaps import write_exr

MATERIAL_WINDOW = 10
"""Steps whose mean loss decides which state is best: a single dual-buffer loss is noise around zero."""


@dataclass(frozen=True)
class RunRequest:
    """Everything that decides a run's result."""

    scene: SceneSpec
    envmap: EnvmapSpec
    files: SceneFiles
    references: Path
    model: str
    seed: int
    settings: GeometryRun | MaterialRun
    weights: Mapping[str, Path]
    variant: str = "auto"
    threads: int = 1


@dataclass(frozen=True)
class RunRecord:
    """What the manifest says beside the result: the code and library versions, as the workflow tracks them."""

    code: Code
    stack: Mapping[str, str]


def optimise_run(request: RunRequest, record: RunRecord, *, folder: Path, state_root: Path) -> None:
    """Run, or carry on, one optimisation and write its files to `folder` (see docs/files.md)."""
    watch = Stopwatch.start()
    identity = identify(request, record)
    session = open_session(
        request.scene, request.envmap, request.files, variant=request.variant, threads=request.threads
    )
    problem = make_problem(request, session)
    start = state_of(problem)
    state = state_root / identity
    result = fit(
        problem,
        loop_settings(request.settings),
        state,
        run_id=identity,
        seeds=run_seeds(request),
    )
    if result.failed and result.iterations == 0:
        raise UserError(f"the run failed in its first step: {result.stop_reason}")
    run = RunFiles.at(folder, request.scene.family)
    outputs = write_outputs(run, request, problem, start, result)
    write_json(run.summary, summary(request, result, watch.stop(), rejected_remeshes(problem)))
    _write_manifest(run, request, record, identity, session, result, watch, outputs)
    shutil.rmtree(state, ignore_errors=True)


def run_seeds(request: RunRequest) -> SeedStream:
    """Return the run's own random stream. Code and library versions do not enter it, so that results stay comparable."""
    return SeedStream(("metamers", request.scene.id, request.envmap.id, request.model, request.seed))


def make_problem(request: RunRequest, session: Session) -> Problem:
    """Build the run's problem with its start and the target's features."""
    model = load_model(request.model, weights=dict(request.weights), device=session.device)
    targets = torch.from_numpy(load_tree(request.references)["radiance"]).to(session.device)
    switches = request.settings.switches
    objective = Objective(switched_model(model, switches), targets, switches.layout)
    frozen = None
    if switches.frozen_seeds:
        frozen = FrozenSeeds(run_seeds(request), target_seeds(request.scene.id, request.envmap.id))
    match request.settings:
        case GeometryRun() as settings:
            sphere = icosphere(settings.start_subdivisions, request.scene.start_radius)
            return GeometryProblem(session.world, sphere, objective, settings, frozen)
        case MaterialRun() as material:
            starts = [MaterialProblem(session.world, objective, material, frozen=frozen)]
            fitted = {free.name for free in request.scene.optimised}
            # a start that changes nothing of this scene would only repeat the published one
            further = [
                changes for changes in material.further_starts if fitted & set(changes) - {"base_color"}
            ]
            if not further or not material.start_steps:
                return starts[0]
            starts += [MaterialProblem(session.world, objective, material, x, frozen) for x in further]
            return MultiStart(starts, material.start_steps)


def loop_settings(settings: GeometryRun | MaterialRun) -> LoopSettings:
    """Return how the loop runs this run."""
    geometry = isinstance(settings, GeometryRun)
    window = settings.window if isinstance(settings, GeometryRun) else MATERIAL_WINDOW
    patience = settings.patience_windows
    if patience is not None and not geometry:
        patience = max(1, -(-patience // MATERIAL_WINDOW))  # one step is one epoch there
    return LoopSettings(
        iterations=settings.iterations,
        window=min(window, settings.iterations),
        patience_windows=patience,
        min_delta=settings.min_delta,
        lr_schedule=schedule(settings),
        observe_every=settings.observe_every,
        checkpoint_seconds=settings.checkpoint_seconds,
    )


def schedule(settings: GeometryRun | MaterialRun) -> Schedule:
    """Return the factor on the learning rate over the steps."""
    if settings.lr_final_factor == 1.0:
        return Constant()
    return Exponential(gamma=settings.lr_final_factor, every=settings.iterations)


def state_of(problem: Problem) -> Tree:
    """Return the state of the problem, or of the active start among several."""
    return chosen(problem.state()) if isinstance(problem, MultiStart) else problem.state()


def rejected_remeshes(problem: Problem) -> int:
    """Return how many remeshings were refused as unsound."""
    return problem.rejected if isinstance(problem, GeometryProblem) else 0


def public_state(tree: Tree, request: RunRequest) -> Tree:
    """Turn a problem's state into what `final.npz` holds: vertices and faces, or BSDF parameters by name."""
    if isinstance(request.settings, GeometryRun):
        mesh = mesh_of(tree, request.settings.large_steps_lambda)
        return {"vertices": mesh.vertices.astype(np.float32), "faces": mesh.faces}
    parameters = ((name, value) for name, value in tree.items() if name != GRADIENTS)
    return {name: np.asarray(value, dtype=np.float32) for name, value in parameters}


def write_outputs(
    run: RunFiles, request: RunRequest, problem: Problem, start: Tree, result: FitResult
) -> dict[str, Path]:
    """Write final state, mesh or texture, history and frames; return the files by name."""
    several = isinstance(problem, MultiStart)
    states = {"best": result.best, "last": result.last}
    final = {name: public_state(chosen(x) if several else x, request) for name, x in states.items()}
    final["start"] = public_state(start, request)
    save_tree(run.final, final)
    save_tree(run.frames, observed_pictures(result))
    with atomic_path(run.trace) as partial:
        result.history.write_parquet(partial)
    outputs = {"final": run.final, "frames": run.frames, "trace": run.trace, "summary": run.summary}
    if isinstance(request.settings, GeometryRun):
        outputs["mesh"] = run.folder / "final.ply"
        from rerender.core.meshes import Mesh

        write_ply(
            outputs["mesh"],
            Mesh(final["best"]["vertices"].astype(np.float64), np.asarray(final["best"]["faces"])),
        )
    else:
        outputs["texture"] = run.folder / "base_color.exr"
        write_exr(outputs["texture"], final["best"]["base_color"])
    return outputs


def observed_pictures(result: FitResult) -> dict[str, Any]:
    """Return what `frames.npz` holds: the observed strips, gradients of pixels with their scales, and textures."""
    frames, iterations = read_frames(result.frames_dir)
    pictures = {
        folder.name: read_frames(folder)[0]
        for folder in sorted(result.frames_dir.iterdir() if result.frames_dir.is_dir() else ())
        if folder.is_dir()
    }
    gradients = {"gradients": pictures.pop("gradients")} if "gradients" in pictures else {}
    scales = {"gradient_scale": result.observations["gradient_scale"].to_numpy()} if gradients else {}
    return {"frames": frames, "iterations": iterations, **gradients, **scales, "textures": pictures}


def summary(request: RunRequest, result: FitResult, cost: Cost, rejected: int) -> dict[str, Any]:
    """Return the run's summary in plain values."""
    losses = result.history["loss"].to_list()
    return {
        "iterations": result.iterations,
        "stop_reason": result.stop_reason,
        "failed": result.failed,
        "loss_first": losses[0] if losses else None,
        "loss_last": losses[-1] if losses else None,
        "loss_best": result.best_loss if np.isfinite(result.best_loss) else None,
        "best_iteration": result.best_iteration,
        "wall_s": round(result.wall_s, 3),
        "cpu_s": cost.cpu_s,
        "peak_memory_mb": cost.peak_memory_mb,
        "checkpoint_s": round(result.checkpoint_s, 3),
        "attempts": result.attempts,
        "resumed_from": result.resumed_from,
        "rejected_remeshes": rejected,
        "model": request.model,
        "seed": request.seed,
    }


def identify(request: RunRequest, record: RunRecord) -> str:
    """Return the run's id: equal ids mean equal results."""
    return make_run_id(
        parameters(request),
        record.code.fingerprint,
        hash_files(inputs(request)),
        record.stack,
    )


def parameters(request: RunRequest) -> dict[str, Any]:
    """Return the plain values that decide the result, for the run's id and its manifest."""
    settings = request.settings.model_dump(exclude={"checkpoint_seconds"})
    return {
        "scene": request.scene.id,
        "envmap": request.envmap.id,
        "model": request.model,
        "seed": request.seed,
        "variant": request.variant,
        "settings": settings,
        "target": request.scene,
        "light": request.envmap,
    }


def inputs(request: RunRequest) -> dict[str, Path]:
    """Return the files that decide the result."""
    weights = {f"weights/{name}": Path(path) for name, path in request.weights.items()}
    return {"references": request.references, **request.files.named(), **weights}


def _write_manifest(
    run: RunFiles,
    request: RunRequest,
    record: RunRecord,
    identity: str,
    session: Session,
    result: FitResult,
    watch: Stopwatch,
    outputs: dict[str, Path],
) -> None:
    write_manifest(
        run.folder / "manifest.json",
        stage="metamers_optimise",
        run_id=identity,
        parameters=parameters(request),
        inputs=inputs(request),
        outputs=outputs,
        code=record.code,
        stack=record.stack,
        seeds={
            "optimise": list(run_seeds(request).keys),
            "target": [request.scene.id, request.envmap.id, "target"],
        },
        backend=session.backend,
        cost=watch.stop(gpus=int(session.device.type == "cuda")),
        attempts=result.attempts,
        resumed_from=result.resumed_from,
        assets=session.origin,
        notes={"stop_reason": result.stop_reason},
    )
