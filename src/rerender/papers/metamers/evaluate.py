"""Judge the finished runs of one scene and light on renders with seeds of their own: images, surfaces, parameters, and
every available model. One process judges them all: networks are loaded, and the target is rendered, once.

Each render purpose (target, ceiling, start, best) has a seed stream of its own, so no comparison shares
noise. Runs that begin at the same state share its renders. Similarities come with two references: that of the start, and that of the target with itself under
another seed (the noise ceiling); normalised = (s - start) / (ceiling - start).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rerender.catalogue.specs import EnvmapSpec, SceneSpec
from rerender.core.cameras import Camera
from rerender.core.files import Tree, atomic_path, load_tree, read_json, save_tree
from rerender.core.images import reinhard, srgb_encode, to_uint8
from rerender.core.meshes import Mesh
from rerender.core.seeds import SeedStream
from rerender.papers.metamers.judgements import (
    Judgement,
    class_values,
    judge_images,
    pixel_records,
    rdms,
    rsa_values,
    top_classes,
    view_records,
    way_of,
)
from rerender.papers.metamers.runfiles import RunFiles, run_key
from rerender.papers.metamers.session import Session, open_session
from rerender.papers.metamers.settings import EvaluationSettings
from rerender.papers.metamers.strips import strip, strip_views
from rerender.papers.metamers.world import (
    OBJECT,
    SceneFiles,
    build,
    fitted_bsdf,
    primal_integrator,
    round_cameras,
    target_bsdf,
    training_cameras,
    true_values,
    unseen_cameras,
)
from rerender.perception.metrics.geometry import geometry_metrics, silhouette_iou
from rerender.perception.metrics.image import image_metrics
from rerender.perception.metrics.texture import texture_psnr, texture_rmse
from rerender.perception.models.base import VisionModel, load_model
from rerender.provenance.manifest import read_manifest
from rerender.provenance.stack import stack_fingerprint
from rerender.rendering.bsdf_slices import bsdf_slices, slice_error, uniform
from rerender.rendering.compat import VERTEX_POSITIONS
from rerender.rendering.differentiable import Renderer
from rerender.rendering.forward_gradients import shift_differences, shift_gradients
from rerender.rendering.scenes import Scene
from rerender.rendering.visibility import first_hits, silhouettes, visible_texels
from rerender.reporting.rows import MetricRow, RowContext, write_table

MIN_SPAN = 1e-6
"""Smallest gap between start and ceiling similarity that can be normalised by."""
TURNTABLE_SPP = 16
"""Samples per pixel of turntables: they are looked at, and nothing is measured on them."""
SURFACE_SAMPLES = 20_000
"""Points on a surface, unless the settings say otherwise."""
FORWARD_VIEWS = 2
"""Views whose derivatives are shown."""
VIEW_COLUMNS = ("model", "seed", "state", "measure", "judge", "view", "value")


@dataclass(frozen=True)
class EvaluateRequest:
    """Which runs to judge, all of one scene and light, and how; without `pictures` there are numbers alone."""

    scene: SceneSpec
    envmap: EnvmapSpec
    files: SceneFiles
    runs: tuple[RunFiles, ...]
    settings: EvaluationSettings
    weights: Mapping[str, Path]
    tier: str
    code: str
    variant: str = "auto"
    threads: int = 1
    pictures: bool = True


@dataclass
class Renders:
    """Display images (N, H, W, 3) by purpose, over training and unseen views."""

    seen: dict[str, np.ndarray] = field(default_factory=dict)
    unseen: dict[str, np.ndarray] = field(default_factory=dict)
    strip_target: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Start:
    """A state that runs begin at: its renders and, of a shape, its Chamfer distance from the target."""

    renders: Renders
    chamfer: float | None


@dataclass(frozen=True, eq=False)
class Court:
    """What all runs of a scene and light are judged with: networks, the target rendered twice (see above), and starts."""

    request: EvaluateRequest
    session: Session
    judges: Mapping[str, VisionModel]
    target: Renders
    ceilings: dict[str, float] = field(default_factory=dict)
    starts: dict[bytes, Start] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluationFiles:
    """What judging the runs of a scene and light writes (see docs/files.md)."""

    metrics: Path
    views: Path
    by_view: Path
    turntables: Path

    @classmethod
    def at(cls, folder: Path) -> EvaluationFiles:
        """Return the files in the evaluation's folder."""
        names = ("metrics.parquet", "views.npz", "by_view.parquet", "turntables.npz")
        return cls(*(folder / name for name in names))


