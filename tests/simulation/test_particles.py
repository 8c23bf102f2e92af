"""Particle systems: rest states, momentum, and gradients of every parameter against finite differences."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from rerender.simulation.elements import (
    hinge_angles,
    make_bends,
    make_springs,
    make_tets,
    make_triangles,
    tet_inverse_mass,
)
from rerender.simulation.errors import Diverged
from rerender.simulation.particles import ParticleClock, ParticleSystem, simulate_particles

FLOAT64 = torch.float64
TWO_CELLS = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]])
CONTACT = torch.tensor([2000.0, 5.0, 20.0, 0.6], dtype=FLOAT64)


def tet_scene(dtype: torch.dtype = FLOAT64) -> tuple[torch.Tensor, ParticleSystem]:
    rest = torch.tensor([[0, 0, 0], [1, 0.1, 0], [0, 1, 0], [0.1, 0, 1], [1, 1, 1.2]], dtype=dtype)
    tets = make_tets(rest, TWO_CELLS, 900.0, 1300.0, 2.0, 0.1 * torch.randn(50, 2, dtype=FLOAT64).to(dtype))
    return rest, ParticleSystem(tet_inverse_mass(rest, TWO_CELLS, 3.0), tets=tets, contact=CONTACT.to(dtype))


def cloth_scene(dtype: torch.dtype = FLOAT64) -> tuple[torch.Tensor, ParticleSystem]:
    rest = torch.tensor(
        [[0, 0, 0], [0.5, 0, 0], [0, 0, 0.5], [0.5, 0, 0.5], [1.0, 0.1, 0.1], [0.9, 0.2, 0.6]], dtype=dtype
    )
    faces = torch.tensor([[0, 2, 1], [1, 2, 3], [1, 3, 4], [4, 3, 5]])
    triangles = make_triangles(
        rest,
        faces,
        300.0,
        500.0,
        3.0,
        drag=2.0,
        lift=1.5,
        act=0.05 * torch.randn(30, 4, dtype=FLOAT64).to(dtype),
    )
    springs = make_springs(rest, torch.tensor([[0, 5], [2, 4]]), 120.0, 1.0)
    bends = make_bends(rest, faces, 5.0, 0.1)
    inverse = torch.tensor([0.0, 1.0, 0.7, 1.2, 0.9, 1.1], dtype=dtype)
    return rest, ParticleSystem(inverse, triangles=triangles, bends=bends, springs=springs)


SCENES = {"tets": tet_scene, "cloth": cloth_scene}


def start(name: str) -> tuple[torch.Tensor, torch.Tensor, ParticleSystem]:
    torch.manual_seed(3)
    rest, system = SCENES[name]()
    x = rest + 0.05 * torch.randn_like(rest) + torch.tensor([0.0, 0.02, 0.0], dtype=FLOAT64)
    return x, torch.randn_like(rest) + torch.tensor([1.0, -1.0, 0.3], dtype=FLOAT64), system


def outcome(
    x: torch.Tensor, v: torch.Tensor, system: ParticleSystem, segment: int | None = None, **clock: object
) -> torch.Tensor:
    settings = ParticleClock(1 / 960, 120, segment=segment, **clock)  # type: ignore[arg-type]
    seen, speeds = simulate_particles(system, x, v, settings, [0, 40, 120])
    weights = torch.linspace(0.2, 2.0, seen.numel(), dtype=seen.dtype).reshape(seen.shape)
    return (weights * seen.sin()).sum() + 0.1 * (weights.flip(0) * speeds**2).sum()


def groups(name: str) -> list[tuple[str, str]]:
    system = SCENES[name]()[1]
    found = [("", "x"), ("", "v"), ("", "inverse_mass")] + (
        [("", "contact")] if system.contact is not None else []
    )
    for group, value in system.elements.items():
        found += [(group, field.name) for field in fields(value) if field.name not in ("corners", "inverse")]
    return found


@pytest.mark.parametrize(
    ("scene", "group", "name"), [(scene, *pair) for scene in SCENES for pair in groups(scene)]
)
def test_gradients_are_finite_differences(scene: str, group: str, name: str) -> None:
    x, v, system = start(scene)
    owner = getattr(system, group) if group else system
    value = {"x": x, "v": v}.get(name) if not group and name in "xv" else getattr(owner, name)
    assert value is not None
    value = value.clone()

    def at(changed: torch.Tensor) -> torch.Tensor:
        if name in ("x", "v") and not group:
            return outcome(changed if name == "x" else x, changed if name == "v" else v, system)
        if group:
            return outcome(x, v, replace(system, **{group: replace(owner, **{name: changed})}))
        return outcome(x, v, replace(system, **{name: changed}))

    leaf = value.requires_grad_()
    at(leaf).backward()
    assert leaf.grad is not None
    direction = torch.randn_like(leaf) * leaf.detach().abs().clamp_min(0.1)
    if name == "inverse_mass" and scene == "cloth":
        direction[0] = 0.0  # pinned: gravity switches with it
    eps = 1e-6
    with torch.no_grad():
        numerical = float(at(leaf + eps * direction) - at(leaf - eps * direction)) / (2 * eps)
    exact = float((leaf.grad * direction).sum())
    assert abs(exact) > 1e-6
    assert exact == pytest.approx(numerical, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("segment", [7, 40, 119])
def test_checkpointed_time_changes_nothing(scene: str, segment: int) -> None:
    results = []
    for length in (None, segment):
        x, v, system = start(scene)
        leaf, speed = x.requires_grad_(), v.requires_grad_()
        loss = outcome(leaf, speed, system, length)
        loss.backward()
        results.append((float(loss.detach()), leaf.grad, speed.grad))
    assert results[0][0] == results[1][0]
    assert torch.allclose(results[0][1], results[1][1], rtol=1e-12)
    assert torch.allclose(results[0][2], results[1][2], rtol=1e-12)


def test_the_flags_of_the_released_tetrahedra_change_forces_and_keep_gradients() -> None:
    x, v, system = start("tets")
    plain = outcome(x, v, system)
    for flag in ("trace_only", "absolute_damping"):
        leaf = v.clone().requires_grad_()
        changed = outcome(x, leaf, system, **{flag: True})
        assert float((changed - plain).abs()) > 1e-6
        changed.backward()
        direction = torch.randn_like(leaf)
        with torch.no_grad():
            sides = [outcome(x, leaf + e * direction, system, **{flag: True}) for e in (1e-6, -1e-6)]
        assert float((leaf.grad * direction).sum()) == pytest.approx(
            float(sides[0] - sides[1]) / 2e-6, rel=1e-5
        )


def test_rest_is_rest() -> None:
    for scene in SCENES:
        rest, system = SCENES[scene]()
        still = {
            name: replace(group, **({"act": torch.zeros_like(group.act)} if hasattr(group, "act") else {}))
            for name, group in system.elements.items()
        }
        calm = replace(system, contact=None, **still)
        clock = ParticleClock(1e-3, 20, gravity=(0.0, 0.0, 0.0))
        x, v = simulate_particles(calm, rest, torch.zeros_like(rest), clock, [20])
        assert (x[0] - rest).abs().max() < 1e-12
        assert v.abs().max() < 1e-10


def test_inner_forces_keep_momentum_and_angular_momentum() -> None:
    x, v, system = start("tets")
    clock = ParticleClock(1e-4, 300, gravity=(0.0, 0.0, 0.0))
    seen, speeds = simulate_particles(replace(system, contact=None), x, v, clock, [0, 300])
    mass = 1.0 / system.inverse_mass[:, None]
    momentum = (mass * speeds).sum(1)
    assert torch.allclose(momentum[0], momentum[1], rtol=1e-10)
    spin = torch.linalg.cross(seen, mass * speeds).sum(1)
    # stress and volume forces turn nothing; viscous stress alone, along F, may, by little in this time
    assert torch.allclose(spin[0], spin[1], rtol=0.05, atol=0.05)


def test_a_pinned_particle_stays_and_a_planar_sheet_stays_planar() -> None:
    x, v, system = start("cloth")
    v[0] = 0.0
    seen, _ = simulate_particles(system, x, v, ParticleClock(1 / 960, 60), [60])
    assert torch.equal(seen[0, 0], x[0])
    flat = x.clone()
    seen, speeds = simulate_particles(system, flat, v, ParticleClock(1 / 960, 60, planar=True), [60])
    assert torch.equal(seen[0, :, 2], flat[:, 2])
    assert speeds[..., 2].abs().max() == 0.0


def test_two_springs_swing_with_the_textbook_period() -> None:
    rest = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]], dtype=FLOAT64)
    springs = make_springs(rest, torch.tensor([[0, 1]]), 50.0)
    system = ParticleSystem(torch.tensor([0.0, 0.5], dtype=FLOAT64), springs=springs)
    x = rest + torch.tensor([[0.0, 0, 0], [0.01, 0, 0]], dtype=FLOAT64)
    period = 2 * torch.pi * (2.0 / 50.0) ** 0.5
    steps = 2000
    clock = ParticleClock(float(period) / steps, steps, gravity=(0.0, 0.0, 0.0))
    seen, _ = simulate_particles(system, x, torch.zeros_like(x), clock, [steps // 2, steps])
    assert float(seen[0, 1, 0]) == pytest.approx(0.99, abs=1e-4)
    assert float(seen[1, 1, 0]) == pytest.approx(1.01, abs=1e-4)


def test_hinge_gradients_are_those_of_the_angle() -> None:
    """Section 2.4: the kernel's dθ/dx, seen through the force of a stiff hinge at rest elsewhere, is torch's."""
    torch.manual_seed(1)
    points = torch.randn(4, 3, dtype=FLOAT64)
    corners = torch.tensor([[0, 1, 2, 3]])
    leaf = points.clone().requires_grad_()
    angle = hinge_angles(leaf, corners)
    angle.sum().backward()
    bends = make_bends(points, torch.tensor([[2, 3, 0], [3, 2, 1]]), 1.0)
    assert bends.corners.tolist() == [[0, 1, 2, 3]]
    bent = replace(bends, rest=bends.rest - 0.3)
    system = ParticleSystem(torch.ones(4, dtype=FLOAT64), bends=bent)
    clock = ParticleClock(1e-6, 1, gravity=(0.0, 0.0, 0.0))
    _, v = simulate_particles(system, points, torch.zeros_like(points), clock, [1])
    length = (points[3] - points[2]).norm()
    assert torch.allclose(v[0] / 1e-6, -length * 0.3 * leaf.grad, rtol=1e-9)


def test_single_precision_gradients_agree_with_double() -> None:
    grads = []
    for dtype in (torch.float32, FLOAT64):
        torch.manual_seed(3)
        rest, system = tet_scene(dtype)
        v = torch.ones_like(rest).requires_grad_()
        seen, _ = simulate_particles(system, rest, v, ParticleClock(1 / 960, 100), [100])
        seen.square().sum().backward()
        grads.append(v.grad.double())
    assert torch.allclose(grads[0], grads[1], rtol=1e-3, atol=1e-5)


def test_a_system_that_explodes_names_step_and_particle() -> None:
    rest, system = tet_scene()
    wild = replace(system, contact=torch.tensor([1e9, 0.0, 0.0, 0.0], dtype=FLOAT64))
    with pytest.raises(Diverged, match=r"particle \d is not finite after step"):
        simulate_particles(wild, rest, -torch.ones_like(rest), ParticleClock(1 / 60, 5000), [5000])
