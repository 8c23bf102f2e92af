"""Rigid bodies with relaxed contact on the plane y = 0, whole trajectories at a time (∇Sim, Eq. 2 and 3).

SI units: m, kg, s, N. y is up. Quaternions are (x, y, z, w), from body to world. A batch is B bodies that do not meet.
Time is semi-implicit Euler: m v' = f, I ω' = τ − ω × I ω, then x and the quaternion with the new velocities.
Contact of a point at depth −y > 0 that moves with u: normal force ke·depth − kd·min(u_y, 0); friction on each axis of
the ground −clamp(kf·u, ±mu·normal), the paper's relaxed Coulomb cone. ke [N/m], kd and kf [N s/m] are per point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from rerender.runtime.kernels import device_name, gradient, launch, precision, set_gradient, shared
from rerender.simulation.errors import Diverged
from rerender.simulation.rigid_kernels import rigid_kernels

Vector = tuple[float, float, float]
GRAVITY: Vector = (0.0, -9.8, 0.0)


@dataclass(frozen=True)
class RigidClock:
    """How time passes: step `h` [s], number of steps, gravity [m/s²] and for how many steps the push acts.

    `onset` [m] is the depth over which contact damping grows to its full size; 0 switches it on at once, as the
    paper does. `point_masses` is how the released point-mass class turns: the lever of the push is the body-frame vertex less the world
    position, never rotated, and the orientation follows the angular velocity before the step, though the position follows the new
    velocity (needed for Fig. 2 only, whose published curves this meets within 2e-4).
    """

    h: float
    steps: int
    gravity: Vector = GRAVITY
    push_steps: int = 0
    onset: float = 0.0
    point_masses: bool = False


@dataclass(frozen=True)
class RigidBodies:
    """B bodies: what they are, and what pushes them. All tensors have one dtype and one device.

    `mass` (B,) [kg]; `inertia` (B, 3, 3) [m²], of 1 kg about the centre of mass; `points` (B, P, 3) [m], contact points
    from the centre of mass, the first `counts` (B,) of each body; `contact` (B, 4), its ke, kd, kf and mu;
    `push` (B, 3) [N], a force in the world's frame at `push_at` (B, 3) [m] in the body's frame.
    """

    mass: torch.Tensor
    inertia: torch.Tensor
    points: torch.Tensor
    counts: torch.Tensor
    contact: torch.Tensor
    push: torch.Tensor
    push_at: torch.Tensor

    def with_mass(self, mass: torch.Tensor) -> RigidBodies:
        """Return the same bodies with another mass; the moment of inertia follows."""
        return replace(self, mass=mass)


@dataclass(frozen=True)
class RigidState:
    """Positions (…, B, 3) [m], quaternions (…, B, 4), velocities (…, B, 3) [m/s], angular ones (…, B, 3) [rad/s]."""

    x: torch.Tensor
    r: torch.Tensor
    v: torch.Tensor
    w: torch.Tensor

    def at(self, steps: torch.Tensor | slice | int) -> RigidState:
        """Return the states at some steps of a trajectory."""
        return RigidState(self.x[steps], self.r[steps], self.v[steps], self.w[steps])


def simulate(bodies: RigidBodies, start: RigidState, clock: RigidClock) -> RigidState:
    """Return the trajectory: states of shape (steps + 1, B, …), the start first. Differentiable in every float tensor.

    Raises `Diverged` when a state is no number.
    """
    x, r, v, w = _Trajectory.apply(  # type: ignore[no-untyped-call]
        clock,
        bodies.counts,
        bodies.mass,
        bodies.inertia,
        bodies.points,
        bodies.contact,
        bodies.push,
        bodies.push_at,
        start.x,
        start.r,
        start.v,
        start.w,
    )
    return RigidState(x, r, v, w)


def rotate(r: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Turn points (…, 3) by unit quaternions (…, 4); the leading shapes broadcast."""
    axis, w = r[..., :3], r[..., 3:]
    axis, points = axis + 0.0 * points, points + 0.0 * axis  # to one shape
    cross = torch.linalg.cross(axis, points)
    turned: torch.Tensor = points + 2.0 * (w * cross + torch.linalg.cross(axis, cross))
    return turned


