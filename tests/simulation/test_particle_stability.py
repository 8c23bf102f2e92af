"""The element bound is safe, and not so safe that it would be useless: three times the step explodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from rerender.simulation.elements import make_bends, make_springs, make_tets, make_triangles, tet_inverse_mass
from rerender.simulation.errors import Diverged
from rerender.simulation.particles import ParticleClock, ParticleSystem, simulate_particles
from rerender.simulation.stability import particle_bound
from rerender.simulation.tet_mesh import block

FLOAT64 = torch.float64
Scene = tuple[torch.Tensor, ParticleSystem]


def solid_block() -> Scene:
    mesh = block((2, 1, 1), (1.0, 0.5, 0.5))
    rest, corners = torch.tensor(mesh.vertices), torch.tensor(mesh.tets)
    return rest, ParticleSystem(
        tet_inverse_mass(rest, corners, 2.0), tets=make_tets(rest, corners, 1000.0, 3000.0, 0.0)
    )


def grid(n: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    i, j = torch.meshgrid(torch.arange(n + 1), torch.arange(n + 1), indexing="ij")
    rest = torch.stack([0.2 * i, 0.0 * i, 0.2 * j], dim=-1).reshape(-1, 3).double()
    here = (i * (n + 1) + j)[:-1, :-1].reshape(-1)
    faces = [[here, here + 1, here + n + 2], [here, here + n + 2, here + n + 1]]
    return rest, torch.cat([torch.stack(face, dim=-1) for face in faces])


def membrane() -> Scene:
    rest, faces = grid()
    return rest, ParticleSystem(
        torch.ones(len(rest)).double(), triangles=make_triangles(rest, faces, 100.0, 300.0, 0.0)
    )


def hinges() -> Scene:
    rest, faces = grid()
    return rest, ParticleSystem(torch.ones(len(rest)).double(), bends=make_bends(rest, faces, 5.0))


def chain() -> Scene:
    rest = torch.arange(6).double()[:, None] * torch.tensor([1.0, 0.0, 0.0], dtype=FLOAT64)
    ends = torch.stack([torch.arange(5), torch.arange(1, 6)], dim=-1)
    return rest, ParticleSystem(torch.ones(6).double(), springs=make_springs(rest, ends, 1000.0))


def growth(scene: Scene, h: float) -> float:
    rest, system = scene
    torch.manual_seed(0)
    start = rest + 1e-7 * torch.randn_like(rest)
    clock = ParticleClock(h, 400, gravity=(0.0, 0.0, 0.0))
    try:
        seen, _ = simulate_particles(system, start, torch.zeros_like(rest), clock, [400])
    except Diverged:
        return float("inf")
    moved = seen[0] - rest
    return float((moved - moved.mean(dim=0)).abs().max()) / 1e-7


@pytest.mark.parametrize("make", [solid_block, membrane, hinges, chain])
def test_below_the_bound_nothing_grows_and_far_above_it_explodes(make: Callable[[], Scene]) -> None:
    scene = make()
    bound = particle_bound(scene[1], scene[0])
    assert growth(scene, 0.98 * bound) < 100
    assert growth(scene, 3.0 * bound) > 1e4


def test_contact_and_damping_shorten_the_step() -> None:
    rest, system = solid_block()
    free = particle_bound(system, rest)
    assert system.tets is not None
    viscous = replace(system, tets=replace(system.tets, damping=system.tets.damping + 50.0))
    assert particle_bound(viscous, rest) < free
    stiff = replace(system, contact=torch.tensor([1e6, 0.0, 0.0, 0.5], dtype=FLOAT64))
    assert particle_bound(stiff, rest) < 0.5 * free
