"""The multiresolution hash grid (Müller et al. 2022, section 3): learnt features at the vertices of nested grids.

Level l of L has scale N_min b^l - 1 and resolution ceil(scale) + 1, with b = (N_max / N_min)^(1 / (L - 1)); a point x of
[0, 1]^3 lies at x scale + 1/2. A vertex (i, j, k) has row i + j R + k R^2 while R^3 fits into the table, else
(i xor 2654435761 j xor 805459861 k), modulo its size. Features are interpolated trilinearly. Tables of other
implementations pad levels differently: do not exchange raw tables.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch

from rerender.core.errors import UserError, unknown_name
from rerender.rendering.hash_grid_kernels import hash_grid_kernels
from rerender.runtime.device import tinycudann_problem
from rerender.runtime.kernels import device_name, launch, precision, shared

RUN = 256
INITIAL = 1e-4
"""Features start uniform in [-INITIAL, INITIAL]."""

EncodingKind = Literal["auto", "own", "tinycudann"]
KINDS: tuple[EncodingKind, ...] = get_args(EncodingKind)


@dataclass(frozen=True)
class Level:
    """One grid: its first row in the joint table, its rows, its scale, its vertices along a side, dense or hashed."""

    first: int
    rows: int
    scale: float
    resolution: int
    dense: bool


def grid_levels(levels: int, log2_table: int, base_resolution: int, finest: int) -> tuple[Level, ...]:
    """Lay out the levels: at most 2^`log2_table` rows each, `finest` vertices along the finest grid's side."""
    if levels < 1 or not 1 <= log2_table <= 26 or not 2 <= base_resolution <= finest:
        raise ValueError(
            f"no hash grid with levels {levels}, log2_table {log2_table}, base_resolution {base_resolution}, "
            f"finest {finest}"
        )
    growth = per_level_scale(levels, base_resolution, finest)
    laid, first = [], 0
    for index in range(levels):
        scale = base_resolution * growth**index - 1.0
        resolution = math.ceil(round(scale, 6)) + 1  # the finest scale is a whole number but for rounding
        rows = min(resolution**3, 2**log2_table)
        laid.append(Level(first, rows, scale, resolution, resolution**3 <= 2**log2_table))
        first += rows
    return tuple(laid)


def per_level_scale(levels: int, base_resolution: int, finest: int) -> float:
    """Return the factor between the resolutions of neighbouring levels."""
    return (finest / base_resolution) ** (1.0 / (levels - 1)) if levels > 1 else 1.0


