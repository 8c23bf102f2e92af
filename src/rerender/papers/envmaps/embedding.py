"""The map as something that Adam can change (section 3): texels, their logarithms, or a network's weights.

pixels   E = x >= 0, clamped after each step
logpix   E = eps (exp(z) - 1), z >= 0: the paper's exp(x) - eps with x = z + ln eps, which Adam cannot tell apart
network  E = exp(f_th (M - m) + m) - eps (Eq. 2 and 3)
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from rerender.core.errors import UserError
from rerender.core.images import check_radiance
from rerender.fitting.problem import Parameter
from rerender.papers.envmaps.fit import FittedMap
from rerender.papers.envmaps.siren import SirenGrid, weight_count
from rerender.papers.envmaps.specs import RepresentationSpec


class Embedding(Protocol):
    """One tensor to optimise, and the map that it stands for."""

    tensor: Tensor
    """A leaf with `requires_grad`; the fitting loop changes it in place."""

    def parameter(self, lr: float) -> Parameter:
        """Return the tensor with a learning rate and its bounds."""
        ...

    def decode(self) -> Tensor:
        """Return linear radiance >= 0, shape (H, W, 3), differentiable in the tensor."""
        ...


class PixelEmbedding:
    """The texels themselves."""

    def __init__(self, initial: Tensor) -> None:
        self.tensor = initial.detach().clone().requires_grad_()

    def parameter(self, lr: float) -> Parameter:
        """Return the texels, bounded below by 0."""
        return Parameter(self.tensor, lr, low=0.0)

    def decode(self) -> Tensor:
        """Return the texels."""
        return self.tensor


class LogEmbedding:
    """z = ln(E / eps + 1): all of a texel's range is within reach, and 0 is exactly black."""

    def __init__(self, initial: Tensor, eps: float) -> None:
        self.eps = eps
        self.tensor = torch.log1p(initial.detach() / eps).requires_grad_()

    def parameter(self, lr: float) -> Parameter:
        """Return z, bounded below by 0."""
        return Parameter(self.tensor, lr, low=0.0)

    def decode(self) -> Tensor:
        """Return eps (exp(z) - 1)."""
        return self.eps * torch.expm1(self.tensor)


class NetworkEmbedding:
    """The weights of a fitted network, flat; the normaliser stays as it was frozen by the fit."""

    def __init__(
        self,
        fitted: FittedMap,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self.normaliser = fitted.normaliser
        self.grid = SirenGrid(fitted.network, *fitted.size, dtype=dtype, device=device)
        if fitted.weights.shape != (weight_count(fitted.network),):
            raise ValueError(f"{tuple(fitted.weights.shape)} weights are not those of {fitted.network}")
        self.tensor = fitted.weights.detach().to(device, dtype, copy=True).requires_grad_()

    def parameter(self, lr: float) -> Parameter:
        """Return the weights; they have no bounds."""
        return Parameter(self.tensor, lr)

    def decode(self) -> Tensor:
        """Return the decoded map."""
        return self.normaliser.radiance(self.grid.decode(self.tensor))


def make_embedding(
    spec: RepresentationSpec,
    initial: np.ndarray,
    fitted: FittedMap | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Embedding:
    """Return the start of an inversion: the initial map (H, W, 3), or what a network holds of it.

    Raises `UserError` for a network without its fit or with that of a map of another size, and for radiance that is
    negative or not finite.
    """
    check_radiance(initial, "initial map")
    if spec.kind == "network":
        if fitted is None:
            raise UserError(f"representation '{spec.id}' starts from a fitted network", "Run fit_map first.")
        if fitted.size != initial.shape[:2]:
            raise UserError(
                f"the network was fitted to a map of {fitted.size[1]} x {fitted.size[0]} texels, "
                f"but the initial map has {initial.shape[1]} x {initial.shape[0]}",
                "Fit it to this map.",
            )
        return NetworkEmbedding(fitted, dtype=dtype, device=device)
    texels = torch.from_numpy(np.ascontiguousarray(initial)).to(device, dtype)
    return PixelEmbedding(texels) if spec.kind == "pixels" else LogEmbedding(texels, spec.normaliser.eps)