@dataclass(frozen=True)
class Judged:
    """What was found of one run: metric rows, pictures of the run and of the truth, and values view by view."""

    rows: list[MetricRow]
    seen: Tree
    truth: Tree
    by_view: list[dict[str, Any]]


def evaluate_runs(
    request: EvaluateRequest, files: EvaluationFiles, report: Callable[[str], None] = print
) -> None:
    """Judge the runs and write their metric rows, and the pictures of each model's first seed (see docs/files.md).

    Without pictures the rows, and the values view by view, are all that is written.
    """
    session = open_session(
        request.scene, request.envmap, request.files, variant=request.variant, threads=request.threads
    )
    judges = {
        name: load_model(name, weights=dict(request.weights), device=session.device)
        for name in request.settings.judges
    }
    court = Court(request, session, judges, Renders())
    render(court, court.target, "target", None)
    render(court, court.target, "ceiling", None)
    rows: list[MetricRow] = []
    album = Album.of_target(court) if request.pictures else None
    by_view = ceiling_records(court)
    for number, run in enumerate(sorted(request.runs, key=lambda run: run.seed), 1):
        found = judge(court, run)
        rows += found.rows
        by_view += found.by_view
        if album is not None:
            album.add(court, run, found)
        report(f"judged {run.model}, seed {run.seed}: {number} of {len(request.runs)}")
    if album is not None:
        save_tree(files.views, album.shared | album.shown)
        save_tree(files.turntables, album.turns)
    write_by_view(files.by_view, by_view)
    write_table(files.metrics, rows)


@dataclass(frozen=True)
class Album:
    """Pictures of a scene and light, and of the first seed of every model; turntables of the same."""

    shared: Tree
    turns: dict[str, Tree]
    shown: dict[str, Tree] = field(default_factory=dict)

    @classmethod
    def of_target(cls, court: Court) -> Album:
        """Return the album with the target's pictures."""
        request = court.request
        shared = pictures(court.target, ("target",)) | {"strip_target": court.target.strip_target}
        if request.settings.family == "material":
            shared["slices_target"] = target_slices(court)
        else:
            shared["forward_target"] = forward_gradients(court, None)
            shared["imagenet_class"] = request.scene.imagenet_class
        return cls(shared, {"target": {"frames": turntable(court, None)}})

    def add(self, court: Court, run: RunFiles, found: Judged) -> None:
        """Add what was found of a run, unless its model is there already."""
        self.shared.update(found.truth)
        key = run_key(run.model)
        if key in self.shown:
            return
        best = load_tree(run.final, "best")["best"]
        self.shown[key] = {"seed": run.seed, **found.seen}
        if court.request.settings.family == "geometry":
            self.shown[key]["forward_best"] = forward_gradients(court, best)
        self.turns[key] = {"seed": run.seed, "frames": turntable(court, best)}


def ceiling_records(court: Court) -> list[dict[str, Any]]:
    """Judge the target against itself under another seed, once for all runs; keep the mean of each judge in the court."""
    images = {name: court.target.seen[name] for name in ("target", "ceiling")}
    records = pixel_records("", None, images, ("ceiling",))
    for name, model in court.judges.items():
        similarities = judge_images(model, images, court.session.device).similarities
        court.ceilings[name] = float(similarities["ceiling"].mean())
        records += view_records("", None, name, similarities, ("ceiling",))
    return records