class HashGrid(torch.nn.Module):
    """A hash grid over the unit cube, with one table for all levels: `table`, (rows, features).

    Its passes are own kernels with own adjoints, by table and by place, on CPU and CUDA. `dtype` is float32, or
    float64 for checks.
    """

    def __init__(
        self,
        levels: int = 16,
        log2_table: int = 19,
        base_resolution: int = 16,
        finest: int = 4096,
        features: int = 2,
        *,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__()
        self.levels = grid_levels(levels, log2_table, base_resolution, finest)
        self.features = features
        last = self.levels[-1]
        # drawn on the generator's device, so that a seed gives the same table everywhere
        start = torch.rand(last.first + last.rows, features, generator=generator, device=generator.device)
        self.table = torch.nn.Parameter(((2.0 * start - 1.0) * INITIAL).to(device, dtype))
        scales = torch.tensor([level.scale for level in self.levels], dtype=dtype, device=device)
        layout = [(level.first, level.rows, level.resolution, int(level.dense)) for level in self.levels]
        self.register_buffer("scales", scales, persistent=False)
        self.register_buffer(
            "layout", torch.tensor(layout, dtype=torch.int32, device=device), persistent=False
        )

    @property
    def width(self) -> int:
        """Features of a point: levels x features a level."""
        return len(self.levels) * self.features

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Return the features (N, levels x features) of points (N, 3); points outside the unit cube take its border's.

        Differentiable in the table and in the points (piecewise: the slope jumps at cell faces).
        """
        found: torch.Tensor = _Encode.apply(points, self.table, self.scales, self.layout)  # type: ignore[no-untyped-call]
        return found


def encoding(
    kind: EncodingKind,
    *,
    levels: int,
    log2_table: int,
    finest: int,
    base_resolution: int = 16,
    features: int = 2,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> torch.nn.Module:
    """Return a hash grid as a module with `forward(points (N, 3)) -> (N, width)` float32, and `width`.

    `own` is `HashGrid`; `tinycudann` the package of that name, on CUDA alone; `auto` the package where it works, else
    `own`. Raises `UserError` when what was asked for is not to be had. Which one ran belongs into the rows.
    """
    if kind not in KINDS:
        raise unknown_name("encoding", kind, KINDS)
    problem = tinycudann_problem() if torch.device(device).type == "cuda" else "the device is not CUDA"
    if kind == "tinycudann" and problem is not None:
        raise UserError(
            f"the encoding 'tinycudann' cannot run: {problem}",
            "Use encoding: own, which gives the same features; or build tiny-cuda-nn against your CUDA toolkit.",
        )
    if kind != "own" and problem is None:
        return TinyCudaGrid(levels, log2_table, base_resolution, finest, features, generator=generator)
    return HashGrid(levels, log2_table, base_resolution, finest, features, generator=generator, device=device)


class TinyCudaGrid(torch.nn.Module):
    """The same encoding by tiny-cuda-nn, in its half precision with float32 master weights and features."""

    def __init__(
        self,
        levels: int,
        log2_table: int,
        base_resolution: int,
        finest: int,
        features: int,
        *,
        generator: torch.Generator,
    ) -> None:
        import tinycudann

        super().__init__()
        self.width = levels * features
        settings = {
            "otype": "HashGrid",
            "n_levels": levels,
            "n_features_per_level": features,
            "log2_hashmap_size": log2_table,
            "base_resolution": base_resolution,
            "per_level_scale": per_level_scale(levels, base_resolution, finest),
        }
        seed = int(torch.randint(2**31, (1,), generator=generator, device=generator.device))
        self.inner = tinycudann.Encoding(3, settings, seed=seed, dtype=torch.float32)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Return the features of points (N, 3), float32."""
        found: torch.Tensor = self.inner(points.clamp(0.0, 1.0)).float()
        return found


class _Encode(torch.autograd.Function):
    """Look-up, and its two adjoints."""

    @staticmethod
    def forward(
        ctx: Any, points: torch.Tensor, table: torch.Tensor, scales: torch.Tensor, layout: torch.Tensor
    ) -> torch.Tensor:
        if points.dtype != table.dtype:
            raise TypeError(f"points are {points.dtype}, the table is {table.dtype}")
        points = points.contiguous()
        ctx.save_for_backward(points, table, scales, layout)
        levels, features = len(scales), table.shape[1]
        result = points.new_empty(len(points), levels, features)
        kernels, run = hash_grid_kernels(table.dtype, features), _run(points)
        size = (levels, -(-len(points) // run))
        inputs = [
            *_wrapped(points, kernels, table),
            *_levels(scales, layout, kernels),
            run,
            shared(result, kernels.row),
        ]
        launch(kernels.gather, size, inputs, device=device_name(table))
        return result.flatten(1)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        points, table, scales, layout = ctx.saved_tensors
        levels, features = len(scales), table.shape[1]
        kernels, run = hash_grid_kernels(table.dtype, features), _run(points)
        incoming = shared(grad.reshape(len(points), levels, features).contiguous(), kernels.row)
        levelled, device = _levels(scales, layout, kernels), device_name(table)
        to_points = to_table = None
        if ctx.needs_input_grad[1]:
            to_table = torch.zeros_like(table)
            inputs = [*_wrapped(points, kernels), *levelled, run, incoming, shared(to_table, kernels.row)]
            launch(kernels.scatter, (levels, -(-len(points) // run)), inputs, device=device)
        if ctx.needs_input_grad[0]:
            to_points = torch.zeros_like(points)
            inputs = [*_wrapped(points, kernels, table), *levelled, incoming, *_wrapped(to_points, kernels)]
            launch(kernels.push, (levels, len(points)), inputs, device=device)
        return to_points, to_table, None, None


def _run(points: torch.Tensor) -> int:
    """Return how many points a thread of `gather` and `scatter` takes."""
    return RUN if points.device.type == "cpu" else 1


def _wrapped(points: torch.Tensor, kernels: Any, table: torch.Tensor | None = None) -> list[Any]:
    """Return points, and the table, as arrays of the kernels."""
    arrays = [shared(points, precision(points.dtype).vec3)]
    return arrays if table is None else [*arrays, shared(table, kernels.row)]


def _levels(scales: torch.Tensor, layout: torch.Tensor, kernels: Any) -> list[Any]:
    return [shared(scales), shared(layout, kernels.layout)]
