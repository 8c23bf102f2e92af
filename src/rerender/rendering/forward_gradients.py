"""What a rigid shift of a shape does to its picture, by forward-mode derivatives or differences.

Metamers fact sheet, section 6.4: every vertex moves along (1, 1, 1), and the derivative of the tone-mapped image with respect to that
shift, silhouettes included, is the picture [display values per scene unit]. How it is shown is the papers' matter.

`shift_gradients` is forward mode through Mitsuba's projective integrator, as published: on a CPU half a minute of compilation, then a
second a view at 64 pixels. `shift_differences` is a central difference at equal random numbers, for a hundredth of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from rerender.rendering.scenes import Scene, build_scene
from rerender.rendering.tonemap import reinhard_srgb

Floats = npt.NDArray[np.float32]

INTEGRATOR = {"type": "direct_projective", "sppi": 0, "guiding": "none"}
"""Outlines of shadows are left out: `sppi` is 0."""


def shift_gradients(
    scene: Scene, key: str, views: Sequence[int], seeds: Sequence[int], *, spp: int = 8
) -> Floats:
    """Return the derivatives (len(views), H, W, 3) of the display images for a shift of the positions `key` along (1, 1, 1)."""
    import drjit as dr
    import mitsuba as mi

    built = build_scene(replace(scene, integrator=INTEGRATOR, batched=False))
    parameters = mi.traverse(built)
    rest = type(parameters[key])(parameters[key])
    found = []
    for view, seed in zip(views, seeds, strict=True):
        shift = mi.Float(0.0)
        dr.enable_grad(shift)
        parameters[key] = rest + shift
        parameters.update()
        image = mi.render(built, parameters, sensor=view, spp=spp, seed=seed)
        dr.forward(shift)
        found.append(_display(np.asarray(image), np.asarray(dr.grad(image))))
    return np.stack(found)


def shift_differences(
    scene: Scene, key: str, views: Sequence[int], seeds: Sequence[int], *, spp: int = 64, step: float = 0.01
) -> Floats:
    """Return central differences of the display images for shifts by `step` [scene units]; shapes as `shift_gradients`."""
    import mitsuba as mi

    built = build_scene(replace(scene, integrator={"type": "direct"}, batched=False))
    parameters = mi.traverse(built)
    rest = type(parameters[key])(parameters[key])
    shown = []
    for shift in (step, -step):
        parameters[key] = rest + shift
        parameters.update()
        images = [
            mi.render(built, sensor=view, spp=spp, seed=seed) for view, seed in zip(views, seeds, strict=True)
        ]
        shown.append(reinhard_srgb(torch.from_numpy(np.stack([np.array(image) for image in images]))).numpy())
    difference: Floats = ((shown[0] - shown[1]) / (2 * step)).astype(np.float32)
    return difference


def _display(radiance: npt.NDArray[np.float32], tangent: npt.NDArray[np.float32]) -> Floats:
    """Carry a derivative of radiance through the tone curve."""
    values = torch.tensor(np.array(radiance, dtype=np.float32), requires_grad=True)
    # the curve acts on every number by itself, so the gradient of the sum is its slope
    (slope,) = torch.autograd.grad(reinhard_srgb(values).sum(), values)
    result: Floats = np.nan_to_num(slope.numpy() * np.asarray(tangent, dtype=np.float32))
    return result
