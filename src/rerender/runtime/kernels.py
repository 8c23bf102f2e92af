"""Warp in one place: its start, the types of a precision, and arrays that share memory with torch tensors.

Kernels are made by functions of a `Precision`, so that the same statements run in single precision (runs) and in
double precision (checks). Warp compiles a kernel at its first use and keeps it in a folder, `WARP_CACHE_PATH`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import warp as wp

Kernels = TypeVar("Kernels")


@dataclass(frozen=True)
class Precision:
    """The Warp types of one floating-point precision; `dtype` is torch's name of it."""

    dtype: torch.dtype
    real: Any
    vec3: Any
    vec4: Any
    mat22: Any
    mat33: Any
    quat: Any


@functools.cache
def precision(dtype: torch.dtype) -> Precision:
    """Return the types of `torch.float32` or `torch.float64`, and start Warp on the first call."""
    start()
    if dtype == torch.float32:
        return Precision(dtype, wp.float32, wp.vec3f, wp.vec4f, wp.mat22f, wp.mat33f, wp.quatf)
    if dtype == torch.float64:
        return Precision(dtype, wp.float64, wp.vec3d, wp.vec4d, wp.mat22d, wp.mat33d, wp.quatd)
    raise TypeError(f"kernels run in float32 or float64, not in {dtype}")


@functools.cache
def start() -> None:
    """Start Warp without its banner; before the first array."""
    wp.config.quiet = True
    wp.config.log_level = getattr(wp, "LOG_ERROR", 40)  # machines without a GPU are normal
    wp.init()


def per_precision(make: Callable[[Precision], Kernels]) -> Callable[[torch.dtype], Kernels]:
    """Turn a function that defines kernels into one that returns them, defined once for each precision."""

    @functools.cache
    def made(dtype: torch.dtype) -> Kernels:
        return make(precision(dtype))

    return made


def shared(tensor: torch.Tensor, kind: Any = None, *, grad: bool = False) -> Any:
    """Return a contiguous tensor as a Warp array of `kind` (its own where None), not copied; with `grad`, zeros stand beside it."""
    if not tensor.is_contiguous():
        raise ValueError("a kernel's array must be contiguous")
    return wp.from_torch(tensor.detach(), dtype=kind, requires_grad=grad)


def gradient(array: Any) -> torch.Tensor:
    """Return the gradient of an array of `shared(..., grad=True)` as a tensor that owns its memory."""
    found: torch.Tensor = wp.to_torch(array.grad, requires_grad=False).clone()
    return found


def set_gradient(array: Any, grad: torch.Tensor) -> None:
    """Put `grad` beside an array of `shared(..., grad=True)`, for an adjoint to read."""
    wp.to_torch(array.grad, requires_grad=False).copy_(grad)


def device_name(tensor: torch.Tensor) -> str:
    """Name the Warp device on which a tensor lies."""
    return str(wp.device_from_torch(tensor.device))


def recorded(
    kernel: Any, size: Any, inputs: list[Any], *, device: str, adjoint: bool = False
) -> Callable[[Mapping[int, int]], None]:
    """Return a function that runs a kernel (or its adjoint) with some integer arguments, by index, replaced.

    Far cheaper than `launch` where the same kernel runs thousands of times.
    """
    adjoints: list[Any] = [None] * len(inputs) if adjoint else []
    command = wp.launch(
        kernel, dim=size, inputs=inputs, adj_inputs=adjoints, device=device, adjoint=adjoint, record_cmd=True
    )

    def run(changes: Mapping[int, int]) -> None:
        for index, value in changes.items():
            command.set_param_at_index(index, value)
        command.launch()

    return run


def launch(kernel: Any, size: Any, inputs: list[Any], *, device: str, adjoint: bool = False) -> None:
    """Run a kernel, or its adjoint: that reads the gradients of what the kernel wrote and adds to those of what it read.

    Where an array has no gradient beside it, the adjoint leaves it out.
    """
    adjoints: list[Any] = [None] * len(inputs) if adjoint else []
    wp.launch(kernel, dim=size, inputs=inputs, adj_inputs=adjoints, device=device, adjoint=adjoint)


def strided(tensor: torch.Tensor) -> Any:
    """Return any tensor as a Warp array of its own type, not copied; for kernels of tiles, which know strides."""
    return wp.from_torch(tensor.detach(), requires_grad=False)


def launch_tiled(kernel: Any, blocks: int, inputs: list[Any], *, device: str, threads: int) -> None:
    """Run a kernel of tiles, so many blocks of threads; on a CPU a block is one thread."""
    wp.launch_tiled(kernel, dim=[blocks], inputs=inputs, device=device, block_dim=threads)
