"""The soft rasteriser again, in torch alone: slow, and an independent check of the kernels.

It lists every fragment (sample and face) and lets torch differentiate. Same definitions as `soft_rasteriser`.
"""

from __future__ import annotations

import torch

from rerender.core.cameras import Camera
from rerender.rendering.soft_rasteriser import BACKGROUND, SoftSettings, lit_colours, to_screen


def rasterise_twin(
    vertices: torch.Tensor,
    faces: torch.Tensor,
    colour: torch.Tensor,
    camera: Camera,
    settings: SoftSettings,
) -> torch.Tensor:
    """Return the frames of `soft_rasteriser.rasterise`, (T, size, size, 4)."""
    screen, shades = to_screen(vertices, camera), lit_colours(vertices, faces, colour)
    return torch.stack(
        [_frame(points, shade, faces, settings) for points, shade in zip(screen, shades, strict=True)]
    )


def _frame(
    screen: torch.Tensor, shades: torch.Tensor, faces: torch.Tensor, settings: SoftSettings
) -> torch.Tensor:
    places = pixel_places(settings.samples, screen)
    with torch.no_grad():
        where, which = _fragments(places, screen[faces], settings)
    corners, point = screen[faces[which]], places[where]
    bary = barycentric(point, corners)
    distance = signed_distance(point, corners, bary)
    exponent = (distance / settings.blur).clamp(-50.0, 50.0)
    cover = torch.sigmoid(exponent)
    clamped = bary.clamp(0.0, 1.0)
    depth = clamped.sum(-1) / (clamped / corners[..., 2]).sum(-1)
    near = (settings.far - depth) / (settings.far - settings.near)
    top = torch.full_like(places[:, 0], BACKGROUND).scatter_reduce(0, where, near.detach(), "amax")
    weight = cover * ((near - top[where]) / settings.gamma).clamp_min(-80.0).exp()
    sums = places.new_zeros((len(places), 3)).index_add(0, where, weight[:, None] * shades[which])
    weights = torch.zeros_like(places[:, 0]).index_add(0, where, weight)
    behind = ((BACKGROUND - top) / settings.gamma).clamp_min(-80.0).exp()
    empty = places.new_tensor(settings.background)
    rgb = (sums + behind[:, None] * empty) / (weights + behind)[:, None]
    clear = torch.zeros_like(places[:, 0]).index_add(0, where, -torch.nn.functional.softplus(exponent))
    alpha = 1.0 - clear.exp()[:, None]
    if settings.premultiplied:
        rgb = alpha * rgb + (1.0 - alpha) * empty
    samples = torch.cat([rgb, alpha], dim=-1).reshape(settings.size, settings.factor, settings.size, -1, 4)
    return samples.mean(dim=(1, 3))


def _fragments(
    places: torch.Tensor, corners: torch.Tensor, settings: SoftSettings
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the sample and the face of every fragment that counts."""
    where, which = [], []
    for index, face in enumerate(corners):
        edges = face[1:, :2] - face[0, :2]
        area = edges[0, 0] * edges[1, 1] - edges[0, 1] * edges[1, 0]
        if area.abs() <= 1e-12 or face[:, 2].min() <= settings.near or face[:, 2].max() >= settings.far:
            continue
        margin = settings.reach**0.5
        low, high = face[:, :2].min(0).values - margin, face[:, :2].max(0).values + margin
        near = ((places >= low) & (places <= high)).all(-1).nonzero()[:, 0]
        bary = barycentric(places[near], face)
        found = near[-signed_distance(places[near], face, bary) < settings.reach]
        where.append(found)
        which.append(torch.full_like(found, index))
    none = torch.zeros(0, dtype=torch.int64, device=places.device)
    return torch.cat([none, *where]), torch.cat([none, *which])


def pixel_places(side: int, like: torch.Tensor) -> torch.Tensor:
    """Return the centres (side², 2) of the pixels of an image in the image plane, row by row from the top."""
    centres = (2.0 * torch.arange(side, dtype=like.dtype, device=like.device) + 1.0 - side) / side
    return torch.stack(torch.meshgrid(-centres, centres, indexing="ij"), dim=-1).flip(-1).reshape(-1, 2)


def barycentric(point: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
    """Return barycentric coordinates (…, 3) of points (…, 2) in triangles (…, 3, 3) of the image plane."""
    a, b, c = (corners[..., i, :2] for i in range(3))
    area = _cross(b - a, c - a)
    u, v = _cross(b - point, c - point) / area, _cross(c - point, a - point) / area
    return torch.stack([u, v, 1.0 - u - v], dim=-1)


def signed_distance(point: torch.Tensor, corners: torch.Tensor, bary: torch.Tensor) -> torch.Tensor:
    """Return squared distances (…) of points to the boundaries of triangles, positive inside."""
    edges = [(corners[..., i, :2], corners[..., (i + 1) % 3, :2]) for i in range(3)]
    distances = torch.stack([_edge_distance(point, a, b) for a, b in edges], dim=-1).amin(-1)
    return torch.where(bary.amin(-1) < 0, -distances, distances)


def _edge_distance(point: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    along = b - a
    part = (((point - a) * along).sum(-1) / (along * along).sum(-1)).clamp(0.0, 1.0)
    squared: torch.Tensor = ((a + part[..., None] * along - point) ** 2).sum(-1)
    return squared


def _cross(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