def write_by_view(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write the values view by view, one row a model, seed, state, measure, judge and view."""
    import polars as pl

    with atomic_path(path) as partial:
        pl.DataFrame(list(records), schema_overrides={"seed": pl.Int64}, infer_schema_length=None).select(
            VIEW_COLUMNS
        ).write_parquet(partial)


def judge(court: Court, run: RunFiles) -> Judged:
    """Render a run's start and result with fresh seeds, and judge them."""
    final = load_tree(run.final)
    start = start_of(court, final["start"])
    renders = Renders(dict(start.renders.seen), dict(start.renders.unseen))
    render(court, renders, "best", run, final["best"])
    images = {"target": court.target.seen["target"], **renders.seen}
    rows: dict[str, tuple[float | None, int]] = dict(image_rows(court, final, renders))
    seen = pictures(renders, ("start", "best"))
    by_view = pixel_records(run.model, run.seed, images, ("start", "best"))
    opinions: dict[str, Judgement] = {}
    for name, model in court.judges.items():
        found = opinions[name] = judge_images(model, images, court.session.device)
        rows |= similarity_rows(name, found, court.ceilings[name])
        rows |= rsa_values(name, found)
        rows |= class_values(name, found, court.request.scene.imagenet_class)
        by_view += view_records(run.model, run.seed, name, found.similarities, ("start", "best"))
        views = court.target.strip_target if court.request.pictures else None
        if name == run.model and found.scales is not None and views is not None:
            shares, way = way_of(
                model,
                load_tree(run.frames, "frames", "iterations"),
                views,
                found.scales,
                court.session.device,
            )
            rows |= shares
            seen |= rdms(found) | way
    seen |= top_classes(opinions)
    truth: Tree = {}
    if court.request.settings.family == "geometry":
        rows |= geometry_rows(court, run, final, start)
    else:
        values, textures, truth = material_rows(court, final)
        rows |= values
        seen |= textures
    return Judged(finish(court, run, rows), seen, truth, by_view)


def start_of(court: Court, state: Tree) -> Start:
    """Render a state that runs begin at, once for all that do."""
    key = b"".join(np.ascontiguousarray(state[name]).tobytes() for name in sorted(state))
    if key not in court.starts:
        renders, chamfer = Renders(), None
        render(court, renders, "start", None, state)
        if court.request.settings.family == "geometry":
            samples = court.request.settings.chamfer_samples or SURFACE_SAMPLES
            world = court.session.world
            chamfer = geometry_metrics(as_mesh(state), world.mesh, samples, seed=0)["chamfer_l1"]
        court.starts[key] = Start(renders, chamfer)
    return court.starts[key]


def described(court: Court, cameras: Sequence[Camera], state: Tree | None, *, batched: bool) -> Scene:
    """Describe the target (`state` None) or a state of a run, with the primal integrator."""
    request = court.request
    integrator = primal_integrator(request.scene, request.settings.max_depth)
    mesh = bsdf = None
    if state is not None and request.settings.family == "geometry":
        mesh = as_mesh(state)
    elif state is not None:
        bsdf = fitted_bsdf(request.scene, state)
    return build(
        court.session.world,
        cameras,
        request.settings.image_size,
        mesh=mesh,
        bsdf=bsdf,
        integrator=integrator,
        batched=batched,
    )


def as_mesh(state: Tree) -> Mesh:
    """Return the mesh of a geometry state."""
    return Mesh(np.asarray(state["vertices"], dtype=np.float64), np.asarray(state["faces"]))


def render(
    court: Court, into: Renders, purpose: str, run: RunFiles | None, state: Tree | None = None
) -> None:
    """Render the target (no `state`), or a state, for one purpose with a seed stream of its own, and of the run's if it is one's."""
    request, world = court.request, court.session.world
    stream = SeedStream((request.scene.id, request.envmap.id, "evaluate", purpose))
    if run is not None:
        stream = stream.child(run.model, run.seed)
    sets = [(training_cameras(world, request.settings.n_views), into.seen, request.settings.batched_views)]
    if purpose != "ceiling":  # similarities are taken on the training views alone
        sets.append((unseen_cameras(world, request.settings.heldout_views), into.unseen, False))
    for cameras, store, batched in sets:
        renderer = Renderer(described(court, cameras, state, batched=batched))
        seeds = [stream.seed(len(cameras), view) for view in range(len(cameras))]
        radiance = renderer.render({}, views=range(len(cameras)), seeds=seeds, spp=request.settings.spp)
        store[purpose] = tonemapped(radiance)
        if purpose == "target" and store is into.seen:
            into.strip_target = strip(radiance[strip_views(len(cameras))])


def tonemapped(radiance: torch.Tensor) -> np.ndarray:
    """Return display images as float32 arrays."""
    return srgb_encode(reinhard(radiance.cpu().numpy())).astype(np.float32)


def image_rows(court: Court, final: Tree, renders: Renders) -> dict[str, tuple[float, int]]:
    """Return image metrics with the number of views. Shapes are judged on unseen views, materials on the four
    views with fresh seeds, since texels that no view saw have no right value."""
    settings, world = court.request.settings, court.session.world
    geometry = settings.family == "geometry"
    if geometry:
        target, best = court.target.unseen["target"], renders.unseen["best"]
        cameras = unseen_cameras(world, settings.heldout_views)
    else:
        target, best = court.target.seen["target"], renders.seen["best"]
        cameras = training_cameras(world, settings.n_views)
    masks = silhouettes(described(court, cameras, None, batched=False), OBJECT)
    if geometry:
        masks = masks | silhouettes(described(court, cameras, final["best"], batched=False), OBJECT)
    found = image_metrics(list(best), list(target), list(masks), court.judges.get("lpips"))
    return {name: (value, len(cameras)) for name, value in found.items()}


def similarity_rows(name: str, judgement: Judgement, ceiling: float) -> dict[str, tuple[float | None, int]]:
    """Return raw, reference and normalised similarity under the model `name`, means over the training views."""
    best, start = (judgement.similarities[purpose] for purpose in ("best", "start"))
    count, span = len(best), ceiling - float(start.mean())
    normalised = (float(best.mean()) - float(start.mean())) / span if abs(span) > MIN_SPAN else None
    return {
        f"similarity/{name}": (float(best.mean()), count),
        f"similarity_start/{name}": (float(start.mean()), count),
        f"similarity_ceiling/{name}": (ceiling, count),
        f"similarity_normalised/{name}": (normalised, count),
    }


def forward_gradients(court: Court, state: Tree | None) -> np.ndarray:
    """Return what a rigid shift of the target, or of a state, does to its first views, (K, H, W, 3) (section 6.4)."""
    views = strip_views(court.request.settings.n_views)[:FORWARD_VIEWS]
    scene = described(
        court, training_cameras(court.session.world, court.request.settings.n_views), state, batched=False
    )
    stream = SeedStream((court.request.scene.id, court.request.envmap.id, "forward"))
    seeds = [stream.seed(view) for view in views]
    # forward mode needs Mitsuba's projective integrator, which batched tiers avoid: it takes half a minute to compile on a CPU
    derivative = shift_differences if court.request.settings.batched_views else shift_gradients
    return derivative(scene, f"{OBJECT}.{VERTEX_POSITIONS}", views, seeds).astype(np.float16)


def turntable(court: Court, state: Tree | None) -> np.ndarray:
    """Render the target, or a state of a run, from a circle of cameras: display images uint8 (T, H, W, 3)."""
    cameras = round_cameras(court.session.world)
    renderer = Renderer(described(court, cameras, state, batched=False))
    stream = SeedStream((court.request.scene.id, court.request.envmap.id, "turntable"))
    views = range(len(cameras))
    radiance = renderer.render(
        {}, views=views, seeds=[stream.seed(view) for view in views], spp=TURNTABLE_SPP
    )
    return to_uint8(tonemapped(radiance))


def geometry_rows(
    court: Court, run: RunFiles, final: Tree, begun: Start
) -> dict[str, tuple[float | None, int]]:
    """Return distances between surfaces, and the silhouettes' overlap on unseen views."""
    settings, world = court.request.settings, court.session.world
    samples = settings.chamfer_samples or SURFACE_SAMPLES
    best, target = as_mesh(final["best"]), world.mesh
    found = geometry_metrics(best, target, samples, seed=run.seed)
    assert begun.chamfer is not None
    cameras = unseen_cameras(world, settings.heldout_views)
    masks = [
        silhouettes(described(court, cameras, state, batched=False), OBJECT)
        for state in (final["best"], None)
    ]
    rows: dict[str, tuple[float | None, int]] = {name: (value, samples) for name, value in found.items()}
    for name in ("volume", "vertices", "faces"):
        rows[name] = (found[name], 1)
    rows["chamfer_start"] = (begun.chamfer, samples)
    rows["chamfer_ratio"] = (begun.chamfer / found["chamfer_l1"], samples)
    rows["silhouette_iou"] = (silhouette_iou(*masks), len(cameras))
    return rows


def material_rows(
    court: Court, final: Tree
) -> tuple[dict[str, tuple[float | None, int]], dict[str, Any], dict[str, Any]]:
    """Return parameter and texture errors where truth is known, and the fitted and the true textures for the figures."""
    request, session = court.request, court.session
    best, start = final["best"], final["start"]
    rows: dict[str, tuple[float | None, int]] = {}
    size = np.asarray(best["base_color"]).shape[:2]
    truth = true_values(session.world, (size[0], size[1]))
    for name in (free.name for free in request.scene.optimised if not free.textured):
        rows[f"value/{name}"] = (float(np.asarray(best[name]).item()), 1)
        rows[f"start/{name}"] = (float(np.asarray(start[name]).item()), 1)
        if name in truth:
            rows[f"truth/{name}"] = (float(truth[name].item()), 1)
            rows[f"abs_error/{name}"] = (abs(rows[f"value/{name}"][0] - float(truth[name].item())), 1)  # type: ignore[operator]
    cameras = training_cameras(session.world, request.settings.n_views)
    _, hits = first_hits(described(court, cameras, None, batched=False), OBJECT, samples=4)
    seen = visible_texels(hits, *size)
    true: dict[str, Any] = {"texture_visible": seen}
    if "base_color" in truth:
        # the object's colour is a reflectance in [0, 1]; errors are those of the linear values
        fitted = np.asarray(best["base_color"])
        rows["texture_psnr"] = (texture_psnr(fitted, truth["base_color"], seen), int(seen.sum()))
        rows["texture_rmse"] = (texture_rmse(fitted, truth["base_color"], seen), int(seen.sum()))
        true["texture_target"] = encode_texture(truth["base_color"])
    # the BSDF itself, each texture at its mean over what was seen
    fitted_slices = bsdf_slices(uniform(fitted_bsdf(request.scene, best), seen))
    rows["bsdf_slice_error"] = (slice_error(fitted_slices, target_slices(court)), fitted_slices[0].size)
    return rows, {"texture_best": encode_texture(best["base_color"]), "slices_best": fitted_slices}, true


def target_slices(court: Court) -> np.ndarray:
    """Return the slices of the target's BSDF, each texture at its mean."""
    return bsdf_slices(uniform(target_bsdf(court.session.world)))


def encode_texture(linear: Any) -> np.ndarray:
    """Return a linear texture as a display image."""
    return srgb_encode(np.clip(np.asarray(linear), 0.0, 1.0)).astype(np.float32)


def pictures(renders: Renders, purposes: Sequence[str]) -> dict[str, Any]:
    """Return what `views.npz` holds of renders."""
    seen = {name: renders.seen[name].astype(np.float16) for name in purposes}
    return seen | {f"heldout_{name}": renders.unseen[name].astype(np.float16) for name in purposes}


def finish(court: Court, run: RunFiles, rows: Mapping[str, tuple[float | None, int]]) -> list[MetricRow]:
    """Put every value and the run's own summary into rows."""
    request, session = court.request, court.session
    manifest = read_manifest(run.folder / "manifest.json")
    context = RowContext(
        paper="metamers",
        experiment=request.settings.family,
        scene=request.scene.id,
        envmap=request.envmap.id,
        method=run.model,
        representation="large_steps" if request.settings.family == "geometry" else "principled",
        seed=run.seed,
        tier=request.tier,
        backend=session.backend,
        device=session.device.type,
        run_id=manifest["run_id"],
        code=request.code,
        stack=stack_fingerprint(manifest["stack"]),
        assets=session.origin,  # type: ignore[arg-type]
    )
    result = [
        context.row(name, value, n=max(n, 1), reason=None if value is not None else no_value(name))
        for name, (value, n) in rows.items()
    ]
    return result + summary_rows(context, read_json(run.summary))


def no_value(metric: str) -> str:
    """Say why a metric that was asked for has no value."""
    if metric.startswith("rsa_"):
        return "fewer than three views, or all pairs equally dissimilar"
    return "start and ceiling are equally similar"


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
