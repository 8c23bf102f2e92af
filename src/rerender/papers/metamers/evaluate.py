"""Judge a finished run on renders with seeds of their own: images, surfaces, parameters, and every available model.

Each render purpose (target, ceiling, start, best) has a seed stream of its own, so no comparison shares
noise. Similarities come with two references: that of the start, and that of the target with itself under
another seed (the noise ceiling); normalised = (s - start) / (ceiling - start).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rerender.catalogue.specs import EnvmapSpec, SceneSpec
from rerender.core.cameras import Camera
from rerender.core.files import Tree, load_tree, read_json, save_tree
from rerender.core.images import reinhard, srgb_encode
from rerender.core.meshes import Mesh
from rerender.core.seeds import SeedStream
from rerender.papers.metamers.runfiles import RunFiles
from rerender.papers.metamers.session import Session, open_session
from rerender.papers.metamers.settings import EvaluationSettings
from rerender.papers.metamers.strips import strip, strip_views
from rerender.papers.metamers.world import (
    OBJECT,
    SceneFiles,
    bsdf_plugin,
    build,
    primal_integrator,
    training_cameras,
    true_values,
    unseen_cameras,
)
from rerender.perception.metrics.geometry import geometry_metrics, silhouette_iou
from rerender.perception.metrics.image import image_metrics
from rerender.perception.metrics.texture import texture_psnr, texture_rmse
from rerender.perception.models.base import VisionModel, load_model
from rerender.perception.preprocessing import to_nchw
from rerender.provenance.manifest import read_manifest
from rerender.provenance.stack import stack_fingerprint
from rerender.rendering.differentiable import Renderer
from rerender.rendering.scenes import Scene
from rerender.rendering.visibility import first_hits, silhouettes, visible_texels
from rerender.reporting.rows import MetricRow, RowContext, write_rows

MIN_SPAN = 1e-6
"""Smallest gap between start and ceiling similarity that can be normalised by."""


@dataclass(frozen=True)
class EvaluateRequest:
    """Which run to judge, and how."""

    scene: SceneSpec
    envmap: EnvmapSpec
    files: SceneFiles
    run: RunFiles
    settings: EvaluationSettings
    weights: Mapping[str, Path]
    tier: str
    code: str
    variant: str = "auto"
    threads: int = 1


@dataclass
class Renders:
    """Display images (N, H, W, 3) of target, ceiling, start and best, over training and unseen views."""

    seen: dict[str, np.ndarray] = field(default_factory=dict)
    unseen: dict[str, np.ndarray] = field(default_factory=dict)
    strip_target: np.ndarray | None = None


def evaluate_run(request: EvaluateRequest) -> None:
    """Write `views.npz` and `metrics.json` of one run (see docs/files.md)."""
    session = open_session(
        request.scene, request.envmap, request.files, variant=request.variant, threads=request.threads
    )
    final = load_tree(request.run.final)
    renders = render_all(request, session, final)
    rows = {**image_rows(request, session, final, renders), **similarity_rows(request, session, renders)}
    if request.settings.family == "geometry":
        rows |= geometry_rows(request, session, final)
        extra: dict[str, Any] = {}
    else:
        found, extra = material_rows(request, session, final)
        rows |= found
    save_tree(request.run.views, pictures(renders) | extra)
    write_rows(request.run.metrics, finish(request, session, rows))


def described(
    request: EvaluateRequest,
    session: Session,
    cameras: Sequence[Camera],
    state: Tree | None,
    *,
    batched: bool,
) -> Scene:
    """Describe the target (`state` None) or a state of the run, with the primal integrator."""
    integrator = primal_integrator(request.scene, request.settings.max_depth)
    mesh = bsdf = None
    if state is not None and request.settings.family == "geometry":
        mesh = as_mesh(state)
    elif state is not None:
        bsdf = fitted_bsdf(request.scene, state)
    return build(
        session.world,
        cameras,
        request.settings.image_size,
        mesh=mesh,
        bsdf=bsdf,
        integrator=integrator,
        batched=batched,
    )


def fitted_bsdf(scene: SceneSpec, state: Tree) -> dict[str, Any]:
    """Describe the fitted BSDF: the start with every optimised parameter replaced."""
    assert scene.start_bsdf is not None
    plugin = bsdf_plugin(scene.start_bsdf, np.asarray(state["base_color"]) if "base_color" in state else None)
    scalars = {name: float(np.asarray(x).item()) for name, x in state.items() if np.asarray(x).size == 1}
    return plugin | scalars


def as_mesh(state: Tree) -> Mesh:
    """Return the mesh of a geometry state."""
    return Mesh(np.asarray(state["vertices"], dtype=np.float64), np.asarray(state["faces"]))


def render_all(request: EvaluateRequest, session: Session, final: Tree) -> Renders:
    """Render target, ceiling, start and best."""
    settings, result = request.settings, Renders()
    seen = training_cameras(session.world, settings.n_views)
    unseen = unseen_cameras(session.world, settings.heldout_views)
    states = {"target": None, "ceiling": None, "start": final["start"], "best": final["best"]}
    for purpose, state in states.items():
        stream = SeedStream((request.scene.id, request.envmap.id, "evaluate", purpose))
        if state is not None:
            stream = stream.child(request.run.model, request.run.seed)
        for cameras, store, batched in (
            (seen, result.seen, settings.batched_views),
            (unseen, result.unseen, False),
        ):
            if purpose == "ceiling" and store is result.unseen:
                continue  # similarities are taken on the training views alone
            renderer = Renderer(described(request, session, cameras, state, batched=batched))
            seeds = [stream.seed(len(cameras), view) for view in range(len(cameras))]
            radiance = renderer.render({}, views=range(len(cameras)), seeds=seeds, spp=settings.spp)
            store[purpose] = tonemapped(radiance)
            if purpose == "target" and store is result.seen:
                result.strip_target = strip(radiance[strip_views(len(cameras))])
    return result


def tonemapped(radiance: torch.Tensor) -> np.ndarray:
    """Return display images as float32 arrays."""
    return srgb_encode(reinhard(radiance.cpu().numpy())).astype(np.float32)


def image_rows(
    request: EvaluateRequest, session: Session, final: Tree, renders: Renders
) -> dict[str, tuple[float, int]]:
    """Return image metrics with the number of views. Shapes are judged on unseen views, materials on the four
    views with fresh seeds, since texels that no view saw have no right value."""
    geometry = request.settings.family == "geometry"
    images = renders.unseen if geometry else renders.seen
    cameras = (
        unseen_cameras(session.world, request.settings.heldout_views)
        if geometry
        else training_cameras(session.world, request.settings.n_views)
    )
    masks = silhouettes(described(request, session, cameras, None, batched=False), OBJECT)
    if geometry:
        masks = masks | silhouettes(
            described(request, session, cameras, final["best"], batched=False), OBJECT
        )
    judge = load_judges(request, session, ("lpips",)).get("lpips")
    found = image_metrics(list(images["best"]), list(images["target"]), list(masks), judge)
    return {name: (value, len(cameras)) for name, value in found.items()}


def load_judges(
    request: EvaluateRequest, session: Session, among: Sequence[str] | None = None
) -> dict[str, VisionModel]:
    """Load the judging models, or those `among` them."""
    names = [name for name in request.settings.judges if among is None or name in among]
    return {name: load_model(name, weights=dict(request.weights), device=session.device) for name in names}


def similarity_rows(
    request: EvaluateRequest, session: Session, renders: Renders
) -> dict[str, tuple[float | None, int]]:
    """Return raw, reference and normalised similarities under every available model, over the training views."""
    rows: dict[str, tuple[float | None, int]] = {}
    count = len(renders.seen["target"])
    for name, model in load_judges(request, session).items():
        with torch.no_grad():
            features = {
                purpose: model.features(to_nchw(torch.from_numpy(images).to(session.device)))
                for purpose, images in renders.seen.items()
            }
            scores = {
                purpose: float(model.similarity(features[purpose], features["target"]).mean())
                for purpose in ("best", "start", "ceiling")
            }
        span = scores["ceiling"] - scores["start"]
        rows[f"similarity/{name}"] = (scores["best"], count)
        rows[f"similarity_start/{name}"] = (scores["start"], count)
        rows[f"similarity_ceiling/{name}"] = (scores["ceiling"], count)
        normalised = (scores["best"] - scores["start"]) / span if abs(span) > MIN_SPAN else None
        rows[f"similarity_normalised/{name}"] = (normalised, count)
    return rows


def geometry_rows(
    request: EvaluateRequest, session: Session, final: Tree
) -> dict[str, tuple[float | None, int]]:
    """Return distances between surfaces, and the silhouettes' overlap on unseen views."""
    samples = request.settings.chamfer_samples or 20_000
    best, target = as_mesh(final["best"]), session.world.mesh
    found = geometry_metrics(best, target, samples, seed=request.run.seed)
    start = geometry_metrics(as_mesh(final["start"]), target, samples, seed=request.run.seed)
    cameras = unseen_cameras(session.world, request.settings.heldout_views)
    masks = [
        silhouettes(described(request, session, cameras, state, batched=False), OBJECT)
        for state in (final["best"], None)
    ]
    rows: dict[str, tuple[float | None, int]] = {name: (value, samples) for name, value in found.items()}
    for name in ("volume", "vertices", "faces"):
        rows[name] = (found[name], 1)
    rows["chamfer_start"] = (start["chamfer_l1"], samples)
    rows["chamfer_ratio"] = (start["chamfer_l1"] / found["chamfer_l1"], samples)
    rows["silhouette_iou"] = (silhouette_iou(*masks), len(cameras))
    return rows


