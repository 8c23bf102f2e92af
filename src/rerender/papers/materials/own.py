"""A capture of a user's own, from posed pictures to materials: where the object is, its shape from masks, then both stages of every method.

What the released code does for such data, with the geometry found first and from outlines alone (`shape.py`), and held fixed. The light is
learned. Nothing is known of the true materials, so pictures that no fit saw are the only judges.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from rerender.catalogue.capture_files import capture_files
from rerender.catalogue.captures import Photographs, centred, read_photographs
from rerender.core.errors import UserError
from rerender.core.files import atomic_path, whole_folder
from rerender.core.images import srgb_encode
from rerender.core.meshes import Mesh
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import LoopSettings
from rerender.papers.materials.capture import grid_box
from rerender.papers.materials.experiment import FitRequest, Fitted, cost_rows, fit_one, histories
from rerender.papers.materials.hull import hull_distance, located
from rerender.papers.materials.judge import FoundAt, shaded_error
from rerender.papers.materials.methods import method_for
from rerender.papers.materials.own_files import OwnResult, Shelf, write_results
from rerender.papers.materials.refine import RefineRequest, found_light, refine_one
from rerender.papers.materials.settings import (
    ExperimentSettings,
    HashSettings,
    OwnCapture,
    PictureSettings,
    RegulariserSettings,
    ShapeSettings,
    StageSettings,
)
from rerender.papers.materials.shape import ShapeFit
from rerender.papers.materials.views import Given, Views
from rerender.perception.metrics.image import psnr_of_mse
from rerender.provenance.host import Stopwatch
from rerender.provenance.manifest import Code, hash_files, run_id, write_manifest
from rerender.provenance.stack import stack_fingerprint
from rerender.rendering.bitmaps import read_image
from rerender.rendering.filtered_light import LightLevels
from rerender.rendering.gbuffers import trace
from rerender.rendering.texture_atlas import unwrapped
from rerender.rendering.variants import start_variant
from rerender.reporting.rows import MetricRow, RowContext, write_rows
from rerender.runtime.memory import keep_freed_memory

SEED = 1
START_LIGHT = 0.5
LEAST_STEPS = 100
"""Iterations of a shape that begins as a sphere."""
NO_TRUTH = "photographs do not tell the true materials"
UNKNOWN = ("albedo", "roughness", "metallic", "normal")


@dataclass(frozen=True)
class OwnRequest:
    """A capture of a user's own, and how it is fitted. `relight` is the light of the relit pictures."""

    name: str
    own: OwnCapture
    relight: Path
    size: int
    light_height: int
    resolution: int
    shape: ShapeSettings
    hash: HashSettings
    coarse: StageSettings
    fine: StageSettings
    regularisers: RegulariserSettings
    pictures: PictureSettings
    tier: str
    variant: str = "auto"
    threads: int = 1
    device: str = "cpu"

    @property
    def title(self) -> str:
        """What pictures call the object."""
        return self.own.title or self.name.replace("_", " ")

    @property
    def seeds(self) -> SeedStream:
        """Return the random stream of the capture."""
        return SeedStream(("materials", self.name, SEED))

    def fit(self, method: str) -> FitRequest:
        """Return the coarse stage of a method."""
        settings = ExperimentSettings(scenes=(self.name,), methods=(method,), seeds=1, lighting="learned")
        return FitRequest(
            experiment="own",
            scene=self.name,
            envmap="unknown",
            method=method,
            capture=Path(self.own.folder),
            settings=settings,
            hash=self.hash,
            stage=self.coarse,
            regularisers=self.regularisers,
            tier=self.tier,
            threads=self.threads,
            device=self.device,
        )

    def inputs(self) -> dict[str, Path]:
        """Return the files that decide the result."""
        folder = Path(self.own.folder)
        files = capture_files(folder)
        return {"relight": self.relight, **{path.relative_to(folder).as_posix(): path for path in files}}

    def parameters(self) -> dict[str, Any]:
        """Return the plain values that decide the result."""
        values = {name: value for name, value in vars(self).items() if name not in _PLACES}
        return {
            name: value.model_dump() if hasattr(value, "model_dump") else value
            for name, value in {**values, "own": self.own.model_copy(update={"folder": ""})}.items()
        }


_PLACES = ("relight", "threads", "tier")


@dataclass(frozen=True, eq=False)
class OwnScene:
    """What photographs became: the mesh with an atlas, what fits read, and the pictures that they do not."""

    mesh: Mesh
    given: Given
    heldout: Views
    photographs: Photographs = field(repr=False)

    def to(self, device: str) -> OwnScene:
        """Return the scene with what is shaded on another device."""
        given = replace(self.given, train=self.given.train.to(device), light=self.given.light.to(device))
        return replace(self, given=given, heldout=self.heldout.to(device))


