"""The bound is where a simulation stops being stable: just below it stays, just above it explodes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from rerender.simulation.errors import Unstable
from rerender.simulation.rigid import RigidBodies, RigidClock, RigidState, simulate
from rerender.simulation.stability import require_stable, rigid_bound, spring_bound

CORNERS = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))
INERTIA = np.eye(3) / 6.0


@pytest.mark.parametrize(("k", "c"), [(400.0, 0.0), (400.0, 30.0), (0.0, 30.0)])
def test_the_bound_of_a_damped_spring_is_sharp(k: float, c: float) -> None:
    bound = spring_bound(k, c)

    def growth(h: float) -> float:
        step = np.array([[1 - h * c, -h * k], [h * (1 - h * c), 1 - h * h * k]])
        return float(np.abs(np.linalg.eigvals(step)).max())

    assert growth(0.999 * bound) <= 1 + 1e-9
    assert growth(1.01 * bound) > 1 + 1e-4


def drop(h: float) -> float:
    """Let a block of 1 kg settle on the ground; return the largest tilt rate of the second half."""
    contact = np.array([2000.0, 0.0, 0.0, 0.0])
    bodies = RigidBodies(
        torch.ones(1, dtype=torch.float64),
        torch.tensor(INERTIA)[None],
        torch.tensor(CORNERS)[None],
        torch.tensor([8]),
        torch.tensor(contact)[None],
        torch.zeros(1, 3, dtype=torch.float64),
        torch.zeros(1, 3, dtype=torch.float64),
    )
    rest = 0.5 - 9.8 / (4 * 2000.0)
    tiny = torch.tensor([[1e-6, 0.0, 1e-6]], dtype=torch.float64)
    begin = RigidState(
        torch.tensor([[0.0, rest, 0.0]], dtype=torch.float64),
        torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=torch.float64),
        torch.zeros(1, 3, dtype=torch.float64),
        tiny,
    )
    motion = simulate(bodies, begin, RigidClock(h, 400))
    return float(motion.w[200:].abs().max())


def test_a_resting_block_stays_below_the_bound_and_rattles_above_it() -> None:
    bound = rigid_bound(1.0, INERTIA, CORNERS, np.array([2000.0, 0.0, 0.0, 0.0]))
    assert drop(0.98 * bound) < 1e-4
    assert drop(1.05 * bound) > 1e-2


def test_stiffer_contact_and_lighter_bodies_need_shorter_steps() -> None:
    soft, stiff = (rigid_bound(1.0, INERTIA, CORNERS, np.array([ke, 0, 0, 0])) for ke in (100.0, 400.0))
    assert stiff == pytest.approx(soft / 2)
    light = rigid_bound(0.25, INERTIA, CORNERS, np.array([100.0, 0, 0, 0]))
    assert light == pytest.approx(soft / 2)
    assert rigid_bound(1.0, INERTIA, CORNERS, np.array([100.0, 0, 500.0, 1])) < soft


def test_a_step_that_is_too_long_is_refused_with_one_that_is_not() -> None:
    require_stable(0.9e-3, 1e-3, "the ball")
    with pytest.raises(Unstable, match=r"2e-03|0.002 s is too long for the ball") as caught:
        require_stable(2e-3, 1e-3, "the ball")
    assert caught.value.largest < 1e-3
    require_stable(caught.value.largest, 1e-3, "the ball")
