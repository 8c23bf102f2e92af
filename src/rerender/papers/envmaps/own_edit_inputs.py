"""Prepare what a user's own edit needs outside of the workflow: sky, scene, networks and light transport, kept in a cache.

Every file is named after what it was made from, so a second edit of the same scene under the same sky starts at once.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from rerender.catalogue.prepare import write_sidecar
from rerender.catalogue.resolve import AssetSettings, resolve
from rerender.core.errors import Blocked, UserError
from rerender.core.files import save_tree
from rerender.core.seeds import SeedStream
from rerender.fitting.progress import Progress
from rerender.papers.envmaps.bakes import Place, bake_place
from rerender.papers.envmaps.edits import read_painted
from rerender.papers.envmaps.fit import fit_map
from rerender.papers.envmaps.own_edit_specs import OwnEdit
from rerender.papers.envmaps.own_edits import SEED, EditRequest
from rerender.papers.envmaps.scene_specs import env_scene
from rerender.papers.envmaps.scenes import prepare_scene
from rerender.papers.envmaps.settings import EnvmapsSettings, base, perceptual_model, place_id
from rerender.papers.envmaps.skies import sky_upper
from rerender.papers.envmaps.specs import RepresentationSpec
from rerender.perception.weights import required_weights
from rerender.provenance.manifest import Code, hash_files, run_id
from rerender.rendering.bitmaps import read_image, write_exr
from rerender.rendering.transport import BakeProgress
from rerender.rendering.variants import start_variant
from rerender.runtime.device import torch_device

REPORT_SECONDS = 2.0


def prepare(
    own: OwnEdit,
    settings: EnvmapsSettings,
    assets: AssetSettings,
    cache: Path,
    *,
    tier: str,
    variant: str,
    threads: int,
    progress: Callable[[str], Progress],
) -> EditRequest:
    """Make what is missing in `cache`, and return the request; starts a Mitsuba variant.

    Raises `UserError` for names that do not exist, a sky that is no HDR map and a painted picture of another size, before
    anything is written.
    """
    edit = own.spec()
    device = torch_device(start_variant(variant, threads=threads))
    size = settings.render.image_size
    if edit.picture is not None:
        read_painted(Path(edit.picture), (size, size))
    weights = weight_files(own.representations, assets)
    specs = tuple(map(settings.representation, own.representations))
    prepared = sky_upper(own.sky, assets, settings.map_shape[0])
    sky = Path(own.sky).stem
    own_map = cache / "skies" / f"{_key(prepared.pixels.tobytes())}.exr"
    if not own_map.is_file():
        write_sidecar(own_map.with_suffix(".json"), prepared.provenance)
        write_exr(own_map, prepared.pixels)
    name = place_id(own.scene, own.roughness)
    code = Code.of("rerender.papers.envmaps.scenes").fingerprint
    parts = cache / "scenes" / f"{own.scene}-{code[:16]}.npz"
    if not parts.is_file():
        prepare_scene(env_scene(own.scene), assets, parts, parts.with_suffix(".json"))
    place = Place(name, parts, size, settings.map_shape)
    transport = None
    if settings.render.backend == "transport":
        transport = baked(place, settings.render.bake_samples, cache)
    networks = {
        base(spec.id): settings.representation(base(spec.id)) for spec in specs if spec.kind == "network"
    }
    fits = tuple(
        fitted(spec, own_map, settings.fit.max_refits, cache, device, progress) for spec in networks.values()
    )
    return EditRequest(
        name=f"{name}-{sky}-{edit.id}",
        edit=edit,
        place=place,
        sky=sky,
        map=own_map,
        fits=fits,
        transport=transport,
        specs=specs,
        settings=settings.own_edit_settings(edit),
        floor_level=settings.render.floor_level,
        spp=settings.render.spp,
        spp_grad=settings.render.spp_grad,
        weights=weights,
        tier=tier,
        variant=variant,
        threads=threads,
    )


def weight_files(representations: Iterable[str], assets: AssetSettings) -> dict[str, Path]:
    """Return the pretrained weights that some rows need. Raises `UserError` where one is missing."""
    models = dict.fromkeys(filter(None, map(perceptual_model, representations)))
    found = {}
    for need in (need for model in models for need in required_weights(model)):
        try:
            path = resolve(need.id, assets).path
        except Blocked as error:
            raise UserError(
                f"the DISTS term needs the weights {need.file}, which are not here", error.hint
            ) from error
        assert path is not None
        found[need.id] = path
    return found


def baked(place: Place, samples: int, cache: Path) -> Path:
    """Return the light transport of a place, baked now if it was not."""
    about = [place.name, place.image_size, list(place.map_shape), samples]
    code = Code.of("rerender.papers.envmaps.bakes").fingerprint
    path = cache / "transport" / f"{run_id(about, code, hash_files({'parts': place.parts}))}.npz"
    if not path.is_file():
        bake_place(place, samples, path, Throttled())
    return path


def fitted(
    spec: RepresentationSpec,
    sky: Path,
    max_refits: int,
    cache: Path,
    device: str,
    progress: Callable[[str], Progress],
) -> Path:
    """Return the network of a sky, fitted now if it was not."""
    code = Code.of("rerender.papers.envmaps.fit").fingerprint
    about = [spec.model_dump(exclude={"title"}), max_refits, SEED]
    identity = run_id(about, code, hash_files({"map": sky}))
    path = cache / "fits" / f"{identity}.npz"
    if not path.is_file():
        network, _ = fit_map(
            read_image(sky),
            spec,
            cache / "state" / identity,
            run_id=identity,
            seeds=SeedStream(("envmaps", sky.stem, SEED)).child("fit"),
            max_refits=max_refits,
            device=device,
            progress=progress(f"fit of {spec.title}"),
        )
        save_tree(path, {spec.id: network.state()})
    return path


class Throttled:
    """Says on stderr how far a bake is, every few seconds and at its end."""

    def __init__(self, seconds: float = REPORT_SECONDS) -> None:
        self.seconds, self.last = seconds, time.monotonic()

    def __call__(self, now: BakeProgress) -> None:
        """Take a progress report."""
        if now.done == now.total or time.monotonic() - self.last >= self.seconds:
            self.last = time.monotonic()
            print(now, file=sys.stderr)


def _key(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
