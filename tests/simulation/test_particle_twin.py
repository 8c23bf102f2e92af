"""The tetrahedra in plain PyTorch agree with the kernels, in positions and derivatives."""

from __future__ import annotations

import torch

from rerender.simulation.elements import make_tets, tet_inverse_mass
from rerender.simulation.particle_twin import simulate_twin, tet_forces
from rerender.simulation.particles import ParticleClock, ParticleSystem, simulate_particles
from rerender.simulation.tet_mesh import block

F64 = torch.float64


def scene() -> tuple[ParticleSystem, torch.Tensor]:
    mesh = block((2, 1, 1), (1.0, 0.5, 0.5))
    rest, corners = torch.tensor(mesh.vertices, dtype=F64), torch.tensor(mesh.tets)
    tets = make_tets(rest, corners, 1000.0, 700.0, 1.0)
    return ParticleSystem(tet_inverse_mass(rest, corners, 10.0), tets=tets), rest


def test_kernels_and_twin_move_and_differentiate_alike() -> None:
    system, rest = scene()
    clock = ParticleClock(1e-3, 50)
    draw = torch.Generator().manual_seed(1)
    thrown = torch.randn(rest.shape, generator=draw, dtype=F64)
    ends, slopes = [], []
    for move in (
        lambda v: simulate_particles(system, rest, v, clock, [clock.steps])[0][0],
        lambda v: simulate_twin(system, rest, v, clock),
    ):
        v = thrown.clone().requires_grad_()
        end = move(v)
        end.square().sum().backward()
        ends.append(end.detach())
        slopes.append(v.grad)
    assert torch.allclose(*ends, atol=1e-12) and float((ends[0] - rest).abs().max()) > 1e-2
    assert torch.allclose(*slopes, rtol=1e-9, atol=1e-12)


def test_forces_vanish_at_rest_and_sum_to_nothing() -> None:
    system, rest = scene()
    assert system.tets is not None
    assert float(tet_forces(system.tets, rest, torch.zeros_like(rest)).abs().max()) < 1e-9
    draw = torch.Generator().manual_seed(2)
    bent, moving = (torch.randn(rest.shape, generator=draw, dtype=F64) for _ in range(2))
    forces = tet_forces(system.tets, rest + 0.05 * bent, moving)
    assert float(forces.abs().max()) > 1.0 and float(forces.sum(dim=0).abs().max()) < 1e-9
