"""One capture: a scene under a light, its target pictures, and the surface points where materials are judged.

Targets are shaded by the model that is fitted (`self`, the released code's protocol) or path traced (`mitsuba`). Views are
uniform random rotations; held-out ones are a turntable (fact sheet, section 2.2). Everything random depends on the object alone, so
that all methods, lights and roughnesses see the same. The released code draws a fresh view for every sample, so two of its runs see different
ones; here `draws` sets of views stand for that, and seeds take one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rerender.catalogue.material_specs import object_of
from rerender.catalogue.origins import read_origin
from rerender.core.cameras import Camera, random_cameras, turntable_cameras
from rerender.core.files import Tree, load_tree, save_tree, write_json
from rerender.core.meshes import Mesh, bounding_box, sample_faces
from rerender.core.seeds import derive_seed
from rerender.papers.materials.fields import Maps
from rerender.papers.materials.fit import shade_maps
from rerender.papers.materials.scenes import TexturedObject, load_object
from rerender.papers.materials.settings import CaptureSettings
from rerender.papers.materials.textures import SurfaceMaps, regions
from rerender.papers.materials.views import Given, Views, surface_from, surface_tree
from rerender.rendering.bitmaps import read_image
from rerender.rendering.deferred_shading import DeferredShader
from rerender.rendering.filtered_light import LightLevels
from rerender.rendering.gbuffers import GBuffer, on_surface, trace
from rerender.rendering.sightlines import count_views
from rerender.rendering.split_sum import world_normals
from rerender.rendering.variants import start_variant

BOX_MARGIN = 0.01
"""The box of the hash grids is the object's bounding box, larger by this share of its diagonal."""


@dataclass(frozen=True, eq=False)
class Capture(Given):
    """What fits read, and what judges them: held-out views, their targets under another light, points of judgement.

    `train` holds `draws` sets of training views, one after the other: `seen_by` leaves the one that a seed is fitted to.
    `samples` is a G-buffer of M surface points seen along their normals, `truth` their materials, `inside` which points
    belong to each region. `truth_heldout` are the true materials behind the held-out views.
    """

    heldout: Views
    relit: Tensor
    relight: LightLevels
    samples: GBuffer
    truth: SurfaceMaps
    inside: Mapping[str, np.ndarray]
    truth_heldout: Maps
    draws: int = 1

    def seen_by(self, seed: int) -> Capture:
        """Return the capture with the training views of a seed alone; seeds count from 1, and begin again after the last set."""
        if self.draws == 1:
            return self
        return replace(self, train=self.train.part((seed - 1) % self.draws, self.draws), draws=1)

    def save(self, path: Path) -> None:
        """Write all of it to one file."""
        save_tree(
            path,
            {
                "train": self.train.tree(),
                "heldout": self.heldout.tree(),
                "relit": self.relit.numpy(),
                "light": self.light.to_tree(),
                "relight": self.relight.to_tree(),
                "radiance": self.radiance,
                "samples": surface_tree(self.samples),
                "truth": self.truth.tree(),
                "inside": dict(self.inside),
                "box": self.box,
                "truth_heldout": {name: value.numpy() for name, value in self.truth_heldout.items()},
                "draws": self.draws,
            },
        )

    def to(self, device: torch.device | str) -> Capture:
        """Return the capture with its tensors on another device; what the judge compares stays in arrays."""
        return replace(
            self,
            train=self.train.to(device),
            heldout=self.heldout.to(device),
            relit=self.relit.to(device),
            light=self.light.to(device),
            relight=self.relight.to(device),
            samples=self.samples.to(device),
            truth_heldout={name: value.to(device) for name, value in self.truth_heldout.items()},
        )

    @classmethod
    def load(cls, path: Path) -> Capture:
        """Read what `save` wrote."""
        tree: Tree = load_tree(path)
        return cls(
            Views.from_tree(tree["train"]),
            LightLevels.from_tree(tree["light"]),
            tree["radiance"],
            tree["box"],
            Views.from_tree(tree["heldout"]),
            torch.from_numpy(tree["relit"]),
            LightLevels.from_tree(tree["relight"]),
            surface_from(tree["samples"]),
            SurfaceMaps(**tree["truth"]),
            tree["inside"],
            {name: torch.from_numpy(value) for name, value in tree["truth_heldout"].items()},
            tree["draws"],
        )


