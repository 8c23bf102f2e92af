"""Lanes against launches: the same motion and the same gradients, to rounding, of everything that both can differentiate."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from rerender.simulation import particles
from rerender.simulation.elements import make_springs, make_tets, tet_inverse_mass
from rerender.simulation.particles import ParticleClock, ParticleSystem, simulate_particles
from rerender.simulation.tet_lanes import lanes_fit
from rerender.simulation.tet_mesh import block

FLOAT64 = torch.float64
NOTHING = [False] * 10


def scene(
    contact: bool = True, dtype: torch.dtype = FLOAT64
) -> tuple[torch.Tensor, torch.Tensor, ParticleSystem]:
    """Return 20 tetrahedra, no multiple of a register's lanes, that are squeezed, pinned at one corner and slide over the ground."""
    torch.manual_seed(4)
    mesh = block((2, 2, 1), (1.0, 1.0, 1.0))
    rest, corners = torch.tensor(mesh.vertices, dtype=FLOAT64), torch.tensor(mesh.tets)
    rest = rest - rest[:, 1].min() * torch.tensor([0.0, 1.0, 0.0], dtype=FLOAT64)
    stiff = [(800.0 + 400.0 * torch.rand(len(corners), dtype=FLOAT64)).to(dtype) for _ in range(2)]
    acted = 0.1 * torch.randn(30, len(corners), dtype=FLOAT64)
    inverse_mass = tet_inverse_mass(rest, corners, 3.0)
    inverse_mass[-1] = 0.0
    system = ParticleSystem(
        inverse_mass.to(dtype),
        tets=make_tets(rest.to(dtype), corners, *stiff, 2.0, acted.to(dtype)),
        contact=torch.tensor([2000.0, 5.0, 20.0, 0.6], dtype=dtype) if contact else None,
    )
    x = rest + 0.02 * torch.randn_like(rest)
    v = torch.randn_like(rest) + torch.tensor([2.0, -1.0, 0.3], dtype=FLOAT64)
    return x.to(dtype), v.to(dtype), system


def outcome(
    parts: tuple[torch.Tensor, torch.Tensor, ParticleSystem], **clock: object
) -> tuple[torch.Tensor, list[torch.Tensor | None]]:
    x, v, system = parts
    assert system.tets is not None
    names = ("mu", "lam", "damping", "act")
    leaves = [x, v, system.inverse_mass, *(getattr(system.tets, name) for name in names)]
    leaves = [leaf.clone().requires_grad_() for leaf in leaves]
    contact = None if system.contact is None else system.contact.clone().requires_grad_()
    tets = replace(system.tets, **dict(zip(names, leaves[3:], strict=True)))
    moved = replace(system, inverse_mass=leaves[2], contact=contact, tets=tets)
    settings = ParticleClock(1 / 960, 60, **clock)  # type: ignore[arg-type]
    seen, speeds = simulate_particles(moved, leaves[0], leaves[1], settings, [0, 20, 60])
    weights = torch.linspace(0.2, 2.0, seen.numel(), dtype=seen.dtype).reshape(seen.shape)
    ((weights * seen.sin()).sum() + 0.1 * (weights * speeds**2).sum()).backward()
    return seen.detach(), [leaf.grad for leaf in (*leaves, *([] if contact is None else [contact]))]


@pytest.mark.parametrize(
    "clock", [{}, {"segment": 7}, {"planar": True, "onset": 0.02}, {"onset": 10.0, "radius": 0.2}]
)
@pytest.mark.parametrize("contact", [True, False])
def test_motion_and_gradients_are_those_of_launches(
    clock: dict[str, object], contact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = scene(contact)
    assert lanes_fit(parts[2], ParticleClock(1 / 960, 60, **clock), parts[0], NOTHING)  # type: ignore[arg-type]
    seen, found = outcome(parts, **clock)
    monkeypatch.setattr(particles, "lanes_fit", lambda *_: False)
    expected_seen, expected = outcome(parts, **clock)
    assert torch.allclose(seen, expected_seen, rtol=0.0, atol=1e-12)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine is not None and theirs is not None
        assert float(theirs.abs().max()) > 0.0
        assert torch.allclose(mine, theirs, rtol=1e-9, atol=1e-11 * float(theirs.abs().max()))


def test_single_precision_has_other_lanes_and_the_same_motion() -> None:
    (seen, found), (single, alike) = (outcome(scene(dtype=dtype)) for dtype in (FLOAT64, torch.float32))
    assert torch.allclose(seen.float(), single, atol=1e-5)
    for mine, theirs in zip(found, alike, strict=True):
        assert mine is not None and theirs is not None
        assert float((mine - theirs).norm() / mine.norm()) < 1e-3


def test_what_lanes_cannot_do_is_left_to_launches() -> None:
    x, _, system = scene()
    clock = ParticleClock(1 / 960, 2)
    assert lanes_fit(system, clock, x, NOTHING)
    assert not lanes_fit(system, replace(clock, trace_only=True), x, NOTHING)
    assert not lanes_fit(system, replace(clock, absolute_damping=True), x, NOTHING)
    springs = make_springs(x, torch.tensor([[0, 1]]), 1.0)
    assert not lanes_fit(replace(system, springs=springs), clock, x, NOTHING)
    # x, v, inverse mass, contact; then the rest shape: its inverse and its volume
    for index, fits in ((3, True), (4, False), (5, False), (6, True)):
        assert lanes_fit(system, clock, x, [n == index for n in range(10)]) is fits
    without = replace(system, contact=None)
    assert not lanes_fit(without, clock, x, [n == 3 for n in range(9)])
