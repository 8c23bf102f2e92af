"""Particle systems over time: semi-implicit Euler, with gradients through thousands of steps at bounded memory.

    v⁺ = v + h (w f + g [w > 0]),   x⁺ = x + h v⁺,   w the inverse mass: a particle with w = 0 stays where it is.

Time is cut into segments. The forward pass keeps the state at their ends; the backward pass simulates a segment again
and then runs its adjoints. Where everything fits into memory there is one segment, and nothing is done twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch

from rerender.simulation.elements import Bends, Springs, Tets, Triangles
from rerender.simulation.errors import Diverged
from rerender.simulation.particle_launches import Launches
from rerender.simulation.rigid import GRAVITY, Vector
from rerender.simulation.tet_lanes import Lanes, lanes_fit

MEMORY = 256 * 2**20
"""Bytes that the states of one segment may take, gradients included."""


@dataclass(frozen=True)
class ParticleClock:
    """How time passes: step `h` [s], number of steps, gravity [m/s²], and the ground's contact.

    A particle touches the ground below the height `radius` [m]. `onset` [m] is the depth over which contact damping grows to its
    full size; 0 switches it on at once, as released. `planar` keeps all velocities in the plane z = 0. `trace_only` and
    `absolute_damping` are two deviations of the released tetrahedra: the invariant Ic from the diagonal alone, and volume
    damping by absolute velocities. `segment` is the number of steps between stored states; None lets memory decide.
    """

    h: float
    steps: int
    gravity: Vector = GRAVITY
    radius: float = 0.01
    onset: float = 0.0
    planar: bool = False
    trace_only: bool = False
    absolute_damping: bool = False
    segment: int | None = None


@dataclass(frozen=True)
class ParticleSystem:
    """Particles and what acts between them. `inverse_mass` (N,) [1/kg]; `contact` (4,): ke, kd, kf, mu, None for no ground."""

    inverse_mass: torch.Tensor
    tets: Tets | None = None
    triangles: Triangles | None = None
    bends: Bends | None = None
    springs: Springs | None = None
    contact: torch.Tensor | None = None

    @property
    def elements(self) -> dict[str, Any]:
        """The groups of elements that there are, by the name of their kernel."""
        groups = {name: getattr(self, name) for name in ("tets", "triangles", "bends", "springs")}
        return {name: group for name, group in groups.items() if group is not None and len(group.corners)}


def simulate_particles(
    system: ParticleSystem, x: torch.Tensor, v: torch.Tensor, clock: ParticleClock, frames: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return positions and velocities (F, N, 3) after so many steps each; `frames` ascend, 0 is the start.

    `x`, `v` (N, 3) are the start. Differentiable in them and in every float tensor of the system. Raises `Diverged` where a
    state is no number, naming step and particle.
    """
    tensors, rebuild = _flatten(system)
    return _Simulation.apply(rebuild, clock, tuple(frames), x, v, *tensors)  # type: ignore[no-untyped-call,no-any-return]


def _flatten(
    system: ParticleSystem,
) -> tuple[list[torch.Tensor], Callable[[Sequence[torch.Tensor]], ParticleSystem]]:
    """Return the float tensors of a system, and how to put such a list back."""
    parts = list(system.elements.items())
    tensors = [system.inverse_mass, *([] if system.contact is None else [system.contact])]
    for _, group in parts:
        tensors += [getattr(group, field.name) for field in fields(group) if field.name != "corners"]

    def rebuild(values: Sequence[torch.Tensor]) -> ParticleSystem:
        queue = iter(values)
        found: dict[str, Any] = {"inverse_mass": next(queue)}
        if system.contact is not None:
            found["contact"] = next(queue)
        for name, group in parts:
            names = [field.name for field in fields(group) if field.name != "corners"]
            found[name] = type(group)(corners=group.corners, **{key: next(queue) for key in names})
        return ParticleSystem(**found)

    return tensors, rebuild


