"""Stable Neo-Hookean tetrahedra once more, as anyone would write them in PyTorch: a check of the kernels, and what they are timed against.

Same formulas as `particle_kernels` (fact sheet, section 2.2), without actuation and contact; autograd keeps every step.
"""

from __future__ import annotations

import torch

from rerender.simulation.elements import Tets
from rerender.simulation.particles import ParticleClock, ParticleSystem


def tet_forces(tets: Tets, x: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Return the forces (N, 3) [N] of tetrahedra at positions (N, 3) [m] and velocities (N, 3) [m/s]."""
    points, speeds = x[tets.corners], v[tets.corners]
    edges = (points[:, 1:] - points[:, :1]).transpose(-1, -2)
    rates = (speeds[:, 1:] - speeds[:, :1]).transpose(-1, -2)
    f, fdot = edges @ tets.inverse, rates @ tets.inverse
    ic = (f * f).sum(dim=(-1, -2))
    stress = (tets.mu * (1 - 1 / (ic + 1)))[:, None, None] * f + tets.damping[:, None, None] * fdot
    h = tets.volume[:, None, None] * stress @ tets.inverse.transpose(-1, -2)
    x10, x20, x30 = edges.unbind(-1)
    cofactor = torch.stack(
        [torch.linalg.cross(x20, x30), torch.linalg.cross(x30, x10), torch.linalg.cross(x10, x20)], -1
    )
    g = cofactor / (6 * tets.volume)[:, None, None]
    rest = 1 + 0.75 * tets.mu / tets.lam
    pressure = tets.lam * (torch.linalg.det(f) - rest) + tets.damping * (g * rates).sum(dim=(-1, -2))
    forces = -(h + (tets.volume * pressure)[:, None, None] * g)
    own = torch.cat([-forces.sum(-1, keepdim=True), forces], dim=-1).transpose(-1, -2)
    return torch.zeros_like(x).index_add(0, tets.corners.reshape(-1), own.reshape(-1, 3))


def simulate_twin(
    system: ParticleSystem, x: torch.Tensor, v: torch.Tensor, clock: ParticleClock
) -> torch.Tensor:
    """Return the positions (N, 3) [m] after all steps of the clock; the system's tetrahedra and gravity act, nothing else."""
    assert system.tets is not None
    pull = x.new_tensor(clock.gravity)
    for _ in range(clock.steps):
        v = v + clock.h * (system.inverse_mass[:, None] * tet_forces(system.tets, x, v) + pull)
        x = x + clock.h * v
    return x