def world_points(state: RigidState, points: torch.Tensor) -> torch.Tensor:
    """Place points (B, P, 3) of the bodies in the world: (…, B, P, 3)."""
    return state.x[..., None, :] + rotate(state.r[..., None, :], points)


class _Trajectory(torch.autograd.Function):
    """Torch's view of the kernel. Inverse inertia is made outside of it, so that torch differentiates it."""

    @staticmethod
    def forward(ctx: Any, clock: RigidClock, counts: torch.Tensor, *values: torch.Tensor) -> Any:
        mass, inertia, *_ = values
        count = len(mass)
        states = [_history(start, clock.steps) for start in values[6:]]
        forces = [mass.new_zeros((clock.steps, count, 3)) for _ in range(2)]
        fixed = [value.contiguous() for value in (mass, inertia, torch.linalg.inv(inertia), *values[2:6])]
        arrays = _arrays(clock, counts, fixed, states, forces, grad=any(ctx.needs_input_grad))
        launch(rigid_kernels(mass.dtype).trajectory, count, arrays, device=device_name(mass))
        _check(states)
        ctx.clock, ctx.arrays = clock, arrays
        ctx.inverse = fixed[2]
        return tuple(states)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        arrays = ctx.arrays
        for array, grad in zip(arrays[14:18], grads, strict=True):
            set_gradient(array, grad)
        for array in (*arrays[6:10], *arrays[11:14], *arrays[18:20]):
            if array.grad is not None:
                array.grad.zero_()
        dtype, device = grads[0].dtype, device_name(grads[0])
        launch(rigid_kernels(dtype).trajectory, grads[0].shape[1], arrays, device=device, adjoint=True)
        mass, inertia, inverse, points = (gradient(array) for array in arrays[6:10])
        inverse_t = ctx.inverse.transpose(-1, -2)
        inertia = inertia - inverse_t @ inverse @ inverse_t
        others = [gradient(array) for array in arrays[11:14]]
        starts = [gradient(array)[0] for array in arrays[14:18]]
        return (None, None, mass, inertia, points, *others, *starts)


def _history(start: torch.Tensor, steps: int) -> torch.Tensor:
    """Return room for a state at every step, the first filled."""
    history = start.new_zeros((steps + 1, *start.shape))
    history[0] = start.detach()
    return history


def _arrays(
    clock: RigidClock,
    counts: torch.Tensor,
    fixed: list[torch.Tensor],
    states: list[torch.Tensor],
    forces: list[torch.Tensor],
    *,
    grad: bool,
) -> list[Any]:
    """Return the kernel's arguments in its order."""
    types = precision(fixed[0].dtype)
    kinds = (types.real, types.mat33, types.mat33, types.vec3, types.vec4, types.vec3, types.vec3)
    values = [shared(value, kind, grad=grad) for value, kind in zip(fixed, kinds, strict=True)]
    state_kinds = (types.vec3, types.quat, types.vec3, types.vec3)
    return [
        types.real(clock.h),
        clock.steps,
        types.vec3(*clock.gravity),
        types.real(clock.onset),
        clock.push_steps,
        int(clock.point_masses),
        *values[:4],
        shared(counts.to(torch.int32).contiguous()),
        *values[4:],
        *(shared(value, kind, grad=grad) for value, kind in zip(states, state_kinds, strict=True)),
        *(shared(value, types.vec3, grad=grad) for value in forces),
    ]


def _check(states: list[torch.Tensor]) -> None:
    """Raise `Diverged` for the first step that left the numbers."""
    bad = torch.stack([~torch.isfinite(state).all(dim=-1) for state in states]).any(dim=0)
    if bad.any():
        step, body = (int(index) for index in bad.nonzero()[0])
        raise Diverged(
            step, body, "body", "the step is too long for the contact's stiffness, or a mass is 0."
        )
