"""Recovered maps as a path tracer sees them, beside the true ones: with the shadows and the light between parts that fits know nothing of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rerender.core.cameras import turntable_cameras
from rerender.core.files import Tree
from rerender.core.images import srgb_encode
from rerender.core.meshes import Mesh
from rerender.core.seeds import derive_seed
from rerender.papers.materials.pictures import shown
from rerender.papers.materials.settings import PictureSettings
from rerender.perception.metrics.image import psnr_of_mse
from rerender.rendering.baked_shading import path_traced

TRUTH = "target"


@dataclass(frozen=True, eq=False)
class Coated:
    """A mesh with texture coordinates and its maps by channel, (H, W, channels), row 0 at v = 1."""

    mesh: Mesh
    maps: Mapping[str, np.ndarray]


def traced_pictures(
    truth: Coated, found: Mapping[str, Coated], lights: Mapping[str, np.ndarray], settings: PictureSettings
) -> dict[str, Tree]:
    """Return, by `target` and method, a display picture over white (S, S, 3) for every light, and a method's PSNR on the object.

    All from one camera of the turntable, that of `pictures.shown`, and with the same random numbers, so that PSNR compares materials rather than noise.
    """
    camera = turntable_cameras(settings.frames)[shown(settings.frames)[0]]

    def shots(thing: Coated) -> dict[str, np.ndarray]:
        return {
            light: path_traced(
                thing.mesh,
                thing.maps,
                radiance,
                camera,
                size=settings.size,
                spp=settings.spp,
                seed=derive_seed("materials", "traced", light),
            )
            for light, radiance in lights.items()
        }

    targets = shots(truth)
    told: dict[str, Tree] = {TRUTH: {"pictures": _displayed(targets)}}
    for name, thing in found.items():
        own = shots(thing)
        errors = {light: psnr(own[light], targets[light]) for light in lights}
        told[name] = {"pictures": _displayed(own), "psnr": errors}
    return told


def psnr(image: np.ndarray, target: np.ndarray) -> float:
    """Return the PSNR [dB] of display values on the pixels (S, S, 4) that both cover whole."""
    whole = (image[..., 3] > 0.999) & (target[..., 3] > 0.999)
    a, b = (_encoded(one[whole][..., :3]) for one in (image, target))
    return psnr_of_mse(float(np.square(a - b).mean()))


def _displayed(shots: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {light: _encoded(one[..., :3] + (1.0 - one[..., 3:])) for light, one in shots.items()}


def _encoded(radiance: np.ndarray) -> np.ndarray:
    return srgb_encode(np.clip(radiance, 0.0, 1.0))
