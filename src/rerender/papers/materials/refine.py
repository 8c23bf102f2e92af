"""The fine stage of one job: networks baked to textures on an atlas, the textures refined, judged and exported (section 2.1)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rerender.catalogue.origins import read_origin
from rerender.core.files import Tree, atomic_path, load_tree, save_tree
from rerender.core.meshes import Mesh
from rerender.fitting.problem import FitResult
from rerender.papers.materials.capture import Capture, surface_maps
from rerender.papers.materials.experiment import (
    FitRequest,
    cost_rows,
    histories,
    parameters,
    row_context,
    run_stage,
    taken,
)
from rerender.papers.materials.fields import Maps, MaterialField
from rerender.papers.materials.fit import MaterialFit
from rerender.papers.materials.judge import image_errors, surface_errors
from rerender.papers.materials.methods import Method, method_for
from rerender.papers.materials.pictures import pictures, target_pictures
from rerender.papers.materials.scenes import load_object
from rerender.papers.materials.sources import TextureSource
from rerender.papers.materials.views import Given, Views
from rerender.provenance.host import Stopwatch
from rerender.provenance.manifest import Code, hash_files, run_id, write_manifest
from rerender.rendering.filtered_light import LightLevels
from rerender.rendering.gbuffers import GBuffer, on_surface
from rerender.rendering.texture_atlas import baked, texels, unwrapped
from rerender.rendering.variants import start_variant
from rerender.reporting.gltf import PbrMaps, write_glb
from rerender.reporting.jobfiles import JobFiles
from rerender.reporting.rows import MetricRow, RowContext, write_rows
from rerender.runtime.memory import keep_freed_memory


@dataclass(frozen=True)
class RefineRequest:
    """A finished job of fits, its files, and the rows and columns of the textures. `fit.stage` is the fine one."""

    fit: FitRequest
    scene: Path
    final: Path
    resolution: int
    variant: str = "auto"


@dataclass(frozen=True, eq=False)
class Refined:
    """One finished refinement: the textures of a seed."""

    seed: int
    source: TextureSource
    result: FitResult
    cpu_s: float

    def maps(self) -> PbrMaps:
        """Return the textures as arrays."""
        found = {name: value.detach().cpu().numpy() for name, value in self.source.textures.items()}
        return PbrMaps(
            found["albedo"], found["roughness"][..., 0], found["metallic"][..., 0], found["normal"]
        )


def run_refinement(
    request: RefineRequest, code: Code, stack: Mapping[str, str], *, folder: Path, state_root: Path
) -> None:
    """Run, or carry on, the fine stage of all seeds and write its files to `folder` (see docs/files.md)."""
    watch = Stopwatch.start()
    fit = request.fit
    torch.set_num_threads(fit.threads)
    keep_freed_memory()
    backend = start_variant(request.variant, threads=fit.threads)
    inputs = {"capture": fit.capture, "scene": request.scene, "final": request.final}
    described = {**parameters(fit), "resolution": request.resolution}
    identity = run_id(described, code.fingerprint, hash_files(inputs), stack)
    capture, method = taken(fit), method_for(fit.method, fit.scene)
    mesh = load_object(request.scene).mesh
    atlas = unwrapped(mesh, request.resolution, name=fit.scene)
    capture = on_atlas(capture, atlas).to(fit.device)
    state = state_root / identity
    coarse: Tree = load_tree(request.final)
    refined = [
        refine_one(request, capture.seen_by(int(seed)), method, (mesh, atlas), int(seed), tree, state)
        for seed, tree in coarse["seeds"].items()
    ]
    context = row_context(fit, "texture", identity, code, stack)
    lights = {seed: found_light(capture, tree) for seed, tree in coarse["seeds"].items()}
    files, glb = JobFiles(folder), folder / "object.glb"
    found = {str(one.seed): final_tree(one, capture, method, lights[str(one.seed)]) for one in refined}
    save_tree(files.final, {"seeds": found, "target": target_pictures(capture), "light": capture.radiance})
    with atomic_path(files.trace) as partial:
        histories((one.seed, one.result) for one in refined).write_parquet(partial)
    rows = [
        row
        for one in refined
        for row in refined_rows(context, one, capture.seen_by(one.seed), method, lights[str(one.seed)])
    ]
    write_rows(files.metrics, rows)
    write_glb(glb, atlas, refined[0].maps(), name=fit.scene)
    write_manifest(
        files.manifest,
        stage="materials_refine",
        run_id=identity,
        parameters=described,
        inputs=inputs,
        outputs={path.name: path for path in (files.final, files.trace, files.metrics, glb)},
        code=code,
        stack=stack,
        seeds={"fits": [list(fit.seeds(one.seed).keys) for one in refined]},
        backend=backend,
        cost=watch.stop(gpus=int(fit.device == "cuda")),
        assets=read_origin(fit.capture.with_suffix(".json")),
    )
    shutil.rmtree(state, ignore_errors=True)


def on_atlas(capture: Capture, atlas: Mesh) -> Capture:
    """Return the capture with the texture coordinates and tangents of an atlas, which has the same faces in the same order."""
    return replace(
        capture,
        train=views_on(atlas, capture.train),
        heldout=views_on(atlas, capture.heldout),
        samples=moved_to(atlas, capture.samples),
    )


def views_on(atlas: Mesh, views: Views) -> Views:
    """Return views with the texture coordinates and tangents of an atlas."""
    return Views(moved_to(atlas, views.surface), views.target)


def moved_to(atlas: Mesh, surface: GBuffer) -> GBuffer:
    """Return the same points of a surface with an atlas's texture coordinates and tangents."""
    return on_surface(
        atlas,
        surface.faces.numpy(),
        surface.barycentric.numpy().astype(np.float64),
        toward=surface.toward.numpy(),
        shape=surface.shape,
        starts=surface.starts,
        pixels=surface.pixels.numpy(),
    )