def cameras_of(scene: str, settings: CaptureSettings) -> tuple[tuple[Camera, ...], tuple[Camera, ...]]:
    """Return the training cameras of a scene, all sets of them, and the held-out ones."""
    rng = np.random.default_rng(derive_seed("materials", "views", object_of(scene)))
    return random_cameras(settings.views * settings.draws, rng), turntable_cameras(settings.heldout)


def captured(
    scene: str,
    thing: TexturedObject,
    radiance: np.ndarray,
    relight: np.ndarray,
    settings: CaptureSettings,
    reference_spp: int | None = None,
) -> Capture:
    """Trace all views and shade their targets. Needs a Mitsuba variant.

    With `reference_spp` the training targets are Mitsuba's, shadows included, by so many samples a pixel; held-out and relit ones
    are shaded by the model that is fitted in any case.
    """
    training, turntable = cameras_of(scene, settings)
    light = LightLevels.from_latlong(radiance, name="light")
    other = LightLevels.from_latlong(relight, name="relight")
    train, heldout = (
        trace(thing.mesh, cameras, settings.size, name=scene) for cameras in (training, turntable)
    )
    rng = np.random.default_rng(derive_seed("materials", "samples", object_of(scene)))
    samples = on_surface(thing.mesh, *sample_faces(thing.mesh, settings.samples, rng))
    truth = surface_maps(samples, thing.maps(samples.uv))
    seen = least_views(thing.mesh, training, samples, settings.draws)
    materials = thing.maps(train.uv)
    if reference_spp is None:
        shaded = shade_maps(train, materials, light, flat=True)
    else:
        seed = derive_seed("materials", "targets", scene)
        channels = (materials["albedo"], materials["roughness"], materials["metallic"])
        normals = world_normals(train, materials["normal"])
        path_tracer = DeferredShader(thing.mesh, radiance)
        shaded = path_tracer.shade(train, *channels, normals, seed=seed, spp=reference_spp)
    true = {name: value.contiguous() for name, value in thing.maps(heldout.uv).items()}
    return Capture(
        Views(train, shaded),
        light,
        radiance.astype(np.float32),
        grid_box(thing.mesh),
        Views(heldout, shade_maps(heldout, true, light, flat=True)),
        shade_maps(heldout, true, other, flat=True),
        other,
        samples,
        truth,
        regions(truth, seen),
        true,
        settings.draws,
    )


def least_views(mesh: Mesh, cameras: Sequence[Camera], samples: GBuffer, draws: int) -> np.ndarray:
    """Return how many cameras of a set see each of the samples, in the set of the `draws` that sees it least; shape (M,)."""
    places, normals = samples.positions.numpy().astype(float), samples.normals.numpy()
    each = len(cameras) // draws
    sets = (cameras[first : first + each] for first in range(0, len(cameras), each))
    return np.asarray(np.min([count_views(mesh, own, places, normals) for own in sets], axis=0))


def grid_box(mesh: Mesh) -> np.ndarray:
    """Return the corners (2, 3) of the box of an object's hash grids."""
    low, high = bounding_box(mesh)
    margin = BOX_MARGIN * np.linalg.norm(high - low)
    return np.stack([low - margin, high + margin])


def surface_maps(samples: GBuffer, maps: Maps, *, flat: bool = True) -> SurfaceMaps:
    """Return channels at surface points as arrays, with unit world-space normals; `flat` takes the surface's own."""
    normal = samples.normals if flat else world_normals(samples, maps["normal"])
    return SurfaceMaps(
        maps["albedo"].detach().cpu().numpy(),
        maps["roughness"].detach().cpu().numpy()[:, 0],
        maps["metallic"].detach().cpu().numpy()[:, 0],
        normal.detach().cpu().numpy(),
    )


def make_capture(
    reference: str,
    scene: str,
    files: Mapping[str, Path],
    settings: CaptureSettings,
    out: Path,
    sidecar: Path,
    *,
    variant: str,
    threads: int,
) -> None:
    """Make a capture from the files of a scene and its lights, and say beside it where they come from."""
    torch.set_num_threads(threads)
    start_variant(variant, threads=threads)
    thing = load_object(files["scene"])
    radiance, relight = (read_image(files[name]) for name in ("light", "relight"))
    path_traced = settings.reference_spp if reference == "mitsuba" else None
    captured(scene, thing, radiance, relight, settings, path_traced).save(out)
    write_json(sidecar, {"origin": read_origin(files["scene_origin"], files["light_origin"])})