def material_rows(
    request: EvaluateRequest, session: Session, final: Tree
) -> tuple[dict[str, tuple[float | None, int]], dict[str, Any]]:
    """Return parameter and texture errors where truth is known, and the textures for the figures."""
    best, start = final["best"], final["start"]
    rows: dict[str, tuple[float | None, int]] = {}
    size = np.asarray(best["base_color"]).shape[:2]
    truth = true_values(session.world, (size[0], size[1]))
    for name in (free.name for free in request.scene.optimised if free.name != "base_color"):
        rows[f"value/{name}"] = (float(np.asarray(best[name]).item()), 1)
        rows[f"start/{name}"] = (float(np.asarray(start[name]).item()), 1)
        if name in truth:
            rows[f"truth/{name}"] = (float(truth[name].item()), 1)
            rows[f"abs_error/{name}"] = (abs(rows[f"value/{name}"][0] - float(truth[name].item())), 1)  # type: ignore[operator]
    cameras = training_cameras(session.world, request.settings.n_views)
    _, hits = first_hits(described(request, session, cameras, None, batched=False), OBJECT, samples=4)
    seen = visible_texels(hits, *size)
    extra: dict[str, Any] = {
        "texture_best": encode_texture(best["base_color"]),
        "texture_visible": seen,
    }
    if "base_color" in truth:
        # the object's colour is a reflectance in [0, 1]; errors are those of the linear values
        fitted = np.asarray(best["base_color"])
        rows["texture_psnr"] = (texture_psnr(fitted, truth["base_color"], seen), int(seen.sum()))
        rows["texture_rmse"] = (texture_rmse(fitted, truth["base_color"], seen), int(seen.sum()))
        extra["texture_target"] = encode_texture(truth["base_color"])
    return rows, extra


