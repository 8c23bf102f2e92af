"""DIB-R: RGBA frames of triangle meshes with colours at the vertices, differentiable in both (Chen et al. 2019, as ∇Sim uses it).

A pixel whose centre is on the object shows its nearest face that is turned to the camera, with alpha 1: the corners' colours,
mixed by barycentric coordinates in the image plane (DIB-R, Eq. 2). Around the object alpha = 1 − Π(1 − exp(−k d²)) over faces
at distance d in the image plane of extent [−1, 1] (Eq. 6, 7), black. So colours move with faces, and outlines with alpha.
There is no light. Row 0 of an image is its top; x runs as in `soft_rasteriser`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from rerender.core.cameras import Camera
from rerender.rendering.dibr_kernels import dibr_kernels
from rerender.rendering.soft_rasteriser import TRUNCATION, to_screen
from rerender.runtime.kernels import device_name, gradient, launch, precision, set_gradient, shared

_REFERENCE_SIZE = 128


@dataclass(frozen=True)
class DibrSettings:
    """How to rasterise. `size` [px] is that of the square image.

    `sharpness` k is the released 7000 at 128 px; it scales with the pixel, so that outlines reach as many pixels at any size.
    Faces farther than where exp(−k d²) falls to 1e-4 are left out (the release: than 0.02, where it is 0.06, which jumps).
    """

    size: int
    sharpness: float = 7000.0
    near: float = 1.0
    far: float = 100.0

    @property
    def steepness(self) -> float:
        """The sharpness at this size."""
        return self.sharpness * (self.size / _REFERENCE_SIZE) ** 2

    @property
    def margin(self) -> float:
        """The distance beyond which a face is left out, in the image plane."""
        return math.sqrt(math.log(1.0 / TRUNCATION) / self.steepness)


def rasterise_dibr(
    vertices: torch.Tensor,
    faces: torch.Tensor,
    colours: torch.Tensor,
    camera: Camera,
    settings: DibrSettings,
) -> torch.Tensor:
    """Return RGBA frames (T, size, size, 4) of meshes that share their faces (F, 3), counter-clockwise from outside.

    `vertices` (T, V, 3) [m] in the world; `colours` (V, 3), linear. Differentiable in both. Faces that cross the near or far
    plane are left out.
    """
    screen = to_screen(vertices, camera)
    rgb, clear, face = _Rasterise.apply(  # type: ignore[no-untyped-call]
        screen, colours.expand(len(vertices), -1, -1), faces, settings
    )
    alpha = torch.where(face < len(faces), torch.ones_like(clear), 1.0 - clear.exp())
    frames: torch.Tensor = torch.cat([rgb, alpha[..., None]], dim=-1).flip(1)
    return frames


class _Rasterise(torch.autograd.Function):
    """The four passes, and the adjoints of the last two."""

    @staticmethod
    def forward(
        ctx: Any, screen: torch.Tensor, colours: torch.Tensor, faces: torch.Tensor, settings: DibrSettings
    ) -> Any:
        types, device = precision(screen.dtype), device_name(screen)
        frames, count, size = len(screen), len(faces), settings.size
        kernels, grad = dibr_kernels(screen.dtype), any(ctx.needs_input_grad[:2])
        points = shared(screen.contiguous(), types.vec3, grad=grad)
        tints = shared(colours.contiguous(), types.vec3, grad=grad)
        corners = shared(faces.to(torch.int32).contiguous())
        near, far = types.real(settings.near), types.real(settings.far)
        shape = (frames, size, size)
        front = shared(screen.new_full(shape, math.inf), types.real)
        which = torch.full(shape, count, dtype=torch.int32, device=screen.device)
        face = shared(which)
        launch(kernels.nearest, (frames, count), [points, corners, near, far, front], device=device)
        launch(kernels.seen, (frames, count), [points, corners, near, far, front, face], device=device)
        rgb, clear = screen.new_zeros((*shape, 3)), screen.new_zeros(shape)
        shade = [points, tints, corners, face, shared(rgb, types.vec3, grad=grad)]
        launch(kernels.shade, shape, shade, device=device)
        numbers = (types.real(settings.steepness), types.real(settings.margin), near, far)
        reach = [points, corners, face, *numbers, shared(clear, types.real, grad=grad)]
        launch(kernels.reach, (frames, count), reach, device=device)
        ctx.passes, ctx.kernels = (shade, reach), kernels
        ctx.mark_non_differentiable(which)
        return rgb, clear, which

    @staticmethod
    def backward(ctx: Any, grad_rgb: torch.Tensor, grad_clear: torch.Tensor, _: torch.Tensor) -> Any:
        shade, reach = ctx.passes
        points, tints, corners = shade[:3]
        for array in (points, tints):
            array.grad.zero_()
        set_gradient(shade[-1], grad_rgb)
        set_gradient(reach[-1], grad_clear)
        device = device_name(grad_rgb)
        launch(ctx.kernels.shade, grad_clear.shape, shade, device=device, adjoint=True)
        launch(
            ctx.kernels.reach,
            (len(grad_clear), corners.shape[0]),
            reach,
            device=device,
            adjoint=True,
        )
        return gradient(points), gradient(tints), None, None