def run_own(
    request: OwnRequest, code: Code, stack: Mapping[str, str], *, folder: Path, state_root: Path
) -> None:
    """Fit a capture by every method, or carry on, and write its files to `folder` (see docs/files.md)."""
    watch = Stopwatch.start()
    torch.set_num_threads(request.threads)
    keep_freed_memory()
    backend = start_variant(request.variant, threads=request.threads)
    inputs = request.inputs()
    identity = run_id(request.parameters(), code.fingerprint, hash_files(inputs), stack)
    state = state_root / identity
    scene = set_up(request, state / "shape", identity).to(request.device)
    context = RowContext(
        paper="materials",
        experiment="own",
        scene=request.name,
        envmap="unknown",
        method="",
        representation="field",
        seed=SEED,
        tier=request.tier,
        backend=f"torch_{request.device}",
        device=request.device,
        run_id=identity,
        code=code.fingerprint,
        stack=stack_fingerprint(stack),
        assets="original",
    )
    results, rows, traces = [], [], []
    for name in request.own.methods:
        result, measured, history = run_method(request, scene, name, context, state / name)
        results.append(result)
        rows += measured
        traces.append(history.with_columns(pl.lit(name).alias("method")))
    with whole_folder(folder) as partial:
        relight = read_image(request.relight)
        shelf = Shelf(request.title, request.tier, scene.mesh, scene.heldout, relight, request.pictures)
        write_results(shelf, results, partial)
        write_rows(partial / "metrics.json", rows)
        with atomic_path(partial / "trace.parquet") as path:
            pl.concat(traces, how="diagonal").write_parquet(path)
        made = sorted(path for path in partial.rglob("*") if path.is_file())
        write_manifest(
            partial / "manifest.json",
            stage="materials_own",
            run_id=identity,
            parameters=request.parameters(),
            inputs=inputs,
            outputs={path.relative_to(partial).as_posix(): path for path in made},
            code=code,
            stack=stack,
            seeds={"fits": [list(request.seeds.keys)]},
            backend=backend,
            cost=watch.stop(gpus=int(request.device == "cuda")),
            assets="original",
        )
    shutil.rmtree(state, ignore_errors=True)


# ---------------------------------------------------------------- from photographs to views of a mesh


def set_up(request: OwnRequest, workdir: Path, identity: str) -> OwnScene:
    """Read the photographs, find the object and its shape, and trace what every camera sees of it. Needs a Mitsuba variant."""
    taken = centred(
        read_photographs(request.own.folder, height=request.size, every=request.own.every, square=True)
    )
    first, kept = split(taken, request.own.heldout)
    frame = located(first.cameras, first.alpha, first.names, request.shape.extent)
    first, kept = (replace(part, cameras=frame.applied(part.cameras)) for part in (first, kept))
    mesh = unwrapped(found_shape(request, first, workdir, identity), request.resolution, name=request.name)
    radiance = np.full((request.light_height, 2 * request.light_height, 3), START_LIGHT, np.float32)
    light = LightLevels.from_latlong(radiance)
    given = Given(views_of(mesh, first, request.name), light, radiance, grid_box(mesh))
    return OwnScene(mesh, given, views_of(mesh, kept, request.name), kept)


def split(taken: Photographs, heldout: int) -> tuple[Photographs, Photographs]:
    """Return the photographs that fits see, and every `heldout`-th, which they do not. Raises `UserError` for too few."""
    count = len(taken.cameras)
    if count < max(4, heldout):
        raise UserError(
            f"{count} pictures are too few: every {heldout}th is kept from the fits, and these need at least 3",
            "Take more pictures, or lower `every` or `heldout`.",
        )
    kept = np.arange(count) % heldout == 0
    return part(taken, np.flatnonzero(~kept)), part(taken, np.flatnonzero(kept))


def part(taken: Photographs, chosen: Iterable[int]) -> Photographs:
    """Return some of the photographs."""
    which = list(map(int, chosen))
    return Photographs(
        tuple(taken.cameras[one] for one in which),
        taken.colour[which],
        taken.alpha[which],
        tuple(taken.names[one] for one in which),
    )


