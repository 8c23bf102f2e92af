"""Lat-long light filtered for split-sum shading: GGX lobes of six roughnesses, and the irradiance (Karis 2013).

The lobe of roughness r is seen along its axis (n = v = reflection): weight n.l D(n.h), alpha = r^2. Such a filter is the
same for all azimuths, so it is a product of Fourier series along the rows: exact for the map's resolution, hence without
the mip chain and the energy cutoff of nvdiffrec's cube maps. Levels are at the roughnesses of nvdiffrec,
and are interpolated linearly; below the first one a lobe has its width.

Maps are (H, 2 H, 3), linear radiance, y up, as in `core.latlong`. Directions are unit vectors in the world.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from rerender.core.errors import UserError
from rerender.core.files import Tree
from rerender.core.images import check_radiance
from rerender.core.latlong import solid_angles

ROUGHNESSES = (0.08, 0.185, 0.29, 0.395, 0.5, 1.0)
CHUNK = 2**22  # filter weights at a time, about 100 MB
LEARNED_ROWS = 256


@dataclass(frozen=True, eq=False)
class LightLevels:
    """What shading looks up: `specular` (6, H, W + 2, 3) by roughness, `diffuse` (H, W + 2, 3), the mean radiance
    around a normal weighted by the cosine (irradiance over pi). The first and last columns repeat those across the seam.
    """

    specular: torch.Tensor
    diffuse: torch.Tensor

    @classmethod
    def from_latlong(cls, radiance: np.ndarray, *, name: str = "light") -> LightLevels:
        """Filter a fixed map (H, 2 H, 3) in double precision; float32 levels on the CPU.

        Costs H^3 evaluations: about 0.1 s for 64 rows and a minute for 512; keep the result by `to_tree`. Raises
        `UserError` for NaN, infinite or negative pixels, or another shape.
        """
        pixels = torch.from_numpy(_checked(radiance, name))
        height, width = pixels.shape[:2]
        step = max(1, CHUNK // (height * width))
        spectrum = _spectrum(pixels)
        parts = [
            _apply(_filters(height, range(first, min(first + step, height))), spectrum, width)
            for first in range(0, height, step)
        ]
        return _levels(torch.cat(parts, dim=1).clamp_min(0.0).float())

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> LightLevels:
        """Return the levels on another device or in another precision."""
        return LightLevels(self.specular.to(device, dtype), self.diffuse.to(device, dtype))

    def to_tree(self) -> Tree:
        """Return the levels as arrays, for `save_tree`."""
        return {"specular": self.specular.cpu().numpy(), "diffuse": self.diffuse.cpu().numpy()}

    @classmethod
    def from_tree(cls, tree: Tree) -> LightLevels:
        """Undo `to_tree`."""
        return cls(torch.from_numpy(tree["specular"]), torch.from_numpy(tree["diffuse"]))


class LearnedLight(torch.nn.Module):
    """A light that is optimised: `base` (H, 2 H, 3) >= 0, from which `levels` are made afresh in every step.

    Call `clamp_` after every step. nvdiffrec starts at 0.5.
    """

    def __init__(self, base: torch.Tensor | None = None, *, height: int = 64, initial: float = 0.5) -> None:
        super().__init__()
        start = torch.full((height, 2 * height, 3), initial) if base is None else base.detach().clone()
        if start.ndim != 3 or start.shape[1] != 2 * start.shape[0] or start.shape[2] != 3:
            raise ValueError(f"a light has shape (H, 2 H, 3), not {tuple(start.shape)}")
        if start.shape[0] > LEARNED_ROWS:
            raise UserError(
                f"a learned light of {start.shape[0]} rows", f"At most {LEARNED_ROWS} rows can be learned."
            )
        self.base = torch.nn.Parameter(start)
        self.filters: torch.Tensor
        filters = _filters(start.shape[0], range(start.shape[0])).to(start)
        self.register_buffer("filters", filters, persistent=False)

    def levels(self) -> LightLevels:
        """Return the filtered light; differentiable in `base`."""
        return _levels(_apply(self.filters, _spectrum(self.base), self.base.shape[1]))

    @torch.no_grad()
    def clamp_(self) -> None:
        """Set negative radiance to 0."""
        self.base.clamp_(min=0.0)

    def white_balance(self) -> torch.Tensor:
        """Return the mean distance of the texels from their own grey, weighted by solid angle (weight it by 0.005)."""
        grey = self.base.mean(dim=-1, keepdim=True)
        angles = torch.as_tensor(solid_angles(*self.base.shape[:2]) * self.base.shape[1] / (4.0 * np.pi))
        distance = (self.base - grey).abs().mean(dim=(1, 2))
        balance: torch.Tensor = (distance * angles.to(distance)).sum()
        return balance


def _checked(radiance: np.ndarray, name: str) -> np.ndarray:
    radiance = np.asarray(radiance)
    if radiance.ndim != 3 or radiance.shape[1] != 2 * radiance.shape[0]:
        raise UserError(
            f"the light '{name}' has shape {radiance.shape}",
            "A lat-long map is twice as wide as high, (H, 2 H, 3): export it in that projection.",
        )
    check_radiance(radiance, name)
    return radiance.astype(np.float64)


def _filters(height: int, rows: range) -> torch.Tensor:
    """Return the filters' Fourier series, (W/2 + 1, 7 x rows, H): six lobes and the cosine, from all rows to some.

    A filter is even in azimuth, so its series is real.
    """
    polar = torch.pi * (torch.arange(height, dtype=torch.float64) + 0.5) / height
    width = 2 * height
    turn = 2.0 * torch.pi * torch.arange(width // 2 + 1, dtype=torch.float64) / width
    out = polar[rows.start : rows.stop, None, None]
    cosine = torch.cos(out) * torch.cos(polar)[:, None] + torch.sin(out) * torch.sin(polar)[
        :, None
    ] * torch.cos(turn)
    facing = cosine.clamp_min(0.0) * torch.from_numpy(solid_angles(height, width))[:, None]
    half2 = 0.5 * (1.0 + cosine)
    found = []
    for roughness in (*ROUGHNESSES, None):
        weight = facing if roughness is None else facing / (half2 * (roughness**4 - 1.0) + 1.0) ** 2
        series = torch.fft.hfft(weight, n=width, dim=-1)[..., : width // 2 + 1]
        found.append(series / series[..., :1].sum(dim=1, keepdim=True))
    return torch.stack(found).permute(3, 0, 1, 2).flatten(1, 2).contiguous()


def _spectrum(radiance: torch.Tensor) -> torch.Tensor:
    """Return the Fourier series of a map's rows, (W/2 + 1, H, 6): real parts of the channels, then imaginary ones."""
    series = torch.fft.rfft(radiance, dim=1).transpose(0, 1)
    return torch.cat([series.real, series.imag], dim=-1)


def _apply(filters: torch.Tensor, spectrum: torch.Tensor, width: int) -> torch.Tensor:
    """Filter a map: (7, rows, W, 3)."""
    product = torch.bmm(filters, spectrum)
    series = torch.complex(product[..., :3], product[..., 3:])
    kinds = len(ROUGHNESSES) + 1
    rows: torch.Tensor = torch.fft.irfft(series, n=width, dim=0)
    return rows.reshape(width, kinds, -1, 3).permute(1, 2, 0, 3)


def _levels(maps: torch.Tensor) -> LightLevels:
    """Lay filtered maps (7, H, W, 3) out for look-ups."""
    ready = torch.cat([maps[:, :, -1:], maps, maps[:, :, :1]], dim=2)
    return LightLevels(ready[:-1], ready[-1])
