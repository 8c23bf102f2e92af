"""Segments of tetrahedra on one thread of a CPU, many steps a call: the values that `tet_lane_kernels` work on, and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from rerender.runtime.kernels import device_name, launch, precision, shared
from rerender.simulation.tet_lane_kernels import MATERIAL, REGISTER, lane_kernels

if TYPE_CHECKING:
    from rerender.simulation.particles import ParticleClock, ParticleSystem


def lanes_fit(
    system: ParticleSystem, clock: ParticleClock, like: torch.Tensor, needs: Sequence[bool]
) -> bool:
    """Return whether lanes can do it: tetrahedra alone, on a CPU, no released deviations, and rest shapes that are not differentiated.

    `needs` says of x, v and every float tensor of the system whether it is differentiated.
    """
    inverse = 3 if system.contact is None else 4
    return (
        like.device.type == "cpu"
        and list(system.elements) == ["tets"]
        and not (clock.trace_only or clock.absolute_damping)
        and not any(needs[inverse : inverse + 2])
    )


class Lanes:
    """Steps of a segment, and their adjoints; `adjoints` (S + 1, N, 3) are those of positions and velocities, if any are wanted."""

    def __init__(
        self,
        system: ParticleSystem,
        clock: ParticleClock,
        states: Sequence[torch.Tensor],
        needs: Sequence[bool],
    ) -> None:
        """`states` are x, v (S + 1, N, 3) and f (S, N, 3); `needs` as for `lanes_fit`, which must hold."""
        assert system.tets is not None
        x, tets, self._needs = states[0], system.tets, list(needs[2:])
        types, self._kernels = precision(x.dtype), lane_kernels(x.dtype)
        self._count, self._has_contact = len(tets.corners), system.contact is not None
        short = -self._count % (
            REGISTER // x.element_size()
        )  # elements of no size and no stiffness fill the last register

        def padded(values: torch.Tensor, fill: float) -> torch.Tensor:
            return torch.nn.functional.pad(values, (0, short), value=fill).contiguous()

        rows = ((tets.mu, 0.0), (tets.lam, 1.0), (tets.damping, 0.0))
        inverse = tets.inverse.reshape(self._count, 9).T
        packed = [padded(row[None], fill) for row, fill in rows]
        packed += [padded(inverse, 0.0), padded(tets.volume[None], 1.0)]
        packed += [padded(torch.linalg.det(tets.inverse)[None], 1.0)]
        contact = x.new_zeros((1, 4)) if system.contact is None else system.contact.reshape(1, 4).contiguous()
        values = (torch.cat(packed), padded(tets.act, 0.0), system.inverse_mass.contiguous())
        mass, *others = self._needs
        met = self._has_contact and others.pop(0)
        self._wanted = [mass, met, any(others[2:5]), others[5]]
        sizes = (values[2].shape, (1, 4), (MATERIAL, values[0].shape[1]), values[1].shape)
        large = self._wanted[2:]  # the rest are a few numbers
        self._found = [
            x.new_zeros(size if wanted else (1, 1))
            for wanted, size in zip((True, True, *large), sizes, strict=True)
        ]
        self.adjoints = [torch.zeros_like(state) for state in states[:2]] if any(needs) else []
        self._device = device_name(x)
        self._run = run = self._kernels.Run()
        run.h, run.gravity = clock.h, types.vec3(*clock.gravity)
        run.free = types.vec3(1.0, 1.0, 0.0 if clock.planar else 1.0)
        run.ground, run.radius, run.onset = int(self._has_contact), clock.radius, clock.onset
        run.corners = shared(padded(tets.corners.T.to(torch.int32), 0))
        run.packed, run.act, run.masses = (shared(value) for value in values)
        run.contact = shared(contact, types.vec4)
        run.x, run.v, run.f = (shared(state, types.vec3) for state in states)
        if self.adjoints:
            run.wants_mass, run.wants_contact, run.wants_material, run.wants_act = map(int, self._wanted)
            run.bar_x, run.bar_v = (shared(adjoint, types.vec3) for adjoint in self.adjoints)
            run.scratch = shared(torch.zeros_like(x[0]), types.vec3)
            kinds = (None, types.vec4, None, None)
            run.bar_masses, run.bar_contact, run.bar_packed, run.bar_act = (
                shared(found, kind) for found, kind in zip(self._found, kinds, strict=True)
            )

    def advance(self, first: int, count: int) -> None:
        """Make `count` steps from the first state; `first` steps went before."""
        self._launch(self._kernels.forward, first, count)

    def retreat(self, first: int, count: int) -> None:
        """Run the adjoints of these steps, from the last to the first."""
        self._launch(self._kernels.backward, first, count)

    def _launch(self, kernel: Any, first: int, count: int) -> None:
        self._run.first, self._run.steps = first, count
        launch(kernel, 1, [self._run], device=self._device)

    def clear(self) -> None:
        """Forget the gradients of the parameters."""
        for found in self._found:
            found.zero_()

    def gradients(self) -> list[torch.Tensor | None]:
        """Return the gradients of the system's float tensors, in their order; None where none was asked for."""
        mass, contact, material, act = self._found
        every = [
            mass,
            *([contact[0]] if self._has_contact else []),
            *(None, None),
            *(material[row, : self._count] for row in range(MATERIAL) if self._wanted[2]),
            *([None] * MATERIAL if not self._wanted[2] else []),
            act[:, : self._count],
        ]
        return [
            found.clone() if needed and found is not None else None
            for found, needed in zip(every, self._needs, strict=True)
        ]
