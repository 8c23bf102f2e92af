"""Pendula by the classical Runge-Kutta method, differentiable by torch: lengths [m], masses [kg], angles from hanging [rad]."""

from __future__ import annotations

from collections.abc import Callable

import torch

Rate = Callable[[torch.Tensor], torch.Tensor]


def integrate(rate: Rate, start: torch.Tensor, h: float, steps: int) -> torch.Tensor:
    """Return the states (steps + 1, …) of y' = rate(y), every `h` [s], by Runge-Kutta of fourth order."""
    states = [start]
    for _ in range(steps):
        y = states[-1]
        k1 = rate(y)
        k2 = rate(y + h / 2 * k1)
        k3 = rate(y + h / 2 * k2)
        k4 = rate(y + h * k3)
        states.append(y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return torch.stack(states)


def simple_pendulum(
    length: torch.Tensor, gravity: torch.Tensor, damping: float = 0.0, mass: float = 1.0
) -> Rate:
    """Return the rate of (θ, θ'): θ'' = −(b/m) θ' − (g/L) sin θ, with `damping` b [kg/s]."""

    def rate(y: torch.Tensor) -> torch.Tensor:
        angle, speed = y.unbind(-1)
        return torch.stack([speed, -damping / mass * speed - gravity / length * angle.sin()], -1)

    return rate


def double_pendulum(lengths: torch.Tensor, masses: torch.Tensor, gravity: float = 10.0) -> Rate:
    """Return the rate of (θ1, θ1', θ2, θ2') of two bobs on rods, `lengths` and `masses` (2,) (fact sheet, section 2.7)."""
    (l1, l2), (m1, m2) = lengths.unbind(), masses.unbind()

    def rate(y: torch.Tensor) -> torch.Tensor:
        t1, w1, t2, w2 = y.unbind(-1)
        c, s = (t1 - t2).cos(), (t1 - t2).sin()
        below = m1 + m2 * s * s
        first = m2 * gravity * t2.sin() * c - m2 * s * (l1 * w1 * w1 * c + l2 * w2 * w2)
        first = (first - (m1 + m2) * gravity * t1.sin()) / (l1 * below)
        second = (m1 + m2) * (l1 * w1 * w1 * s - gravity * t2.sin() + gravity * t1.sin() * c)
        second = (second + m2 * l2 * w2 * w2 * s * c) / (l2 * below)
        return torch.stack([w1, first, w2, second], -1)

    return rate


def double_energy(
    states: torch.Tensor, lengths: torch.Tensor, masses: torch.Tensor, gravity: float = 10.0
) -> torch.Tensor:
    """Return the energy [J] of states (…, 4) of a double pendulum; 0 is that of rest at the height of the pivot."""
    (l1, l2), (m1, m2) = lengths.unbind(), masses.unbind()
    t1, w1, t2, w2 = states.unbind(-1)
    moving = 0.5 * (m1 + m2) * (l1 * w1) ** 2 + 0.5 * m2 * (l2 * w2) ** 2
    moving = moving + m2 * l1 * l2 * w1 * w2 * (t1 - t2).cos()
    return moving - (m1 + m2) * gravity * l1 * t1.cos() - m2 * gravity * l2 * t2.cos()


def bobs(angles: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Return where bobs hang (…, K, 2) [m] below a pivot at the origin, of angles (…, K) and lengths (K,)."""
    links = torch.stack([angles.sin(), -angles.cos()], -1) * lengths[:, None]
    return links.cumsum(dim=-2)
