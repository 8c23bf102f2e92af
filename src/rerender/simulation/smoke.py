"""Smoke in a flow without divergence on a periodic square grid (Stam 1999): differentiable by torch. Units are cells and steps."""

from __future__ import annotations

import torch

SWEEPS = 6
"""Jacobi sweeps of the pressure, as released."""


def advect(field: torch.Tensor, velocity: torch.Tensor) -> torch.Tensor:
    """Return a field (C, N, N) carried by a velocity (2, N, N), rows then columns: bilinear values where it came from."""
    size = field.shape[-1]
    line = torch.arange(size, dtype=field.dtype)
    row, column = line[:, None] - velocity[0], line[None, :] - velocity[1]
    top, left = row.floor(), column.floor()
    down, right = row - top, column - left
    i, j = top.long() % size, left.long() % size
    k, m = (i + 1) % size, (j + 1) % size
    upper = field[:, i, j] * (1 - right) + field[:, i, m] * right
    lower = field[:, k, j] * (1 - right) + field[:, k, m] * right
    return upper * (1 - down) + lower * down


def divergence(velocity: torch.Tensor) -> torch.Tensor:
    """Return the central differences (N, N) of a velocity (2, N, N)."""
    rows, columns = velocity
    down = torch.roll(rows, -1, 0) - torch.roll(rows, 1, 0)
    return 0.5 * (down + torch.roll(columns, -1, 1) - torch.roll(columns, 1, 1))


def project(velocity: torch.Tensor, sweeps: int = SWEEPS) -> torch.Tensor:
    """Return a velocity (2, N, N) less the gradient of a pressure that takes most of its divergence away."""
    source = divergence(velocity)
    pressure = torch.zeros_like(source)
    for _ in range(sweeps):
        around = torch.roll(pressure, 1, 0) + torch.roll(pressure, -1, 0)
        around = around + torch.roll(pressure, 1, 1) + torch.roll(pressure, -1, 1)
        pressure = (around - source) / 4.0
    slope = [0.5 * (torch.roll(pressure, -1, axis) - torch.roll(pressure, 1, axis)) for axis in (0, 1)]
    return velocity - torch.stack(slope)


def drift(smoke: torch.Tensor, velocity: torch.Tensor, steps: int) -> torch.Tensor:
    """Return the smoke (steps + 1, N, N) that a flow carries from a velocity (2, N, N) and itself (N, N) at first."""
    seen = [smoke]
    for _ in range(steps):
        velocity = project(advect(velocity, velocity))
        seen.append(advect(seen[-1][None], velocity)[0])
    return torch.stack(seen)
