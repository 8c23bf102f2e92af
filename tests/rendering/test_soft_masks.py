"""Soft masks: where hard ones are, with their slopes, and good enough to find a shape from outlines alone."""

from __future__ import annotations

import numpy as np
import torch

from rerender.core.cameras import random_cameras
from rerender.core.meshes import Mesh, icosphere
from rerender.rendering.gbuffers import trace
from rerender.rendering.isosurface import extract, sign_changes, tet_grid
from rerender.rendering.soft_masks import soft_masks

SIZE = 24
CAMERAS = random_cameras(5, np.random.default_rng(3), shift=0.1)


def blob() -> Mesh:
    """An ellipsoid with a bump, so that no picture of it is its own mirror image."""
    ball = icosphere(2)
    stretched = ball.vertices * (0.9, 0.5, 0.6)
    bump = np.exp(-8.0 * ((ball.vertices - (0.3, 0.8, 0.5)) ** 2).sum(axis=1))
    return Mesh(stretched + 0.5 * bump[:, None] * ball.vertices, ball.faces)


def tensors(mesh: Mesh, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(mesh.vertices, dtype=dtype), torch.tensor(mesh.faces)


def test_soft_masks_lie_on_hard_ones() -> None:
    hard = trace(blob(), CAMERAS, SIZE).mask()
    soft = soft_masks(*tensors(blob()), CAMERAS, SIZE, sigma=1e-7) > 0.5
    assert (hard != soft).float().mean() < 0.01
    assert (hard != soft.flip(-1)).float().mean() > 0.03


def test_blur_swells_masks_by_less_than_a_pixel() -> None:
    """Faces before and behind each other add up along outlines."""
    hard = trace(blob(), CAMERAS, SIZE).mask().float().sum()
    soft = soft_masks(*tensors(blob()), CAMERAS, SIZE).sum()
    outline = 2.0 * np.sqrt(np.pi * float(hard) * len(CAMERAS))  # [px], of discs of that area
    assert 0.0 < float(soft - hard) < outline


def test_slopes_are_finite_differences() -> None:
    vertices, faces = tensors(blob(), torch.float64)
    weights = torch.linspace(0.0, 50.0, SIZE * SIZE, dtype=torch.float64).sin().reshape(1, SIZE, SIZE)
    moving = vertices.clone().requires_grad_()
    (weights * soft_masks(moving, faces, CAMERAS[:1], SIZE, sigma=1e-4)).sum().backward()
    assert moving.grad is not None
    direction = torch.randn(vertices.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pair = [
        (weights * soft_masks(vertices + step * direction, faces, CAMERAS[:1], SIZE, sigma=1e-4)).sum()
        for step in (1e-6, -1e-6)
    ]
    slope = float((moving.grad * direction).sum())
    assert abs((pair[0] - pair[1]).item() / 2e-6 - slope) < 2e-3 * abs(slope)


def test_a_shape_is_found_from_its_outlines() -> None:
    cameras = CAMERAS[:3]
    target = trace(blob(), cameras, SIZE).mask().float()
    grid = tet_grid(8)
    distance = (grid.vertices.norm(dim=-1) - 0.6).requires_grad_()
    optimiser = torch.optim.Adam([distance], lr=0.03)
    overlaps = []
    for _ in range(26):
        optimiser.zero_grad()
        found, faces = extract(grid, distance)
        masks = soft_masks(found, faces, cameras, SIZE)
        hard = masks.detach() > 0.5
        overlaps.append(float((hard & (target > 0.5)).sum() / (hard | (target > 0.5)).sum()))
        loss = (masks - target).square().mean() + 0.01 * sign_changes(grid, distance)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert overlaps[0] < 0.75 and overlaps[-1] > 0.9
