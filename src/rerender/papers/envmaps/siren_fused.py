"""`siren_block.Block` with all layers in one kernel each way (`siren_kernels`), for a GPU.

There a step of small layers waits for launches and for memory, not for arithmetic. The gradients by the weights stay
matrix products over all texels of the block.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from rerender.papers.envmaps.siren_block import CHANNELS, Layers
from rerender.papers.envmaps.siren_kernels import passes
from rerender.papers.envmaps.specs import Output
from rerender.runtime.kernels import device_name, launch_tiled, strided


class FusedBlock:
    """The buffers of one block of `texels`, and the passes through them; as `siren_block.Block`.

    Raises `UserError` for a width that the kernels cannot do.
    """

    def __init__(self, layers: Layers, texels: int, output: Output, kind: Mapping[str, Any]) -> None:
        self.layers, self.sigmoid = layers, output == "sigmoid"
        width, depth = len(layers[0][0]), len(layers) - 2
        self.passes = passes(width, depth, kind["dtype"])
        self.launches = -(-texels // self.passes.texels)
        self.sines, self.cosines = (torch.empty(depth, width, texels, **kind) for _ in range(2))
        self.outputs = torch.empty(CHANNELS, texels, **kind)
        inner = max(1, depth - 1)  # an array without entries is no argument of a kernel
        self.weights, self.transposed = (torch.zeros(inner, width, width, **kind) for _ in range(2))
        self.biases = torch.zeros(inner, width, 1, **kind)

    def forward(self, z: Tensor) -> Tensor:
        """Return the outputs, shape (3, texels), from the second layer's arguments, shape (features, texels)."""
        for k, (w, b) in enumerate(self.layers[2:-1]):
            self.weights[k].copy_(w)
            self.transposed[k].copy_(w.T)
            self.biases[k, :, 0].copy_(b)
        last, bias = self.layers[-1]
        arrays = (
            z,
            self.transposed,
            self.biases,
            last,
            bias[:, None],
            self.sines,
            self.cosines,
            self.outputs,
        )
        self._launch(self.passes.forward, arrays)
        return self.outputs.sigmoid_() if self.sigmoid else self.outputs

    def backward(self, z: Tensor, slopes: Tensor, gradients: Layers, out: Tensor) -> None:
        """Add to the gradients of all layers but the first two, and write that by `z` to `out` (which may be `z`).

        `slopes` is the gradient by the outputs, shape (3, texels). Goes once: it takes the place of the cosines.
        """
        delta = slopes * self.outputs * (1 - self.outputs) if self.sigmoid else slopes
        self._launch(self.passes.backward, (delta, self.weights, self.layers[-1][0], self.cosines, out))
        dw, db = gradients[-1]
        dw.addmm_(delta, self.sines[-1].T)
        db += delta.sum(1)
        for k, (dw, db) in enumerate(gradients[2:-1]):
            dz = self.cosines[k + 1]
            dw.addmm_(dz, self.sines[k].T)
            db += dz.sum(1)

    def _launch(self, kernel: Any, tensors: tuple[Tensor, ...]) -> None:
        launch_tiled(
            kernel,
            self.launches,
            [strided(tensor) for tensor in tensors],
            device=device_name(self.outputs),
            threads=self.passes.threads,
        )
