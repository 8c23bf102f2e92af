"""A SIREN at any points, for steps on a few texels of a large map; `siren` is for whole maps.

Points off a grid have no Chebyshev nodes to share, so a texel costs a third more here. The passes are otherwise the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rerender.papers.envmaps.siren import LocalLoss, ScaledWeights
from rerender.papers.envmaps.siren_block import CHANNELS, AnyBlock, cosine, entries, make_block, sine
from rerender.papers.envmaps.specs import Kernels, NetworkSettings


class SirenPoints:
    """A network at points, with the buffers of its passes for blocks of (at most) `block` points.

    One object serves one network at a time: it is not for use from several threads.
    """

    def __init__(
        self,
        settings: NetworkSettings,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        block: int | None = None,
        kernels: Kernels = "torch",
    ) -> None:
        self.settings, self.kernels, on = settings, kernels, torch.device(device)
        self.block = block or max(1, entries(on) // settings.width)
        self.kind: dict[str, Any] = {"dtype": dtype, "device": on}
        self.scaled = ScaledWeights(settings, self.kind)
        self._buffers: dict[int, tuple[AnyBlock, list[Tensor]]] = {}

    @torch.no_grad()
    def loss_and_gradient(
        self, weights: Tensor, points: Tensor, local_loss: LocalLoss, gradient: Tensor
    ) -> Tensor:
        """Return the summed local losses, shape (), and write their gradient by the flat weights to `gradient`.

        `points` are (x, y) in [-1, 1], shape (2, points).
        """
        self.scaled.take(weights)
        gradient.zero_()
        gradients = self.scaled.views(gradient)
        (w, b), (w1, b1) = self.scaled.layers[:2]
        (dw, db), (dw1, db1) = gradients[:2]
        total = torch.zeros((), **self.kind)
        for first in range(0, points.shape[1], self.block):
            here = points[:, first : first + self.block]
            layers, (cosines, sines, z) = self._memory(here.shape[1])
            torch.addmm(b[:, None], w, here, out=cosines)
            sine(cosines, sines)
            cosine(cosines, cosines)
            torch.addmm(b1[:, None], w1, sines, out=z)
            outputs = layers.forward(z)
            loss, slopes = local_loss(outputs.T, first)
            total += loss
            layers.backward(z, slopes.reshape(-1, CHANNELS).T, gradients, z)
            dw1.addmm_(z, sines.T)
            db1 += z.sum(1)
            dz = torch.mm(w1.T, z, out=sines).mul_(cosines)
            dw.addmm_(dz, here.T)
            db += dz.sum(1)
        gradient.mul_(self.scaled.scale)
        return total

    def _memory(self, points: int) -> tuple[AnyBlock, list[Tensor]]:
        """Return the buffers of a block of that size: a fit has one or two sizes."""
        if points not in self._buffers:
            s = self.settings
            own = [torch.empty(s.width, points, **self.kind) for _ in range(5)]
            block = make_block(self.kernels, self.scaled.layers, points, s.output, self.kind, own[3:])
            self._buffers[points] = (block, own[:3])
        return self._buffers[points]
