"""A soft rasteriser: RGBA frames of triangle meshes, differentiable in the vertices (Liu et al. 2019, as ∇Sim uses it).

Face j covers a sample by D_j = sigmoid(±d²/σ), with d the distance to its boundary in the image plane of extent
[−1, 1]; alpha = 1 − Π(1 − D_j). Colours are a softmax over depth at temperature γ. Faces are flat, lit from above:
colour · (0.5 + 0.5 max(0, n_y)). Super-samples are averaged to pixels. Row 0 of an image is its top.

*Premultiplied* images (the default) composite the colour over the background by alpha. Without it, as in the paper, the
colour has a hard outline: the loss jumps when the outline moves, and its gradient misses the outline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from rerender.core.cameras import Camera, to_world
from rerender.rendering.soft_kernels import soft_kernels
from rerender.runtime.kernels import device_name, gradient, launch, precision, set_gradient, shared

TRUNCATION = 1e-4
"""Fragments outside a face that would cover less than this are left out."""
AMBIENT, DIRECT = 0.5, 0.5
BACKGROUND = 1e-3
"""Nearness of the background in the softmax; a face is far nearer."""
_REFERENCE_SIZE = 256


@dataclass(frozen=True)
class SoftSettings:
    """How to rasterise. `size` [px] is that of the square image.

    `sigma` is the squared blur in the image plane at 256 px; it scales with the pixel, so that the blur stays at about
    a pixel. `gamma` is the temperature of the softmax over depth, `factor` the super-samples along a pixel's side.
    """

    size: int
    sigma: float = 1e-5
    gamma: float = 1e-4
    factor: int = 2
    near: float = 1.0
    far: float = 100.0
    background: tuple[float, float, float] = (0.0, 0.0, 0.0)
    premultiplied: bool = True

    @property
    def samples(self) -> int:
        """Super-samples along a side of the image."""
        return self.size * self.factor

    @property
    def blur(self) -> float:
        """The squared blur at this size."""
        return self.sigma * (_REFERENCE_SIZE / self.size) ** 2

    @property
    def reach(self) -> float:
        """The squared distance beyond which a fragment is left out."""
        return self.blur * math.log(1.0 / TRUNCATION - 1.0)


def look_from(
    distance: float, elevation_deg: float, azimuth_deg: float, half_angle_deg: float = 30.0
) -> Camera:
    """Return a camera that looks at the origin from a distance [m]; the "viewing angle" is half the field of view."""
    up, around = math.radians(elevation_deg), math.radians(azimuth_deg)
    level = distance * math.cos(up)
    eye = (level * math.sin(around), distance * math.sin(up), -level * math.cos(around))
    return Camera(origin=eye, fov_deg=2.0 * half_angle_deg, near=1.0, far=100.0)


def to_screen(vertices: torch.Tensor, camera: Camera) -> torch.Tensor:
    """Project world points (…, 3) to the image plane: x and y in [−1, 1] where visible, and the depth [m].

    x grows to the camera's left column by column, as in the released renderer: its x axis is up × forward.
    """
    pose = torch.as_tensor(to_world(camera), dtype=vertices.dtype, device=vertices.device)
    local = (vertices - pose[:3, 3]) @ pose[:3, :3]
    plane = local[..., :2] / (local[..., 2:] * math.tan(math.radians(camera.fov_deg) / 2.0))
    return torch.cat([plane, local[..., 2:]], dim=-1)


def lit_colours(vertices: torch.Tensor, faces: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
    """Return the flat colour of every face (…, F, 3) of vertices (…, V, 3) under light from above.

    `colour` is (3,) for a mesh of one colour, or (F, 3).
    """
    a, b, c = (vertices[..., faces[:, corner], :] for corner in range(3))
    normal = torch.linalg.cross(b - a, c - a)
    upward = normal[..., 1] / normal.norm(dim=-1).clamp_min(1e-12)
    shade: torch.Tensor = (AMBIENT + DIRECT * upward.clamp_min(0.0))[..., None] * colour
    return shade


def rasterise(
    vertices: torch.Tensor,
    faces: torch.Tensor,
    colour: torch.Tensor,
    camera: Camera,
    settings: SoftSettings,
) -> torch.Tensor:
    """Return RGBA frames (T, size, size, 4) of meshes that share their faces (F, 3).

    `vertices` (T, V, 3) [m] in the world; `colour` (3,) or (F, 3), linear. Differentiable in both. Faces that cross the
    near or far plane are left out.
    """
    screen, shades = to_screen(vertices, camera), lit_colours(vertices, faces, colour)
    frames: torch.Tensor = _Rasterise.apply(screen, shades, faces, settings)  # type: ignore[no-untyped-call]
    return frames


class _Rasterise(torch.autograd.Function):
    """The three passes, and the adjoints of the last two."""

    @staticmethod
    def forward(
        ctx: Any, screen: torch.Tensor, shades: torch.Tensor, faces: torch.Tensor, settings: SoftSettings
    ) -> torch.Tensor:
        types, device = precision(screen.dtype), device_name(screen)
        count, side = len(screen), settings.samples
        kernels = soft_kernels(screen.dtype)
        grad = any(ctx.needs_input_grad[:2])
        top = screen.new_full((count, side, side), BACKGROUND)
        points = shared(screen.contiguous(), types.vec3, grad=grad)
        colours = shared(shades.contiguous(), types.vec3, grad=grad)
        corners = shared(faces.to(torch.int32).contiguous())
        depth = shared(top, types.real)
        reach, near, far = types.real(settings.reach), types.real(settings.near), types.real(settings.far)
        launch(
            kernels.nearest, (count, len(faces)), [points, corners, reach, near, far, depth], device=device
        )
        total = shared(screen.new_zeros((count, side, side, 4)), types.vec4, grad=grad)
        clear = shared(screen.new_zeros((count, side, side)), types.real, grad=grad)
        sigma, gamma = types.real(settings.blur), types.real(settings.gamma)
        gather = [points, colours, corners, sigma, gamma, reach, near, far, depth, total, clear]
        launch(kernels.gather, (count, len(faces)), gather, device=device)
        frames = screen.new_zeros((count, settings.size, settings.size, 4))
        image = shared(frames, types.vec4, grad=grad)
        composite = [
            *(total, clear, depth, gamma, types.real(BACKGROUND), types.vec3(*settings.background)),
            *(int(settings.premultiplied), settings.factor, image),
        ]
        launch(kernels.composite, (count, settings.size, settings.size), composite, device=device)
        ctx.passes, ctx.kernels = (gather, composite), kernels
        return frames

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        gather, composite = ctx.passes
        points, colours, image = gather[0], gather[1], composite[-1]
        total, clear = composite[:2]
        for array in (points, colours, total, clear):
            array.grad.zero_()
        set_gradient(image, grad)
        device = device_name(grad)
        launch(ctx.kernels.composite, grad.shape[:3], composite, device=device, adjoint=True)
        launch(ctx.kernels.gather, (points.shape[0], colours.shape[1]), gather, device=device, adjoint=True)
        return gradient(points), gradient(colours), None, None
