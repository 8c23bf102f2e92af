"""Wrong normals on purpose: a cheap stand-in for geometry that is still being learned (fact sheet, section 6.3)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rerender.rendering.gbuffers import GBuffer

DECADES = 1.5
"""The error falls to 10^-1.5 of its amplitude over a fit."""
WAVES = 12
FREQUENCY = 3.0  # [rad / scene unit], the standard deviation of the waves' frequencies


@dataclass(frozen=True, eq=False)
class NormalError:
    """A smooth random vector field: a sum of waves with frequencies (K, 3), phases (K,) and directions (K, 3), variance 1."""

    amplitude: float
    frequencies: Tensor
    phases: Tensor
    directions: Tensor

    @classmethod
    def drawn(cls, amplitude: float, seed: int) -> NormalError:
        """Draw a field."""
        generator = torch.Generator().manual_seed(seed)
        frequencies = FREQUENCY * torch.randn(WAVES, 3, generator=generator)
        phases = 2.0 * torch.pi * torch.rand(WAVES, generator=generator)
        return cls(amplitude, frequencies, phases, torch.randn(WAVES, 3, generator=generator))

    def to(self, device: torch.device | str) -> NormalError:
        """Return the field on another device."""
        return NormalError(
            self.amplitude, self.frequencies.to(device), self.phases.to(device), self.directions.to(device)
        )

    def at(self, places: Tensor) -> Tensor:
        """Return the field at places (N, 3), shape (N, 3)."""
        waves = torch.sin(places @ self.frequencies.T + self.phases)
        return float((2.0 / WAVES) ** 0.5) * waves @ self.directions

    def applied(self, surface: GBuffer, done: float) -> GBuffer:
        """Return the surface with wrong shading normals when a share `done` of the fit is over; tangents stay at right angles."""
        scale = self.amplitude * 10.0 ** (-DECADES * done)
        normals = torch.nn.functional.normalize(surface.normals + scale * self.at(surface.positions), dim=-1)
        along = (surface.tangents * normals).sum(dim=-1, keepdim=True)
        tangents = torch.nn.functional.normalize(surface.tangents - along * normals, dim=-1)
        return replace(surface, normals=normals, tangents=tangents)