class _Simulation(torch.autograd.Function):
    """Torch's view of a simulation."""

    @staticmethod
    def forward(
        ctx: Any,
        rebuild: Callable[[Sequence[torch.Tensor]], ParticleSystem],
        clock: ParticleClock,
        frames: tuple[int, ...],
        x: torch.Tensor,
        v: torch.Tensor,
        *values: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        grad = any(ctx.needs_input_grad)
        held = [value.detach().contiguous() for value in values]
        run = _Segment(rebuild(held), len(x), x, clock, ctx.needs_input_grad[3:])
        ends = [(x.detach(), v.detach())]
        seen_x, seen_v = [], []
        for first in range(0, clock.steps, run.length):
            count = min(run.length, clock.steps - first)
            run.forward(*ends[-1], first, count)
            for frame in frames:
                if first < frame <= first + count or frame == first == 0:
                    seen_x.append(run.x[frame - first].clone())
                    seen_v.append(run.v[frame - first].clone())
            ends.append((run.x[count].clone(), run.v[count].clone()))
        ctx.run, ctx.ends, ctx.frames, ctx.clock = run if grad else None, ends, frames, clock
        return torch.stack(seen_x), torch.stack(seen_v)

    @staticmethod
    def backward(ctx: Any, grad_x: torch.Tensor, grad_v: torch.Tensor) -> Any:
        run, clock = ctx.run, ctx.clock
        run.steps.clear()
        adjoint_x, adjoint_v = torch.zeros_like(grad_x[0]), torch.zeros_like(grad_v[0])
        starts = list(range(0, clock.steps, run.length))
        for index, first in reversed(list(enumerate(starts))):
            count = min(run.length, clock.steps - first)
            if len(starts) > 1:
                run.forward(*ctx.ends[index], first, count)
            rows = {
                frame - first: number
                for number, frame in enumerate(ctx.frames)
                if first < frame <= first + count or frame == first == 0
            }
            adjoint_x, adjoint_v = run.backward(adjoint_x, adjoint_v, first, count, rows, grad_x, grad_v)
        return (None, None, None, adjoint_x, adjoint_v, *run.steps.gradients())


class _Segment:
    """States of some steps, and what advances them and runs their adjoints."""

    def __init__(
        self,
        system: ParticleSystem,
        count: int,
        like: torch.Tensor,
        clock: ParticleClock,
        needs: Sequence[bool],
    ) -> None:
        """Make room. `needs` says of x, v and every float tensor of the system whether it is differentiated."""
        self.length = _segment_length(clock, count, like)
        self.x, self.v = (like.new_zeros((self.length + 1, count, 3)) for _ in range(2))
        f = like.new_zeros((self.length, count, 3))
        steps = Lanes if lanes_fit(system, clock, like, needs) else Launches
        self.steps = steps(system, clock, (self.x, self.v, f), needs)

    def forward(self, x: torch.Tensor, v: torch.Tensor, first: int, count: int) -> None:
        """Simulate `count` steps from a state; `first` is the number of steps before it."""
        self.x[0], self.v[0] = x, v
        self.steps.advance(first, count)
        if not (torch.isfinite(self.x[count]).all() and torch.isfinite(self.v[count]).all()):
            self._explain(first, count)

    def backward(
        self,
        adjoint_x: torch.Tensor,
        adjoint_v: torch.Tensor,
        first: int,
        count: int,
        rows: dict[int, int],
        grad_x: torch.Tensor,
        grad_v: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run the adjoints of a segment; return those of its first state. `rows` maps its steps to frames."""
        own_x, own_v = self.steps.adjoints
        own_x.zero_()
        own_v.zero_()
        own_x[count] += adjoint_x
        own_v[count] += adjoint_v
        for step, frame in rows.items():
            own_x[step] += grad_x[frame]
            own_v[step] += grad_v[frame]
        self.steps.retreat(first, count)
        return own_x[0].clone(), own_v[0].clone()

    def _explain(self, first: int, count: int) -> None:
        bad = ~(torch.isfinite(self.x[: count + 1]) & torch.isfinite(self.v[: count + 1])).all(dim=-1)
        step, particle = (int(index) for index in bad.nonzero()[0])
        raise Diverged(
            first + step,
            particle,
            "particle",
            "the step is too long for the stiffness (see stability), or an element turned inside out.",
        )


def _segment_length(clock: ParticleClock, count: int, like: torch.Tensor) -> int:
    """Return how many steps a segment has: all of them if they fit, else so many that they do, near √steps at least."""
    if clock.segment is not None:
        return max(1, min(clock.segment, clock.steps))
    row = 6 * 3 * count * like.element_size()
    fitting = max(1, MEMORY // row)
    return clock.steps if fitting >= clock.steps else max(fitting, math.isqrt(clock.steps))
