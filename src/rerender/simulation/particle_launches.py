"""Segments of particle systems of every kind, a launch for each step and kind of element, on any device.

The adjoints are those that Warp makes of `particle_kernels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import torch
import warp as wp

from rerender.runtime.kernels import device_name, gradient, precision, recorded, shared
from rerender.simulation.particle_kernels import particle_kernels

if TYPE_CHECKING:
    from rerender.simulation.particles import ParticleClock, ParticleSystem


class Launches:
    """Steps of a segment, and their adjoints; `adjoints` (S + 1, N, 3) are those of positions and velocities, if any are wanted."""

    def __init__(
        self,
        system: ParticleSystem,
        clock: ParticleClock,
        states: Sequence[torch.Tensor],
        needs: Sequence[bool],
    ) -> None:
        """`states` are x, v (S + 1, N, 3) and f (S, N, 3); `needs` says of x, v and every float tensor of the system whether it is differentiated."""
        grad, wanted, like = any(needs), iter(needs[2:]), states[0]
        self._f = states[2]
        count = like.shape[1]
        types, device = precision(like.dtype), device_name(like)
        kernels = particle_kernels(like.dtype)
        self._states = [shared(tensor, types.vec3, grad=grad) for tensor in states]
        x, v, f = self._states
        self.adjoints = (
            [wp.to_torch(state.grad, requires_grad=False) for state in self._states[:2]] if grad else []
        )
        kinds = {"inverse": {"tets": types.mat33, "triangles": types.mat22}}
        contact = like.new_zeros((1, 4)) if system.contact is None else system.contact.reshape(1, 4)
        self._parameters = [
            shared(system.inverse_mass, types.real, grad=next(wanted)),
            shared(contact.contiguous(), types.vec4, grad=system.contact is not None and next(wanted)),
        ]
        self._has_contact = system.contact is not None
        lists: list[tuple[Any, int, list[Any], tuple[int, ...]]] = []
        for name, group in system.elements.items():
            values = [
                shared(
                    getattr(group, field.name),
                    kinds.get(field.name, {}).get(name, types.real),
                    grad=next(wanted),
                )
                for field in fields(group)
                if field.name != "corners"
            ]
            self._parameters += values
            switches = [int(clock.trace_only), int(clock.absolute_damping)] if name == "tets" else []
            timed = [0, 0] if name in ("tets", "triangles") else [0]
            corners = shared(group.corners.to(torch.int32).contiguous())
            arguments = [*timed, *switches, x, v, corners, *values, f]
            lists.append((getattr(kernels, name), len(group.corners), arguments, tuple(range(len(timed)))))
        step = [
            *(0, types.real(clock.h), types.vec3(*clock.gravity)),
            types.vec3(1.0, 1.0, 0.0 if clock.planar else 1.0),
            *(int(self._has_contact), types.real(clock.radius), types.real(clock.onset)),
            *(x, v, f, self._parameters[0], self._parameters[1], x, v),
        ]
        lists.append((kernels.integrate, count, step, (0,)))
        self._forward = [
            (recorded(kernel, size, arguments, device=device), timed)
            for kernel, size, arguments, timed in lists
        ]
        self._adjoint = [
            (recorded(kernel, size, arguments, device=device, adjoint=True), timed)
            for kernel, size, arguments, timed in reversed(lists)
            if grad
        ]

    def advance(self, first: int, count: int) -> None:
        """Make `count` steps from the first state; `first` steps went before."""
        self._f.zero_()
        for s in range(count):
            for command, timed in self._forward:
                command(dict(zip(timed, (s, first + s), strict=False)))

    def retreat(self, first: int, count: int) -> None:
        """Run the adjoints of these steps, from the last to the first."""
        wp.to_torch(self._states[2].grad, requires_grad=False).zero_()
        for s in reversed(range(count)):
            for command, timed in self._adjoint:
                command(dict(zip(timed, (s, first + s), strict=False)))

    def clear(self) -> None:
        """Forget the gradients of the parameters."""
        for array in self._parameters:
            if array.grad is not None:
                array.grad.zero_()

    def gradients(self) -> list[torch.Tensor | None]:
        """Return the gradients of the system's float tensors, in their order; None where none was asked for."""
        found = [None if array.grad is None else gradient(array) for array in self._parameters]
        mass, contact, *others = found
        return [mass, *([None if contact is None else contact[0]] if self._has_contact else []), *others]
