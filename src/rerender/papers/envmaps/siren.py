"""The network (section 2.2): sine layers over the map's grid, with forward and backward passes written by hand.

    h_0 = sin(w0 (W_0 p + b_0)),  h_l = sin(w0 (W_l h_(l-1) + b_l)),  f = sigmoid(W_L h_(L-1) + b_L)

The weights are one flat vector, so that an optimiser, a perturbation or a checkpoint handles one tensor; `named`
gives the layers as views of it. p = (x, y) are columns and rows in [-1, 1], end points included. All inner arrays are
feature-major, (features, texels).

What makes it fast on a CPU, against layers of modules under autograd: no allocation in a step; w0 folded into the
weights; NumPy's vectorised sine and cosine; blocks of texels that stay in the cache (`siren_block`); and the first two
layers evaluated on few Chebyshev nodes and interpolated (`bandlimit`), which is exact to rounding and replaces most of
one layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rerender.papers.envmaps.bandlimit import chebyshev_nodes, interpolation_matrix, node_count
from rerender.papers.envmaps.siren_block import CHANNELS, AnyBlock, Layers, cosine, entries, make_block, sine
from rerender.papers.envmaps.specs import Kernels, NetworkSettings

CHUNK = {"cpu": 8192, "cuda": 65536}  # texels that are interpolated from the nodes at a time
_TOLERANCE = {torch.float32: 2e-7, torch.float64: 1e-13}  # of the interpolated sines; about their rounding
_ROUND = 16  # nodes come in multiples of this: products with 31 columns take twice the time of those with 32
_WORTH_IT = 0.75  # nodes per grid point of an axis above which interpolation costs more than it saves

LocalLoss = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""From the outputs of whole rows, shape (rows, W, 3), and the first row's index: their part of the loss, shape (),
and its gradient by the outputs, shape (rows, W, 3). With `SirenPoints`: (points, 3), and the first point's index."""


def weight_shapes(settings: NetworkSettings) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the layers' weights and biases by name, in the order of the flat vector."""
    sizes = [2, *[settings.width] * (settings.hidden_layers + 1), CHANNELS]
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
        shapes |= {f"layer{layer}.weight": (outputs, inputs), f"layer{layer}.bias": (outputs,)}
    return shapes


def weight_count(settings: NetworkSettings) -> int:
    """Return the length of the flat vector."""
    return sum(math.prod(shape) for shape in weight_shapes(settings).values())


