"""Rigid bodies: closed forms, conservation, and gradients against finite differences in double precision."""

from __future__ import annotations

import math

import pytest
import torch

from rerender.simulation.errors import Diverged
from rerender.simulation.rigid import RigidBodies, RigidClock, RigidState, rotate, simulate, world_points

FLOAT64 = torch.float64


def cube(count: int = 1, dtype: torch.dtype = FLOAT64, **changes: torch.Tensor) -> RigidBodies:
    corner = 1.0 / math.sqrt(3.0)
    signs = torch.tensor([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=dtype)
    inertia = torch.diag(torch.tensor([0.22, 0.25, 0.2], dtype=dtype))
    fields = {
        "mass": torch.full((count,), 2.0, dtype=dtype),
        "inertia": inertia.expand(count, 3, 3).clone(),
        "points": (corner * signs).expand(count, 8, 3).clone(),
        "counts": torch.full((count,), 8),
        "contact": torch.tensor([4900.0, 15.0, 99.0, 0.7], dtype=dtype).expand(count, 4).clone(),
        "push": torch.tensor([3.0, -1.0, 2.0], dtype=dtype).expand(count, 3).clone(),
        "push_at": torch.tensor([0.5, 0.4, -0.3], dtype=dtype).expand(count, 3).clone(),
    }
    return RigidBodies(**{**fields, **changes})


def start(count: int = 1, height: float = 1.2, dtype: torch.dtype = FLOAT64) -> RigidState:
    def rows(*values: float) -> torch.Tensor:
        return torch.tensor(values, dtype=dtype).expand(count, len(values)).clone()

    r = torch.nn.functional.normalize(rows(0.1, 0.2, -0.3, 0.9), dim=-1)
    return RigidState(rows(0.1, height, -0.2), r, rows(1.5, -0.5, 0.3), rows(0.4, -1.1, 0.6))


def test_free_fall_is_the_closed_form_of_semi_implicit_euler() -> None:
    h, steps = 0.01, 50
    motion = simulate(cube(), start(height=50.0), RigidClock(h, steps))
    n = torch.arange(steps + 1, dtype=FLOAT64)
    expected = 50.0 - 0.5 * h * n - 9.8 * h * h * n * (n + 1) / 2
    assert torch.allclose(motion.x[:, 0, 1], expected, atol=1e-12)
    assert torch.allclose(motion.x[:, 0, 0], 0.1 + 1.5 * h * n, atol=1e-12)


def test_torque_free_rotation_keeps_momentum_and_energy() -> None:
    motion = simulate(cube(), start(height=50.0), RigidClock(1e-4, 5000, gravity=(0.0, 0.0, 0.0)))
    body = torch.stack([rotate(motion.r[:, 0], torch.eye(3, dtype=FLOAT64)[i]) for i in range(3)], dim=-1)
    inertia = body @ cube().inertia[0] @ body.transpose(-1, -2)
    momentum = (inertia @ motion.w[:, 0, :, None])[..., 0]
    energy = 0.5 * (motion.w[:, 0] * momentum).sum(-1)
    assert (momentum - momentum[0]).norm(dim=-1).max() < 2e-4 * momentum[0].norm()
    assert (energy - energy[0]).abs().max() < 2e-4 * energy[0]
    assert torch.allclose(motion.r.norm(dim=-1), torch.ones(1, dtype=FLOAT64), atol=1e-12)
    # it does tumble
    assert (motion.w[-1] - motion.w[0]).norm() > 0.05


def test_a_body_at_rest_on_the_ground_stays_where_weight_and_contact_balance() -> None:
    bodies = cube(push=torch.zeros(1, 3, dtype=FLOAT64))
    depth = 2.0 * 9.8 / (4 * 4900.0)
    rest = RigidState(
        torch.tensor([[0.0, 1.0 / math.sqrt(3.0) - depth, 0.0]], dtype=FLOAT64),
        torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=FLOAT64),
        torch.zeros(1, 3, dtype=FLOAT64),
        torch.zeros(1, 3, dtype=FLOAT64),
    )
    motion = simulate(bodies, rest, RigidClock(1 / 960, 200))
    assert (motion.x - rest.x).abs().max() < 1e-12
    assert motion.w.abs().max() < 1e-12


def test_a_push_gives_its_impulse_and_its_torque() -> None:
    bodies, clock = cube(), RigidClock(1e-3, 20, gravity=(0.0, 0.0, 0.0), push_steps=10)
    still = RigidState(
        torch.zeros(1, 3, dtype=FLOAT64),
        torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=FLOAT64),
        torch.zeros(1, 3, dtype=FLOAT64),
        torch.zeros(1, 3, dtype=FLOAT64),
    )
    still = RigidState(still.x + torch.tensor([0.0, 9.0, 0.0]), still.r, still.v, still.w)
    motion = simulate(bodies, still, clock)
    assert torch.allclose(motion.v[-1], bodies.push * 0.01 / 2.0, atol=1e-12)
    spin = torch.linalg.cross(bodies.push_at, bodies.push) * 0.01 / 2.0 @ torch.linalg.inv(bodies.inertia[0])
    assert torch.allclose(motion.w[-1], spin, rtol=0.02)