def refine_one(
    request: RefineRequest,
    capture: Given,
    method: Method,
    meshes: tuple[Mesh, Mesh],
    seed: int,
    coarse: Tree,
    state: Path,
) -> Refined:
    """Bake the networks of a seed and refine the textures."""
    fit, seeds = request.fit, request.fit.seeds(seed).child("fine")
    field = MaterialField(method.branches, fit.grid, (capture.box[0], capture.box[1]), 0)
    field.load(coarse["weights"])
    source = TextureSource(bake(field, meshes, request.resolution), method, fit.device)
    problem = MaterialFit(
        source,
        capture.train,
        found_light(capture, coarse),
        method,
        "fine",
        fit.stage,
        fit.regularisers,
        seeds,
    )
    result, cpu_s = run_stage(problem, fit.stage, state / f"s{seed}", f"{state.name}-s{seed}", seeds)
    return Refined(seed, source, result, cpu_s)


def found_light(capture: Given, coarse: Tree) -> LightLevels:
    """Return the light that the coarse stage ended with; it is not refined."""
    if "light" not in coarse:
        return capture.light
    found = LightLevels.from_latlong(np.maximum(coarse["light"], 0.0), name="the recovered light")
    return found.to(capture.train.target.device)


@torch.no_grad()
def bake(field: MaterialField, meshes: tuple[Mesh, Mesh], resolution: int) -> Maps:
    """Return a field as textures (H, W, channels) on an atlas. `meshes`: the one it was fitted on, and the atlas.

    Normals change from the tangent frames of the one to those of the other.
    """
    mesh, atlas = meshes
    target = texels(atlas, resolution)
    start = on_surface(mesh, target.faces.numpy(), target.barycentric.numpy().astype(np.float64))
    values = field(target.positions)
    values["normal"] = _to_frame(target, _from_frame(start, values["normal"]))
    return {
        name: torch.from_numpy(np.ascontiguousarray(baked(target, value))) for name, value in values.items()
    }


def _from_frame(surface: GBuffer, normal: Tensor) -> Tensor:
    """Return tangent-space normals (N, 3) in the world, unit."""
    x, y, z = torch.split(normal, 1, dim=-1)
    across = torch.linalg.cross(surface.tangents, surface.normals)
    mixed = surface.tangents * x - across * y + surface.normals * z.clamp_min(0.0)
    return torch.nn.functional.normalize(mixed, dim=-1)


def _to_frame(surface: GBuffer, normal: Tensor) -> Tensor:
    """Undo `_from_frame` with the tangent frames of another surface."""
    across = torch.linalg.cross(surface.tangents, surface.normals)
    parts = (surface.tangents * normal, -across * normal, surface.normals * normal)
    return torch.stack([part.sum(dim=-1) for part in parts], dim=-1)


def refined_rows(
    context: RowContext, one: Refined, capture: Capture, method: Method, light: LightLevels
) -> list[MetricRow]:
    """Return the metric rows of one refinement."""
    own, flat = replace(context, seed=one.seed), method.normals == "truth"
    with torch.no_grad():
        found = surface_maps(capture.samples, one.source.at(capture.samples), flat=flat)
        rows = surface_errors(own, found, capture)
        rows += image_errors(own, one.source.at, capture, light, flat=flat)
    count = sum(value.numel() for value in one.source.textures.values())
    return [*rows, *cost_rows(own, one.result, one.cpu_s, count)]


def final_tree(one: Refined, capture: Capture, method: Method, light: LightLevels) -> Tree:
    """Return the textures of a seed, what they say at the points of judgement, and pictures."""
    flat = method.normals == "truth"
    with torch.no_grad():
        found = surface_maps(capture.samples, one.source.at(capture.samples), flat=flat)
    maps = {name: value.detach().cpu().numpy() for name, value in one.source.textures.items()}
    shown = pictures(one.source.at, capture, light, flat=flat)
    return {"textures": maps, "samples": found.tree(), "pictures": shown}
