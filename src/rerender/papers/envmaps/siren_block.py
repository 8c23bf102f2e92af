"""The layers of a SIREN above the second one's argument, for a block of texels: forward, backward, all in place.

    h_1 = sin(z_1),  z_k = W_k h_(k-1) + b_k,  h_k = sin(z_k),  f = sigmoid(W_L h_(L-1) + b_L)

w0 is in the weights already. All arrays are feature-major, (features, texels). A block's arrays are small enough for a
shared cache, so that memory does not matter; smaller ones bring nothing, as matrix products are most of the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from rerender.papers.envmaps.specs import Kernels, Output

CHANNELS = 3
ENTRIES = 1 << 19  # of one array of a block: two megabytes in single precision
ENTRIES_ON_CUDA = 1 << 24  # a GPU wants few launches: the paper's map and network are one block

Layers = Sequence[tuple[Tensor, Tensor]]
"""(weight, bias) of every layer, or gradients by them."""


class AnyBlock(Protocol):
    """What takes a block of texels through the layers: `Block`, or `siren_fused.FusedBlock`."""

    def forward(self, z: Tensor) -> Tensor:
        """Return the outputs, shape (3, texels), from the second layer's arguments, shape (features, texels)."""
        ...

    def backward(self, z: Tensor, slopes: Tensor, gradients: Layers, out: Tensor) -> None:
        """Add to the gradients of all layers but the first two, and write that by `z` to `out`."""
        ...


def make_block(
    kernels: Kernels,
    layers: Layers,
    texels: int,
    output: Output,
    kind: Mapping[str, Any],
    spare: Sequence[Tensor],
) -> AnyBlock:
    """Return a block of the kernels that are asked for; `auto` is the fused ones on CUDA."""
    if kernels == "fused" or (kernels == "auto" and kind["device"].type == "cuda"):
        from rerender.papers.envmaps.siren_fused import FusedBlock  # Warp loads only where it is used

        return FusedBlock(layers, texels, output, kind)
    return Block(layers, texels, output, kind, spare)


def entries(device: torch.device) -> int:
    """Return how many entries one array of a block may have on a device."""
    return ENTRIES_ON_CUDA if device.type == "cuda" else ENTRIES


class Block:
    """The buffers of one block of `texels`, and the passes through them; `layers` are those of the whole network.

    `spare` are two arrays (features, texels) that only a backward pass needs: blocks may share them.
    """

    def __init__(
        self, layers: Layers, texels: int, output: Output, kind: Mapping[str, Any], spare: Sequence[Tensor]
    ) -> None:
        self.layers, self.sigmoid, self.spare = layers, output == "sigmoid", spare
        width, depth = len(layers[0][0]), len(layers) - 2
        self.sines = [torch.empty(width, texels, **kind) for _ in range(depth)]
        self.arguments = [torch.empty(width, texels, **kind) for _ in range(depth - 1)]
        self.outputs = torch.empty(CHANNELS, texels, **kind)

    def forward(self, z: Tensor) -> Tensor:
        """Return the outputs, shape (3, texels), from the second layer's arguments, shape (features, texels)."""
        sine(z, self.sines[0])
        for k, argument in enumerate(self.arguments):
            w, b = self.layers[k + 2]
            torch.addmm(b[:, None], w, self.sines[k], out=argument)
            sine(argument, self.sines[k + 1])
        w, b = self.layers[-1]
        torch.addmm(b[:, None], w, self.sines[-1], out=self.outputs)
        return self.outputs.sigmoid_() if self.sigmoid else self.outputs

    def backward(self, z: Tensor, slopes: Tensor, gradients: Layers, out: Tensor) -> None:
        """Add to the gradients of all layers but the first two, and write that by `z` to `out` (which may be `z`).

        `slopes` is the gradient by the outputs, shape (3, texels). Goes once: all arguments become cosines, `z` too.
        """
        delta = slopes * self.outputs * (1 - self.outputs) if self.sigmoid else slopes
        dw, db = gradients[-1]
        dw.addmm_(delta, self.sines[-1].T)
        db += delta.sum(1)
        dh, other = self.spare
        torch.mm(self.layers[-1][0].T, delta, out=dh)
        for k in range(len(self.arguments) - 1, -1, -1):
            cosines = self.arguments[k]
            cosine(cosines, cosines)
            dz = dh.mul_(cosines)
            dw, db = gradients[k + 2]
            dw.addmm_(dz, self.sines[k].T)
            db += dz.sum(1)
            torch.mm(self.layers[k + 2][0].T, dz, out=other)
            dh, other = other, dh
        cosine(z, z)
        torch.mul(dh, z, out=out)


def sine(source: Tensor, out: Tensor) -> None:
    """Write sines; on a CPU by NumPy, whose float32 sine takes less than half of torch's time."""
    if source.device.type == "cpu":
        np.sin(source.numpy(), out=out.numpy())
    else:
        torch.sin(source, out=out)


def cosine(source: Tensor, out: Tensor) -> None:
    """Write cosines; `out` may be `source`."""
    if source.device.type == "cpu":
        np.cos(source.numpy(), out=out.numpy())
    else:
        torch.cos(source, out=out)