def found_shape(request: OwnRequest, taken: Photographs, workdir: Path, identity: str) -> Mesh:
    """Return the hull of the masks, or a shape that is fitted to them from there; through the loop, so that it can be carried on."""
    settings, seeds = request.shape, request.seeds.child("shape")
    start = hull_distance(taken.cameras, taken.alpha, settings.cells, settings.extent)
    search = ShapeFit(
        torch.from_numpy(taken.alpha),
        taken.cameras,
        settings,
        seeds,
        None if start is None else torch.from_numpy(start),
    )
    if settings.steps or start is None:
        steps = max(settings.steps, LEAST_STEPS if start is None else 1)
        loop = LoopSettings(iterations=steps, window=max(1, steps // 10))
        search.load_state(fit(search, loop, workdir, run_id=f"{identity}-shape", seeds=seeds).last)
    return search.mesh()


def views_of(mesh: Mesh, taken: Photographs, name: str) -> Views:
    """Return the surface behind those pixels of the photographs that are at least half the object's, and their radiance."""
    surface = trace(mesh, taken.cameras, taken.alpha.shape[1], name=name)
    colour, alpha = torch.from_numpy(taken.colour), torch.from_numpy(taken.alpha)
    surface = surface.kept(surface.gather(alpha[..., None])[:, 0] >= 0.5)
    empty = [
        name
        for name, low, high in zip(taken.names, surface.starts, surface.starts[1:], strict=False)
        if low == high
    ]
    if empty:
        raise UserError(
            f"the shape that the masks gave is not where {', '.join(empty[:4])} show the object",
            "Check the poses and masks of these pictures, or leave them out.",
        )
    return Views(surface, surface.gather(colour))


# ---------------------------------------------------------------- the methods


def run_method(
    request: OwnRequest, scene: OwnScene, name: str, context: RowContext, state: Path
) -> tuple[OwnResult, list[MetricRow], pl.DataFrame]:
    """Run both stages of a method; return what was found, its metric rows, and its history."""
    fit_request, method = request.fit(name), method_for(name, request.name)
    given = scene.given
    coarse = fit_one(fit_request, given, method, SEED, state.parent.name + "-" + name, state / "coarse")
    tree = {"weights": coarse.field.arrays(), "light": coarse.base}
    fine_request = RefineRequest(
        replace(fit_request, stage=request.fine), Path(), Path(), request.resolution, request.variant
    )
    refined = refine_one(
        fine_request, given, method, (scene.mesh, scene.mesh), SEED, tree, state / f"{name}-fine"
    )
    light = found_light(given, tree)
    field_context = replace(context, method=name)
    rows = judged(field_context, scene, _field_at(coarse), coarse.light)
    rows += cost_rows(field_context, coarse.result, coarse.cpu_s, coarse.field.count())
    texture_context = replace(context, method=name, representation="texture")
    rows += judged(texture_context, scene, refined.source.at, light)
    weights = sum(value.numel() for value in refined.source.textures.values())
    rows += cost_rows(texture_context, refined.result, refined.cpu_s, weights)
    history = pl.concat(
        [
            histories([(SEED, one)]).with_columns(pl.lit(stage).alias("stage"))
            for stage, one in (("coarse", coarse.result), ("fine", refined.result))
        ],
        how="diagonal",
    )
    assert coarse.base is not None
    return OwnResult(name, refined, coarse.base, light), rows, history


def _field_at(one: Fitted) -> FoundAt:
    """Return the networks as a function of surface points."""
    return lambda surface: one.field(surface.positions)


@torch.no_grad()
def judged(context: RowContext, scene: OwnScene, found: FoundAt, light: LightLevels) -> list[MetricRow]:
    """Return the metric rows of materials: of pictures, and that nothing is known of what photographs do not say.

    `psnr` and `mse` are of whole held-out pictures over black, what the shape misses included; `silhouette_iou` is the shape's.
    """
    train, heldout, taken = scene.given.train, scene.heldout, scene.photographs
    seen = shaded_error(train, found, train.target, light, flat=False)
    kept = shaded_error(heldout, found, heldout.target, light, flat=False)
    covered = heldout.surface.mask().cpu().numpy()
    missed = srgb_encode(taken.colour[(taken.alpha >= 0.5) & ~covered].astype(np.float64))
    error = (kept.sum() + np.square(missed).sum()) / (3 * covered.size)
    rows = [
        context.row("mse", float(error), n=len(heldout), better="lower"),
        context.row("psnr", psnr_of_mse(error), n=len(heldout), unit="dB", better="higher"),
        context.row("psnr_masked", psnr_of_mse(seen.mean()), n=len(train), unit="dB", better="higher"),
        context.row(
            "heldout_psnr_masked", psnr_of_mse(kept.mean()), n=len(heldout), unit="dB", better="higher"
        ),
        context.row("silhouette_iou", overlap(scene), n=len(heldout), better="higher"),
    ]
    return rows + [context.row(f"{name}/all", None, reason=NO_TRUTH, better="lower") for name in UNKNOWN]


def overlap(scene: OwnScene) -> float:
    """Return the intersection over union of the shape's outlines and the masks of held-out pictures."""
    taken = scene.photographs
    ours = trace(scene.mesh, taken.cameras, taken.alpha.shape[1]).mask().numpy()
    theirs = taken.alpha >= 0.5
    return float((ours & theirs).sum() / (ours | theirs).sum())
