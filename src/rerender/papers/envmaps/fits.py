"""One sky's networks, fitted in one process and shared by all scenes; what they are worth, and how they bear noise."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from rerender.catalogue.origins import read_origin
from rerender.core.files import atomic_path, load_tree, save_tree
from rerender.core.seeds import SeedStream
from rerender.fitting.problem import FitResult
from rerender.papers.envmaps.fit import FittedMap, fit_map
from rerender.papers.envmaps.metrics import METRICS
from rerender.papers.envmaps.noise import weight_noise
from rerender.papers.envmaps.settings import FIT_SCENE, noise_variant
from rerender.papers.envmaps.specs import RepresentationSpec
from rerender.provenance.host import Stopwatch
from rerender.provenance.manifest import Code, hash_files, run_id, write_manifest
from rerender.provenance.stack import stack_fingerprint
from rerender.rendering.bitmaps import read_image
from rerender.reporting.rows import MetricRow, RowContext, write_rows

SCALARS: Mapping[str, tuple[str, str]] = {
    "psnr_log": ("dB", "higher"),
    "psnr_srgb": ("dB", "higher"),
    "peak_ratio": ("", "none"),
    "luminance_ratio": ("", "none"),
}


@dataclass(frozen=True)
class FitRequest:
    """A prepared sky, and what to fit to it. `noise` are strengths, each averaged over `draws`."""

    sky: str
    map: Path
    seed: int
    specs: tuple[RepresentationSpec, ...]
    noise: tuple[float, ...]
    draws: int
    max_refits: int
    tier: str
    threads: int = 1
    device: str = "cpu"

    @property
    def backend(self) -> str:
        """What rows call the place of the computation."""
        return f"torch_{self.device}"


def fit_sky(
    request: FitRequest, code: Code, stack: Mapping[str, str], *, folder: Path, state_root: Path
) -> None:
    """Fit every network and write `fits.npz`, `trace.parquet`, `metrics.json` and `manifest.json` to `folder`.

    Every fit keeps its own checkpoints below `state_root`: an interrupted job carries on, and skips what is done.
    """
    watch = Stopwatch.start()
    torch.set_num_threads(request.threads)
    initial = read_image(request.map)
    inputs = {"map": request.map}
    identity = run_id(parameters(request), code.fingerprint, hash_files(inputs), stack)
    seeds = SeedStream(("envmaps", request.sky, request.seed))
    fits: dict[str, FittedMap] = {}
    histories, rows = [], []
    for spec in request.specs:
        fitted, result = fit_map(
            initial,
            spec,
            state_root / identity / spec.id,
            run_id=f"{identity}-{spec.id}",
            seeds=seeds.child("fit"),
            max_refits=request.max_refits,
            device=request.device,
        )
        fits[spec.id] = fitted
        histories.append(result.history.with_columns(representation=pl.lit(spec.id)))
        context = row_context(request, spec.id, f"{identity}-{spec.id}", code, stack)
        rows += quality_rows(context, fitted, result)
        rows += noise_rows(request, context, fitted, initial)
    outputs = {name: folder / name for name in ("fits.npz", "trace.parquet", "metrics.json")}
    save_tree(outputs["fits.npz"], {name: fitted.state() for name, fitted in fits.items()})
    with atomic_path(outputs["trace.parquet"]) as partial:
        pl.concat(histories, how="diagonal_relaxed").write_parquet(partial)
    write_rows(outputs["metrics.json"], rows)
    write_manifest(
        folder / "manifest.json",
        stage="envmaps_fit",
        run_id=identity,
        parameters=parameters(request),
        inputs=inputs,
        outputs=outputs,
        code=code,
        stack=stack,
        seeds={"fit": list(seeds.child("fit").keys)},
        backend=request.backend,
        cost=watch.stop(gpus=int(request.device == "cuda")),
        assets=read_origin(request.map.with_suffix(".json")),
        notes={name: fitted.complaint for name, fitted in fits.items() if fitted.complaint},
    )
    shutil.rmtree(state_root / identity, ignore_errors=True)


def load_fits(path: Path | str) -> dict[str, FittedMap]:
    """Return the fitted networks of a sky by representation."""
    return {name: FittedMap.from_state(tree) for name, tree in load_tree(path).items()}


def parameters(request: FitRequest) -> dict[str, Any]:
    """Return the plain values that decide the result."""
    return {
        "sky": request.sky,
        "seed": request.seed,
        "noise": list(request.noise),
        "draws": request.draws,
        "max_refits": request.max_refits,
        "representations": {spec.id: spec.model_dump(exclude={"title"}) for spec in request.specs},
    }


def row_context(
    request: FitRequest, representation: str, identity: str, code: Code, stack: Mapping[str, str]
) -> RowContext:
    """Return the columns that all rows of one fit share."""
    return RowContext(
        paper="envmaps",
        experiment="fit",
        scene=FIT_SCENE,
        envmap=request.sky,
        method="fit",
        representation=representation,
        seed=request.seed,
        tier=request.tier,
        backend=request.backend,
        device=request.device,
        run_id=identity,
        code=code.fingerprint,
        stack=stack_fingerprint(stack),
        assets=read_origin(request.map.with_suffix(".json")),  # type: ignore[arg-type]
    )


def quality_rows(context: RowContext, fitted: FittedMap, result: FitResult) -> list[MetricRow]:
    """Return how well the network holds its map, what the guard made of it, and the cost."""
    scalars = fitted.quality.scalars()
    rows = [
        context.row(f"fit/{name}", scalars[name], unit=unit, better=better)  # type: ignore[arg-type]
        for name, (unit, better) in SCALARS.items()
    ]
    return [
        *rows,
        context.row("fit/gamma", fitted.gamma),
        context.row("fit/refits", fitted.refits, better="lower"),
        context.row("fit/complaint", float(bool(fitted.complaint)), better="lower"),
        context.row("iterations", result.iterations),
        context.row("wall_s", result.wall_s),
    ]


def noise_rows(
    request: FitRequest, context: RowContext, fitted: FittedMap, initial: np.ndarray
) -> list[MetricRow]:
    """Return the decoded map's metrics under noise on the weights, and without any (`noise_0`): means over draws.

    The noise depends on sky, seed and draw alone, so representations and strengths can be compared pairwise.
    """
    seeds = noise_seeds(request.sky, request.seed)
    rows = []
    for found in weight_noise(fitted, initial, seeds, levels=(0.0, *request.noise), draws=request.draws):
        own = replace(context, experiment="robustness", variant=noise_variant(found.level))
        for name, mean in found.mean.items():
            unit, better = METRICS[name]
            rows.append(own.row(name, mean, n=len(found.draws), unit=unit, better=better))  # type: ignore[arg-type]
    return rows


def noise_seeds(sky: str, seed: int) -> SeedStream:
    """Return the stream of the noise draws."""
    return SeedStream(("envmaps", sky, seed, "weight noise"))
