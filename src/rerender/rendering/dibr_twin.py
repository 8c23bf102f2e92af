"""DIB-R again, in torch alone, every pixel against every face: slow, and an independent check of the kernels."""

from __future__ import annotations

import torch

from rerender.core.cameras import Camera
from rerender.rendering.dibr import DibrSettings
from rerender.rendering.soft_rasteriser import to_screen
from rerender.rendering.soft_twin import barycentric, pixel_places, signed_distance


def rasterise_dibr_twin(
    vertices: torch.Tensor,
    faces: torch.Tensor,
    colours: torch.Tensor,
    camera: Camera,
    settings: DibrSettings,
) -> torch.Tensor:
    """Return the frames of `dibr.rasterise_dibr`, (T, size, size, 4)."""
    return torch.stack([_frame(points, faces, colours, settings) for points in to_screen(vertices, camera)])


def _frame(
    screen: torch.Tensor, faces: torch.Tensor, colours: torch.Tensor, settings: DibrSettings
) -> torch.Tensor:
    corners = screen[faces]
    edges = corners[:, 1:, :2] - corners[:, :1, :2]
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    depths = corners[..., 2]
    kept = (area.abs() > 1e-12) & (depths.amin(1) > settings.near) & (depths.amax(1) < settings.far)
    corners, faces, front = corners[kept], faces[kept], area[kept] < 0
    points = pixel_places(settings.size, screen)[:, None]
    bary = barycentric(points, corners)
    inside = (bary.amin(-1) >= 0) & front
    depth = 1.0 / (bary / corners[..., 2]).sum(-1)
    nearest, which = torch.where(inside, depth, torch.inf).min(dim=1)
    covered = nearest.isfinite()
    mixed = (bary[torch.arange(len(which)), which][..., None] * colours[faces[which]]).sum(1)
    rgb = torch.where(covered[:, None], mixed, 0.0)
    distance = -signed_distance(points, corners, bary)
    near = ~covered[:, None] & (distance > 0) & (distance < settings.margin**2)
    # the first `where` keeps exp and log of pixels that do not count out of the derivatives
    left = 1.0 - torch.exp(-settings.steepness * torch.where(near, distance, 1.0))
    clear = torch.where(near, left.clamp_min(1e-12).log(), 0.0).sum(1)
    alpha = torch.where(covered, 1.0, 1.0 - clear.exp())
    return torch.cat([rgb, alpha[:, None]], dim=-1).reshape(settings.size, settings.size, 4)
