"""A user's own edit from end to end: target picture, search by each representation, and what is kept of it.

The command `rerender edit` and the workflow's rule both end here. The folder gets `before_after.png` (with `.pdf` and the
pictures as `.parquet`), `maps/<representation>.exr` (full lat-long maps), `initial.png` to paint on, `metrics.json`, `video.mp4` and
`manifest.json`: all of them, or none.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rerender.catalogue.origins import ORIGINS, read_origin
from rerender.core.files import whole_folder
from rerender.core.latlong import full_map
from rerender.core.seeds import SeedStream
from rerender.fitting.progress import Progress
from rerender.papers.envmaps.bakes import Place, light_of
from rerender.papers.envmaps.edit_runs import EDIT_METRICS, edit_metrics, make_target
from rerender.papers.envmaps.edit_specs import Y_RATIOS, EditSpec
from rerender.papers.envmaps.edits import EditTarget, paintable
from rerender.papers.envmaps.experiment import perceptual, rendered
from rerender.papers.envmaps.figure_files import picture
from rerender.papers.envmaps.figure_galleries import Block, Tile, draw_blocks
from rerender.papers.envmaps.fit import FittedMap
from rerender.papers.envmaps.fits import load_fits
from rerender.papers.envmaps.inversion import Inversion, invert, read_snapshots
from rerender.papers.envmaps.runfiles import INITIAL
from rerender.papers.envmaps.scenes import floor_exposure
from rerender.papers.envmaps.settings import EDIT, VARIANTS, base
from rerender.papers.envmaps.specs import InversionSettings, RepresentationSpec
from rerender.papers.envmaps.videos import Backdrop, write_search
from rerender.provenance.host import Stopwatch
from rerender.provenance.manifest import Code, hash_files, run_id, write_manifest
from rerender.provenance.stack import stack_fingerprint
from rerender.rendering.bitmaps import read_image, write_exr
from rerender.rendering.light_model import Exposed, LightModel
from rerender.rendering.variants import start_variant
from rerender.reporting import captions, style
from rerender.reporting.grids import write_png
from rerender.reporting.rows import MetricRow, RowContext, write_rows
from rerender.runtime.device import choose_variant, torch_device

SEED = 1


@dataclass(frozen=True)
class EditRequest:
    """An edit, the prepared files that it needs, and how it is made.

    `sky` and `map` are the sky's name and its upper half; `fits` hold the networks of all representations that are some.
    Without `transport` Mitsuba renders in the loop.
    """

    name: str
    edit: EditSpec
    place: Place
    sky: str
    map: Path
    fits: tuple[Path, ...]
    transport: Path | None
    specs: tuple[RepresentationSpec, ...]
    settings: InversionSettings
    floor_level: float
    spp: int
    spp_grad: int | None
    weights: Mapping[str, Path]
    tier: str
    variant: str = "auto"
    threads: int = 1


@dataclass(frozen=True)
class Stage:
    """The light model, the initial map (H, W, 3) and its rendering (h, w, 3), linear."""

    light: LightModel
    device: torch.device
    initial: np.ndarray
    start: np.ndarray


@dataclass(frozen=True)
class Found:
    """What one representation found: its map, the rendering, and snapshots of the map by iteration."""

    map: np.ndarray
    rendering: np.ndarray
    snapshots: Mapping[int, np.ndarray]
    metrics: Mapping[str, float]


def make_edit(
    request: EditRequest,
    code: Code,
    stack: Mapping[str, str],
    *,
    folder: Path,
    state_root: Path,
    progress: Callable[[str], Progress] | None = None,
) -> dict[str, dict[str, float]]:
    """Make the edit, or carry it on, and write its files to `folder`; return the metrics, `initial` first.

    `progress` gets the name of a representation and returns who hears of its search. Raises `UserError` for an edit that
    changes nothing, and for a painted picture of another size.
    """
    watch = Stopwatch.start()
    backend = start_variant(choose_variant(request.variant), threads=request.threads)
    torch.set_num_threads(request.threads)
    stage = set_up(request)
    target = make_target(request.edit, request.place, stage.start)
    identity = run_id(parameters(request), code.fingerprint, hash_files(inputs(request)), stack)
    fits = {name: fitted for path in request.fits for name, fitted in load_fits(path).items()}
    measured = {INITIAL: edit_metrics(stage.initial, stage.initial, stage.start, target)}
    found: dict[str, Found] = {}
    for spec in request.specs:
        search = search_with(
            request, stage, spec, target, fits.get(base(spec.id)), identity, state_root, progress
        )
        rendering = rendered(stage.light, search.best, seeds(request).seed("evaluate"), stage.device)
        measured[spec.id] = edit_metrics(search.best, stage.initial, rendering, target)
        maps = read_snapshots(search.snapshots)
        found[spec.id] = Found(search.best, rendering, maps, measured[spec.id])
    context = row_context(request, backend, stage, identity, code, stack)
    with whole_folder(folder) as partial:
        write_rows(partial / "metrics.json", rows_of(context, measured))
        write_pictures(request, stage, target, found, measured, partial)
        made = sorted(path for path in partial.rglob("*") if path.is_file())
        write_manifest(
            partial / "manifest.json",
            stage="envmaps_edit",
            run_id=identity,
            parameters=parameters(request),
            inputs=inputs(request),
            outputs={path.relative_to(partial).as_posix(): path for path in made},
            code=code,
            stack=stack,
            seeds={"edit": list(seeds(request).keys)},
            backend=backend,
            cost=watch.stop(gpus=int(stage.device.type == "cuda")),
            assets=origin(request),
        )
    shutil.rmtree(state_root / identity, ignore_errors=True)
    return measured


def set_up(request: EditRequest) -> Stage:
    """Read the sky, make the light model, and render what is to be edited. Needs a Mitsuba variant."""
    device = torch.device(torch_device(choose_variant(request.variant)))
    initial = read_image(request.map)
    exposure = floor_exposure(initial, request.floor_level)
    model = light_of(request.place, request.transport, device, spp=request.spp, spp_grad=request.spp_grad)
    light = Exposed(model, exposure)
    return Stage(light, device, initial, rendered(light, initial, seeds(request).seed("evaluate"), device))


def write_paintable(request: EditRequest, out: Path | str) -> None:
    """Write the initial rendering as a PNG to paint on."""
    start_variant(choose_variant(request.variant), threads=request.threads)
    write_png(out, paintable(set_up(request).start))


def search_with(
    request: EditRequest,
    stage: Stage,
    spec: RepresentationSpec,
    target: EditTarget,
    fitted: FittedMap | None,
    identity: str,
    state_root: Path,
    progress: Callable[[str], Progress] | None,
) -> Inversion:
    """Search for the map by one representation, with checkpoints of its own."""
    return invert(
        spec,
        stage.initial,
        target.picture,
        stage.light,
        request.settings,
        state_root / identity / spec.id,
        run_id=f"{identity}-{spec.id}",
        seeds=seeds(request).child("invert"),
        fitted=fitted,
        perceptual=perceptual(spec, request.weights, stage.device),
        device=stage.device,
        progress=progress(spec.title) if progress else None,
    )


# ---------------------------------------------------------------- what is kept


def write_pictures(
    request: EditRequest,
    stage: Stage,
    target: EditTarget,
    found: Mapping[str, Found],
    measured: Mapping[str, Mapping[str, float]],
    folder: Path,
) -> None:
    """Write maps, the picture to paint on, the panel, and the video."""
    for name, one in found.items():
        write_exr(folder / "maps" / f"{name}.exr", full_map(one.map))
    write_png(folder / "initial.png", paintable(stage.start))
    titles = {spec.id: spec.title for spec in request.specs}
    tiles = [
        Tile("Initial", caption(measured[INITIAL]), picture(stage.initial), picture(stage.start)),
        Tile("Target", "edited picture", picture(stage.initial), picture(target.picture), no_map=True),
        *(
            Tile(titles[name], caption(one.metrics), picture(one.map), picture(one.rendering))
            for name, one in found.items()
        ),
    ]
    note = captions.sentences(
        "Upper halves of the maps above, renderings below; sRGB, clamped. PSNR of the rendering against the edited picture where "
        "the edit painted (in) and elsewhere (out).",
        captions.tier_sentence(request.tier),
    )
    title = f"{request.place.name}, {request.sky}: {request.edit.title}"
    with style.look():
        figure, data = draw_blocks([Block(title, tuple(tiles))], len(tiles), note)
        style.save_figure(figure, folder / "before_after", data)
    backdrop = Backdrop(stage.initial, stage.start, None, target.picture)
    snapshots = {titles[name]: one.snapshots for name, one in found.items()}
    write_search(folder / "video.mp4", title, backdrop, snapshots, stage.light)


def caption(metrics: Mapping[str, float]) -> str:
    """Return the errors inside and outside of the stroke in a few words."""
    named = (("in", "edit/psnr_inside"), ("out", "edit/psnr_outside"))
    return ", ".join(f"{what} {metrics[name]:.1f} dB" for what, name in named if name in metrics)


def summary(measured: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return a line a representation: what its edit is worth."""
    lines = []
    for name, metrics in measured.items():
        ratio = metrics["edit/y_ratio"]
        kept = "" if Y_RATIOS[0] <= ratio <= Y_RATIOS[1] else f", outside {Y_RATIOS[0]:g} to {Y_RATIOS[1]:g}"
        lines.append(
            f"{name}: {caption(metrics)}; light {ratio:.3f} of the initial sky's{kept}; "
            f"distance to its statistics {metrics['edit/map_histogram']:.3f}"
        )
    return lines


