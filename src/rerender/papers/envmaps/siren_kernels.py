"""The layers of a SIREN above the second one's argument as two Warp kernels, one forwards and one backwards.

A block of threads takes some texels through all layers, so that what lies between layers stays in shared memory: only
what the gradients by the weights need is written, once. Those gradients are matrix products over all texels, which a
library does better. Warp's own products, not cuBLASDx: they are single precision throughout, and compile in seconds.
The same kernels run on a CPU, one texel block after the other.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
import warp as wp

from rerender.core.errors import UserError
from rerender.runtime.kernels import precision

SLICE = 16  # features of a layer's input that a product takes at a time: widths are multiples of it
_MOST_TEXELS = 64
_LEAST_TEXELS = 8
_SHARED_BYTES = 99 * 1024  # what a block may have on every GPU since Ampere
_BESIDES = 8 * 1024  # of the output layer and alignment
_SUBTILE = 32  # entries of a product that one thread makes


@dataclass(frozen=True)
class Passes:
    """The kernels for one width and depth; `texels` of a block, and how many `threads` share it."""

    forward: Any
    backward: Any
    texels: int
    threads: int


def texels_of_block(width: int) -> int:
    """Return how many texels fit into the shared memory of a block; a power of two.

    Raises `UserError` for a width that the kernels cannot do.
    """
    texels = _MOST_TEXELS
    while texels >= _LEAST_TEXELS and 4 * width * (2 * texels + SLICE) + _BESIDES > _SHARED_BYTES:
        texels //= 2
    if width % SLICE or texels < _LEAST_TEXELS:
        raise UserError(
            f"a network of width {width} has no fused kernels: its width must be a multiple of {SLICE}, at most 720",
            "Choose such a width, or fit.kernels: torch",
        )
    return texels


@functools.cache
def passes(width: int, depth: int, dtype: torch.dtype) -> Passes:
    """Return the kernels for `depth` sine layers of `width` features; Warp compiles them at their first use."""
    real = precision(dtype).real
    texels = texels_of_block(width)
    # loops stay loops: unrolled, the products take minutes to compile for a GPU
    options = {"max_unroll": 0, "enable_mathdx_gemm": False}

    @wp.kernel(enable_backward=False, module="unique", module_options=options)
    def forward(
        z: wp.array2d(dtype=real),
        transposed: wp.array3d(dtype=real),
        biases: wp.array3d(dtype=real),
        last: wp.array2d(dtype=real),
        last_bias: wp.array2d(dtype=real),
        sines: wp.array3d(dtype=real),
        cosines: wp.array3d(dtype=real),
        outputs: wp.array2d(dtype=real),
    ):
        first = wp.tid() * texels
        a = wp.tile_zeros(shape=(width, texels), dtype=real, storage="shared")
        h = wp.tile_zeros(shape=(width, texels), dtype=real, storage="shared")
        wp.tile_assign(a, wp.tile_load(z, shape=(width, texels), offset=(0, first)), offset=(0, 0))
        for k in range(depth):
            if k > 0:
                bias = wp.tile_load(biases[k - 1], shape=(width, 1))
                wp.tile_assign(a, wp.tile_broadcast(bias, shape=(width, texels)), offset=(0, 0))
                for i in range(0, width, SLICE):
                    w = wp.tile_load(transposed[k - 1], shape=(SLICE, width), offset=(i, 0), storage="shared")
                    part = wp.tile_view(h, offset=(i, 0), shape=(SLICE, texels))
                    wp.tile_matmul(wp.tile_transpose(w), part, a)
            wp.tile_assign(h, wp.tile_map(wp.sin, a), offset=(0, 0))
            wp.tile_store(sines[k], h, offset=(0, first))
            wp.tile_store(cosines[k], wp.tile_map(wp.cos, a), offset=(0, first))
        w = wp.tile_load(last, shape=(3, width), storage="shared")
        f = wp.tile_matmul(w, h)
        bias = wp.tile_load(last_bias, shape=(3, 1))
        wp.tile_store(outputs, f + wp.tile_broadcast(bias, shape=(3, texels)), offset=(0, first))

    @wp.kernel(enable_backward=False, module="unique", module_options=options)
    def backward(
        slopes: wp.array2d(dtype=real),
        weights: wp.array3d(dtype=real),
        last: wp.array2d(dtype=real),
        cosines: wp.array3d(dtype=real),
        out: wp.array2d(dtype=real),
    ):
        first = wp.tid() * texels
        w = wp.tile_load(last, shape=(3, width), storage="shared")
        s = wp.tile_load(slopes, shape=(3, texels), offset=(0, first), storage="shared")
        dh = wp.tile_zeros(shape=(width, texels), dtype=real, storage="shared")
        dz = wp.tile_zeros(shape=(width, texels), dtype=real, storage="shared")
        wp.tile_matmul(wp.tile_transpose(w), s, dh)
        for j in range(depth - 1):
            k = depth - 1 - j
            c = wp.tile_load(cosines[k], shape=(width, texels), offset=(0, first))
            wp.tile_assign(dz, wp.tile_map(wp.mul, dh, c), offset=(0, 0))
            wp.tile_store(cosines[k], dz, offset=(0, first))
            wp.tile_assign(dh, wp.tile_zeros(shape=(width, texels), dtype=real), offset=(0, 0))
            for i in range(0, width, SLICE):
                v = wp.tile_load(weights[k - 1], shape=(SLICE, width), offset=(i, 0), storage="shared")
                part = wp.tile_view(dz, offset=(i, 0), shape=(SLICE, texels))
                wp.tile_matmul(wp.tile_transpose(v), part, dh)
        c = wp.tile_load(cosines[0], shape=(width, texels), offset=(0, first))
        wp.tile_store(out, wp.tile_map(wp.mul, dh, c), offset=(0, first))

    threads = min(256, max(32, width * texels // _SUBTILE))
    return Passes(forward, backward, texels, threads // 32 * 32)