def parameters() -> dict[str, torch.Tensor]:
    bodies, begin = cube(), start(height=0.9)
    named = {
        name: getattr(bodies, name) for name in ("mass", "inertia", "points", "contact", "push", "push_at")
    }
    return {**named, "x": begin.x, "r": begin.r, "v": begin.v, "w": begin.w}


def outcome(values: dict[str, torch.Tensor], clock: RigidClock) -> torch.Tensor:
    bodies = RigidBodies(
        counts=torch.tensor([8]),
        **{name: values[name] for name in ("mass", "inertia", "points", "contact", "push", "push_at")},
    )
    motion = simulate(bodies, RigidState(values["x"], values["r"], values["v"], values["w"]), clock)
    weights = torch.linspace(0.3, 1.7, motion.x.shape[0], dtype=FLOAT64)[:, None, None]
    return (weights * (motion.x.sin() + 0.3 * motion.w.cos() + 0.1 * motion.v**2)).sum() + (
        motion.r[-1] * torch.tensor([1.0, -2.0, 0.5, 0.7])
    ).sum()


@pytest.mark.parametrize("onset", [0.0, 0.02])
@pytest.mark.parametrize("name", list(parameters()))
def test_gradients_are_finite_differences(name: str, onset: float) -> None:
    clock = RigidClock(1 / 960, 400, push_steps=40, onset=onset)
    values = parameters()
    leaf = values[name].requires_grad_()
    outcome(values, clock).backward()
    assert leaf.grad is not None
    torch.manual_seed(0)
    direction = torch.randn_like(leaf)
    if name == "contact":
        direction = direction * leaf.detach()
    if name == "inertia":
        direction = 0.1 * (direction + direction.transpose(-1, -2))
    eps, sides = 1e-7, []
    for sign in (1.0, -1.0):
        with torch.no_grad():
            sides.append(outcome({**values, name: leaf + sign * eps * direction}, clock))
    numerical = float(sides[0] - sides[1]) / (2 * eps)
    exact = float((leaf.grad * direction).sum())
    assert abs(exact) > 1e-3
    assert exact == pytest.approx(numerical, rel=2e-6)


@pytest.mark.parametrize("index", range(4))
def test_every_contact_parameter_has_its_own_gradient(index: int) -> None:
    clock = RigidClock(1 / 960, 400)
    values = parameters()
    leaf = values["contact"].requires_grad_()
    outcome(values, clock).backward()
    direction = torch.zeros_like(leaf)
    direction[0, index] = leaf[0, index].detach()
    with torch.no_grad():
        sides = [outcome({**values, "contact": leaf + e * direction}, clock) for e in (1e-6, -1e-6)]
    assert float((leaf.grad * direction).sum()) == pytest.approx(float(sides[0] - sides[1]) / 2e-6, rel=5e-6)


def test_a_batch_is_its_bodies_one_by_one_and_a_second_backward_is_the_first() -> None:
    mass = torch.tensor([0.5, 2.0, 7.0], dtype=FLOAT64, requires_grad=True)
    clock = RigidClock(1 / 960, 300)
    bodies = cube(3).with_mass(mass)
    both = simulate(bodies, start(3, 0.9), clock)
    loss = both.x.sum()
    loss.backward(retain_graph=True)
    first = mass.grad.clone()
    mass.grad = None
    loss.backward()
    assert torch.equal(mass.grad, first)
    alone = simulate(cube().with_mass(mass[1:2].detach()), start(1, 0.9), clock)
    assert torch.equal(alone.x[:, 0], both.x[:, 1])


def test_single_precision_gradients_agree_with_double() -> None:
    grads = []
    for dtype in (torch.float32, FLOAT64):
        mass = torch.tensor([2.0], dtype=dtype, requires_grad=True)
        motion = simulate(cube(dtype=dtype).with_mass(mass), start(1, 0.9, dtype), RigidClock(1 / 960, 300))
        motion.x.sum().backward()
        grads.append(float(mass.grad))
    assert grads[0] == pytest.approx(grads[1], rel=1e-3)


def test_points_in_the_world_turn_with_the_body() -> None:
    quarter = math.sqrt(0.5)
    state = RigidState(*(torch.zeros(1, n, dtype=FLOAT64) for n in (3, 4, 3, 3)))
    state = RigidState(
        state.x + 1.0, torch.tensor([[0.0, 0.0, quarter, quarter]], dtype=FLOAT64), state.v, state.w
    )
    found = world_points(state, torch.tensor([[[1.0, 0.0, 0.0]]], dtype=FLOAT64))
    assert torch.allclose(found, torch.tensor([[[1.0, 2.0, 1.0]]], dtype=FLOAT64))


def test_a_state_that_is_no_number_names_its_step_and_body() -> None:
    bodies = cube(2, contact=torch.tensor([[100.0, 1, 1, 0.5], [1e9, 1, 1, 0.5]], dtype=FLOAT64))
    with pytest.raises(Diverged, match="body 1 is not finite after step") as caught:
        simulate(bodies, start(2, 0.5), RigidClock(1 / 30, 4000))
    assert caught.value.element == 1 and 0 < caught.value.step <= 4000