def rows_of(context: RowContext, measured: Mapping[str, Mapping[str, float]]) -> list[MetricRow]:
    """Return the metric rows of all representations, and of doing nothing."""
    return [
        replace(context, representation=name).row(
            metric,
            value,
            unit=EDIT_METRICS[metric][0],
            better=EDIT_METRICS[metric][1],  # type: ignore[arg-type]
        )
        for name, metrics in measured.items()
        for metric, value in metrics.items()
    ]


# ---------------------------------------------------------------- what decides the result


def seeds(request: EditRequest) -> SeedStream:
    """Return the random stream of the edit."""
    return SeedStream(("envmaps", EDIT + request.edit.id, request.place.name, request.sky, SEED))


def inputs(request: EditRequest) -> dict[str, Path]:
    """Return the files that decide the result."""
    found = {"map": request.map, "parts": request.place.parts, **request.weights}
    found |= {f"fits/{number}": path for number, path in enumerate(request.fits)}
    if request.transport is not None:
        found["transport"] = request.transport
    if request.edit.picture is not None:
        found["target"] = Path(request.edit.picture)
    return found


def parameters(request: EditRequest) -> dict[str, Any]:
    """Return the plain values that decide the result."""
    return {
        "edit": request.edit.model_dump(exclude={"title", "picture"}),
        "place": request.place.name,
        "sky": request.sky,
        "image_size": request.place.image_size,
        "map_shape": list(request.place.map_shape),
        "representations": {spec.id: spec.model_dump(exclude={"title"}) for spec in request.specs},
        "settings": request.settings.model_dump(),
        "floor_level": request.floor_level,
        "spp": request.spp,
        "spp_grad": request.spp_grad,
        "variant": request.variant,
    }


def origin(request: EditRequest) -> str:
    """Return the weakest origin of sky and scene."""
    return read_origin(request.map.with_suffix(".json"), request.place.parts.with_suffix(".json"))


def row_context(
    request: EditRequest,
    backend: str,
    stage: Stage,
    identity: str,
    code: Code,
    stack: Mapping[str, str],
) -> RowContext:
    """Return the columns that all rows of an edit share."""
    weakest = origin(request)
    assert weakest in ORIGINS
    return RowContext(
        paper="envmaps",
        experiment=EDIT + request.edit.id,
        scene=request.place.name,
        envmap=request.sky,
        method="mitsuba" if request.transport is None else "transport",
        representation=INITIAL,
        variant=VARIANTS[request.settings.mode],
        seed=SEED,
        tier=request.tier,
        backend=backend,
        device=stage.device.type,
        run_id=identity,
        code=code.fingerprint,
        stack=stack_fingerprint(stack),
        assets=weakest,  # type: ignore[arg-type]
    )