def named(weights: Tensor, settings: NetworkSettings) -> dict[str, Tensor]:
    """Return the layers as views of the flat vector, or of anything that is aligned with it."""
    shapes = weight_shapes(settings)
    parts = torch.split_with_sizes(weights, [math.prod(shape) for shape in shapes.values()])
    return {name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def flat(layers: Mapping[str, Any], settings: NetworkSettings) -> Tensor:
    """Return the flat float32 vector of named tensors or arrays; undoes `named`. Raises `ValueError` if they do not fit."""
    shapes = weight_shapes(settings)
    found = {name: tuple(layers[name].shape) for name in layers}
    if found != shapes:
        raise ValueError(f"the weights {found} are not those of the network {shapes}")
    return torch.cat([torch.as_tensor(np.asarray(layers[name])).reshape(-1).float() for name in shapes])


def initial_weights(settings: NetworkSettings, seed: int) -> Tensor:
    """Draw the start (Sitzmann et al. 2020), flat float32; the same on every machine.

    First layer U(-1/n, 1/n) for n inputs, others U(-sqrt(6/n)/w0, sqrt(6/n)/w0); biases U(-1/sqrt(n), 1/sqrt(n)).
    """
    rng = np.random.default_rng(seed)
    layers: dict[str, np.ndarray] = {}
    inputs = 2
    for name, shape in weight_shapes(settings).items():
        if len(shape) == 2:
            inputs = shape[1]
            bound = 1 / inputs if name == "layer0.weight" else math.sqrt(6 / inputs) / settings.w0
        else:
            bound = 1 / math.sqrt(inputs)
        layers[name] = rng.uniform(-bound, bound, shape)
    return flat(layers, settings)


class ScaledWeights:
    """The weights of a network with w0 folded in, and views of them by layer.

    `layers` stay the same views from pass to pass: `take` writes new values below them.
    """

    def __init__(self, settings: NetworkSettings, kind: Mapping[str, Any]) -> None:
        self.settings = settings
        self.values = torch.empty(weight_count(settings), **kind)
        self.layers: Layers = list(_pairs(named(self.values, settings)))
        self.scale = torch.full_like(self.values, settings.w0)
        self.scale[-self.layers[-1][0].numel() - CHANNELS :] = 1.0  # the output layer has no w0

    def take(self, weights: Tensor) -> None:
        """Take the values of flat weights."""
        torch.mul(weights.detach(), self.scale, out=self.values)

    def views(self, gradient: Tensor) -> Layers:
        """Return a flat gradient by layer."""
        return list(_pairs(named(gradient, self.settings)))


class SirenGrid:
    """A network on the grid of a map of `height` x `width` texels, with the buffers of its passes.

    Works on `chunk` texels at a time, in blocks of `block` texels (by default what suits the device); both are
    rounded to whole rows. `kernels` says what makes the passes through a block. One object serves one network at a time: it is not for use from several threads.
    """

    def __init__(
        self,
        settings: NetworkSettings,
        height: int,
        width: int,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        chunk: int | None = None,
        block: int | None = None,
        kernels: Kernels = "torch",
    ) -> None:
        self.settings, self.height, self.width, self.kernels = settings, height, width, kernels
        on = torch.device(device)
        self.kind: dict[str, Any] = {"dtype": dtype, "device": on}
        self.rows = np.linspace(-1.0, 1.0, height) if height > 1 else np.array([-1.0])
        self.columns = np.linspace(-1.0, 1.0, width) if width > 1 else np.array([-1.0])
        self.chunks = _parts(0, height, (chunk or CHUNK[on.type]) // width)
        self.block_rows = (block or entries(on) // settings.width) // width
        self.scaled = ScaledWeights(settings, self.kind)
        self.layers = self.scaled.layers
        self._memory: dict[str, Tensor] = {}
        self._blocks: dict[tuple[int, int], AnyBlock] = {}
        self._passes = 0

    # -- the two ways to use it

    def decode(self, weights: Tensor) -> Tensor:
        """Return the outputs on the whole grid, shape (H, W, 3); differentiable once in the flat weights."""
        outputs: Tensor = _Decode.apply(weights, self)  # type: ignore[no-untyped-call]
        return outputs

    @torch.no_grad()
    def loss_and_gradient(self, weights: Tensor, local_loss: LocalLoss, gradient: Tensor) -> Tensor:
        """Return the summed local losses, shape (), and write their gradient by the flat weights to `gradient`.

        Goes through the map chunk by chunk, forwards and backwards, so memory does not grow with the map.
        """
        front = self._begin(weights)
        back = self._begin_backward(front, gradient)
        total = torch.zeros((), **self.kind)
        for chunk in self.chunks:
            z, dz = self._arguments(front, chunk, "arguments"), self._slopes(front, back, chunk)
            outputs = self._chunk_outputs(z, chunk, chunk.start)
            loss, slopes = local_loss(self._image(outputs), chunk.start)
            total += loss
            columns = _columns(slopes)
            for here, block in self._blocks_of(chunk, chunk.start):
                block.backward(z[:, here], columns[:, here], back.layers, dz[:, here])
            self._gather(front, back, chunk, dz)
        self._finish(front, back, gradient)
        return total

    # -- forward

    def forward(self, weights: Tensor, *, keep: bool) -> tuple[Tensor, _Front]:
        """Return the outputs, shape (H, W, 3), and what `backward` needs besides the buffers that `keep` fills."""
        front = self._begin(weights)
        outputs = torch.empty(self.height, self.width, CHANNELS, **self.kind)
        for chunk in self.chunks:
            z = self._arguments(front, chunk, f"arguments {chunk.start}" if keep else "arguments")
            outputs[chunk] = self._image(self._chunk_outputs(z, chunk, 0 if keep else chunk.start))
        return outputs, front

    def _begin(self, weights: Tensor) -> _Front:
        """Evaluate the first two layers' linear parts at the nodes."""
        self._passes += 1
        self.scaled.take(weights)
        (w, b), (w1, b1) = self.layers[0], self.layers[1]
        x, across = self._axis(w[:, 0], self.columns)
        y, down = self._axis(w[:, 1], self.rows)
        size = (self.settings.width, len(y) * len(x))
        z, sines = self._scratch("first arguments", *size), self._scratch("first sines", *size)
        from_rows = torch.outer(w[:, 1], y).add_(b[:, None])
        columns = torch.outer(w[:, 0], x)
        torch.add(from_rows[:, :, None], columns[:, None, :], out=z.view(-1, len(y), len(x)))
        sine(z, sines)
        cosine(z, z)
        nodes = torch.addmm(b1[:, None], w1, sines, out=self._scratch("nodes", *size))
        if across is not None:
            spread = self._scratch("spread nodes", self.settings.width * len(y), self.width)
            nodes = torch.mm(nodes.view(-1, len(x)), across.T, out=spread)
        return _Front(x, y, across, down, sines, z, nodes.view(-1, len(y), self.width))

    def _axis(self, frequencies: Tensor, grid: np.ndarray) -> tuple[Tensor, Tensor | None]:
        """Return where to evaluate along an axis, and the matrix from there to the grid; None if that is the grid."""
        top = float(frequencies.abs().max())
        needed = node_count(top, _TOLERANCE[self.kind["dtype"]]) if math.isfinite(top) else len(grid)
        most = _WORTH_IT * len(grid)
        if needed > most:
            return torch.as_tensor(grid, **self.kind), None
        rounded = _ROUND * math.ceil(needed / _ROUND)
        return _nodes(
            rounded if rounded <= most else needed, len(grid), self.kind["dtype"], self.kind["device"]
        )

    def _arguments(self, front: _Front, rows: slice, name: str) -> Tensor:
        """Return the second layer's arguments in some rows, shape (features, texels)."""
        if front.down is None:
            return self._texels(front.nodes, rows)
        count = rows.stop - rows.start
        z = self._scratch(name, self.settings.width, count * self.width)
        torch.matmul(front.down[rows], front.nodes, out=z.view(-1, count, self.width))
        return z

    def _chunk_outputs(self, z: Tensor, chunk: slice, origin: int) -> Tensor:
        """Return the outputs, shape (3, texels), from the second layer's arguments; `origin` as in `_blocks_of`."""
        outputs = torch.empty(CHANNELS, z.shape[1], **self.kind)
        for here, block in self._blocks_of(chunk, origin):
            outputs[:, here] = block.forward(z[:, here])
        return outputs

    # -- backward

    def backward(self, front: _Front, slopes: Tensor, gradient: Tensor) -> None:
        """Write the gradient by the flat weights, from that by the outputs, shape (H, W, 3), of the last `forward`."""
        back = self._begin_backward(front, gradient)
        for chunk in self.chunks:
            z, dz = self._kept(front, chunk), self._slopes(front, back, chunk)
            columns = _columns(slopes[chunk])
            for here, block in self._blocks_of(chunk, 0):
                block.backward(z[:, here], columns[:, here], back.layers, dz[:, here])
            self._gather(front, back, chunk, dz)
        self._finish(front, back, gradient)

    def _begin_backward(self, front: _Front, gradient: Tensor) -> _Back:
        gradient.zero_()
        nodes = self._scratch("node gradients", *front.nodes.shape)
        if front.down is not None:
            nodes.zero_()  # rows add to it; else each texel is written once
        return _Back(self.scaled.views(gradient), nodes)

    def _kept(self, front: _Front, rows: slice) -> Tensor:
        """Return what `_arguments` gave for a forward pass with `keep`."""
        if front.down is None:
            return self._texels(front.nodes, rows)
        size = (rows.stop - rows.start) * self.width
        return self._scratch(f"arguments {rows.start}", self.settings.width, size)

    def _slopes(self, front: _Front, back: _Back, rows: slice) -> Tensor:
        """Return where the gradient by `_arguments` goes, shape (features, texels)."""
        if front.down is None:
            return self._texels(back.nodes, rows)
        return self._scratch("slopes", self.settings.width, (rows.stop - rows.start) * self.width)

    def _gather(self, front: _Front, back: _Back, rows: slice, dz: Tensor) -> None:
        """Add the gradient by some rows' arguments to that at the nodes, unless they are the same."""
        if front.down is not None:
            down = front.down[rows].T.expand(len(dz), -1, -1)
            back.nodes.baddbmm_(down, dz.view(-1, rows.stop - rows.start, self.width))

    def _finish(self, front: _Front, back: _Back, gradient: Tensor) -> None:
        """Carry the gradient at the nodes to the first two layers; put w0 back in."""
        (dw, db), (dw1, db1) = back.layers[0], back.layers[1]
        at_nodes = back.nodes.view(-1, self.width)
        if front.across is not None:
            gathered = self._scratch("gathered gradients", len(at_nodes), len(front.x))
            at_nodes = torch.mm(at_nodes, front.across, out=gathered)
        at_nodes = at_nodes.view_as(front.sines)
        torch.mm(at_nodes, front.sines.T, out=dw1)
        torch.sum(at_nodes, 1, out=db1)
        dz = torch.mm(self.layers[1][0].T, at_nodes, out=self._scratch("first gradients", *front.sines.shape))
        dz = dz.mul_(front.cosines).view(-1, len(front.y), len(front.x))
        over_columns = dz.sum(2)
        dw[:, 0] = dz.sum(1) @ front.x
        dw[:, 1] = over_columns @ front.y
        torch.sum(over_columns, 1, out=db)
        gradient.mul_(self.scaled.scale)

    # -- memory: kept between steps, as fresh pages would cost more than the arithmetic on them

    def _texels(self, whole: Tensor, rows: slice) -> Tensor:
        """Return some rows of (features, H, W) as (features, texels), a view."""
        return whole.view(-1, self.height * self.width)[:, rows.start * self.width : rows.stop * self.width]

    def _image(self, outputs: Tensor) -> Tensor:
        """Return (3, texels) as (rows, W, 3), a view."""
        return outputs.view(CHANNELS, -1, self.width).permute(1, 2, 0)

    def _scratch(self, name: str, *shape: int) -> Tensor:
        """Return memory by name."""
        size = math.prod(shape)
        if name not in self._memory or self._memory[name].numel() < size:
            self._memory[name] = torch.empty(size, **self.kind)
        return self._memory[name][:size].view(shape)

    def _blocks_of(self, chunk: slice, origin: int) -> Iterator[tuple[slice, AnyBlock]]:
        """Yield a chunk's blocks: their texels within the chunk, and the buffers.

        Those are of the rows counted from `origin`: 0 gives every row its own, the chunk's start shares them.
        """
        for rows in _parts(chunk.start, chunk.stop, self.block_rows):
            start, stop = (self.width * (row - chunk.start) for row in (rows.start, rows.stop))
            key = (rows.start - origin, stop - start)
            if key not in self._blocks:
                spare = [self._scratch(f"spare {k}", self.settings.width, stop - start) for k in range(2)]
                self._blocks[key] = make_block(
                    self.kernels, self.layers, stop - start, self.settings.output, self.kind, spare
                )
            yield slice(start, stop), self._blocks[key]


@dataclass(frozen=True)
class _Front:
    """The first two layers of one pass: nodes along the axes, matrices from them to the grid, and values there.

    `sines` and `cosines` are the first layer's, shape (features, y nodes * x nodes); `nodes` is the second layer's
    argument, shape (features, y nodes, W).
    """

    x: Tensor
    y: Tensor
    across: Tensor | None
    down: Tensor | None
    sines: Tensor
    cosines: Tensor
    nodes: Tensor


@dataclass(frozen=True)
class _Back:
    """Gradients that grow over the chunks: views by layer, and that by `_Front.nodes`."""

    layers: Layers
    nodes: Tensor


class _Decode(torch.autograd.Function):
    """`SirenGrid.decode` as one operation."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, grid: SirenGrid) -> Tensor:
        outputs, front = grid.forward(weights, keep=ctx.needs_input_grad[0])
        ctx.grid, ctx.front, ctx.passes = grid, front, grid._passes
        ctx.save_for_backward(weights)
        return outputs

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor, None]:
        (weights,) = ctx.saved_tensors
        grid, front = ctx.grid, ctx.front
        if ctx.passes != grid._passes:  # another pass took the buffers since
            _, front = grid.forward(weights, keep=True)
        gradient = torch.empty_like(weights)
        grid.backward(front, slopes, gradient)
        grid._passes += 1  # the arguments are cosines now
        return gradient, None


def _pairs(layers: Mapping[str, Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (weight, bias) layer by layer."""
    values = iter(layers.values())
    return zip(values, values, strict=True)


@lru_cache(maxsize=32)
def _nodes(count: int, size: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return Chebyshev nodes and the (size, count) matrix from them to the grid."""
    matrix = interpolation_matrix(np.linspace(-1.0, 1.0, size), count)
    with torch.inference_mode(False):
        nodes = torch.as_tensor(chebyshev_nodes(count).copy(), dtype=dtype, device=device)
        return nodes, torch.as_tensor(matrix, dtype=dtype, device=device)


def _parts(start: int, stop: int, size: int) -> list[slice]:
    """Return the slices of at most `size` (at least 1) that a range falls into."""
    size = max(1, size)
    return [slice(first, min(first + size, stop)) for first in range(start, stop, size)]


def _columns(slopes: Tensor) -> Tensor:
    """Return (rows, W, 3) as (3, texels)."""
    return slopes.reshape(-1, CHANNELS).T