def encode_texture(linear: Any) -> np.ndarray:
    """Return a linear texture as a display image."""
    return srgb_encode(np.clip(np.asarray(linear), 0.0, 1.0)).astype(np.float32)


def pictures(renders: Renders) -> dict[str, Any]:
    """Return what `views.npz` holds of the renders."""
    seen = {name: renders.seen[name].astype(np.float16) for name in ("target", "start", "best")}
    unseen = {f"heldout_{name}": renders.unseen[name].astype(np.float16) for name in seen}
    return {**seen, **unseen, "strip_target": renders.strip_target}


def finish(
    request: EvaluateRequest, session: Session, rows: Mapping[str, tuple[float | None, int]]
) -> list[MetricRow]:
    """Put every value and the run's own summary into rows."""
    manifest = read_manifest(request.run.folder / "manifest.json")
    context = RowContext(
        paper="metamers",
        experiment=request.settings.family,
        scene=request.scene.id,
        envmap=request.envmap.id,
        method=request.run.model,
        representation="large_steps" if request.settings.family == "geometry" else "principled",
        seed=request.run.seed,
        tier=request.tier,
        backend=session.backend,
        device=session.device.type,
        run_id=manifest["run_id"],
        code=request.code,
        stack=stack_fingerprint(manifest["stack"]),
        assets=session.origin,  # type: ignore[arg-type]
    )
    no_span = "start and ceiling are equally similar"
    result = [
        context.row(name, value, n=max(n, 1), reason=None if value is not None else no_span)
        for name, (value, n) in rows.items()
    ]
    return result + summary_rows(context, read_json(request.run.summary))


def summary_rows(context: RowContext, summary: Mapping[str, Any]) -> list[MetricRow]:
    """Return the rows that come from `fit.json`."""
    names = (
        "loss_first",
        "loss_best",
        "loss_last",
        "best_iteration",
        "iterations",
        "wall_s",
        "cpu_s",
        "peak_memory_mb",
    )
    rows = [
        context.row(name, summary[name], reason=None if summary[name] is not None else summary["stop_reason"])
        for name in names
    ]
    return [*rows, context.row("stop_reason", None, reason=summary["stop_reason"])]
