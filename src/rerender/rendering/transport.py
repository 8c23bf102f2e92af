"""Exact light transport under an environment map: with shapes, materials and camera fixed, image = A @ map.

`bake` estimates the matrix A (pixels x texels of the upper half) in few kernels: one path per pixel and texel at a time.
A path carries one direction to the sky, drawn in proportion to its texel's share in the lookup, and gathers that light at all
its vertices; the direction in which it leaves the scene by itself counts too, for the texels there. The two are combined by
the power heuristic (Veach 1997, section 9.2) with the first density enlarged: every texel gets its share of directions for
certain, while a small sun is met by chance (2 to 5 dB less noise under a clear sky). So the estimate is unbiased, mirrors
and caustics included, and a step of an inversion is a matrix product with an exact adjoint and no noise. The noise of A
itself is frozen: it is the same in every image.

The map is looked up as Mitsuba 3.9.1 does: bilinear, columns at (c + 1/2) / W and around the seam, row r of the full map
of 2 H rows at polar angle pi r / (2 H - 1). Rows below the upper half repeat the horizon row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch

from rerender.core.errors import UserError
from rerender.core.files import atomic_path
from rerender.core.seeds import derive_seed
from rerender.rendering.light_model import check_map_shape
from rerender.rendering.scenes import EnvironmentMap, Plugin, Scene, build_scene

LANES = {"llvm": 1 << 20, "cuda": 1 << 23}
"""Paths per kernel: few enough for the caches of a CPU, many enough to fill a GPU."""
LIMIT_BYTES = 6e9
BLOCK_BYTES = 1 << 20  # fits the second-level cache of a core
TEXELS_PER_LOBE = 64
"""A material that reflects into fewer texels than that is sampled by itself, others towards the texels."""
SPREAD = (
    1.1673039782614187  # the real root of x^5 = x + 1: its powers spread points evenly over four dimensions
)


@dataclass(frozen=True)
class BakeProgress:
    """How far a bake is."""

    done: int
    total: int
    elapsed_s: float

    @property
    def eta_s(self) -> float:
        """Seconds that are left at the present speed."""
        return self.elapsed_s * (self.total - self.done) / max(self.done, 1)

    def __str__(self) -> str:
        return f"baking light transport: {100 * self.done // self.total} %, {self.eta_s:.0f} s left"


@dataclass(frozen=True, eq=False)
class Transport:
    """A baked matrix and its transpose, both contiguous float32: a `LightModel`.

    `matrix` has shape (channels, pixels, texels), `transpose` (channels, texels, pixels); one channel serves all three
    where no material has a colour. Pixels and texels run row by row.
    """

    matrix: torch.Tensor
    transpose: torch.Tensor
    image_shape: tuple[int, int]
    map_shape: tuple[int, int]

    @classmethod
    def from_matrix(
        cls, matrix: torch.Tensor, image_shape: tuple[int, int], map_shape: tuple[int, int]
    ) -> Transport:
        """Store a matrix of shape (channels, pixels, texels) and its transpose."""
        expected = (int(np.prod(image_shape)), int(np.prod(map_shape)))
        if matrix.shape[0] not in (1, 3) or tuple(matrix.shape[1:]) != expected:
            raise ValueError(f"a matrix of shape {tuple(matrix.shape)} does not fit (1 or 3, *{expected})")
        matrix = matrix.to(torch.float32).contiguous()
        return cls(matrix, matrix.transpose(1, 2).contiguous(), image_shape, map_shape)

    def render(self, map_upper: torch.Tensor, seed: int = 0) -> torch.Tensor:
        """Return the image (h, w, 3) under an upper half (H, W, 3); exact, so the seed does not matter."""
        return apply(self, map_upper)

    def to(self, device: torch.device | str) -> Transport:
        """Return the same transport on another device."""
        return replace(self, matrix=self.matrix.to(device), transpose=self.transpose.to(device))

    def save(self, path: Path | str) -> None:
        """Write the matrix as `.npz`, atomically and uncompressed (it is noise to a compressor)."""
        with atomic_path(path) as partial, partial.open("wb") as file:
            np.savez(
                file,
                matrix=self.matrix.cpu().numpy(),
                image_shape=np.array(self.image_shape),
                map_shape=np.array(self.map_shape),
            )


def load_transport(path: Path | str) -> Transport:
    """Read what `Transport.save` wrote; `UserError` when the file is no such thing."""
    try:
        with np.load(path) as stored:
            height, width = (int(value) for value in stored["image_shape"])
            rows, columns = (int(value) for value in stored["map_shape"])
            matrix = torch.from_numpy(stored["matrix"])
        return Transport.from_matrix(matrix, (height, width), (rows, columns))
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise UserError(
            f"cannot read the light transport {path}: {error}", "Delete it; the workflow bakes it again."
        ) from error


def apply(transport: Transport, map_upper: torch.Tensor) -> torch.Tensor:
    """Return the image (h, w, 3) of an upper half (H, W, 3); differentiable, with the exact adjoint."""
    check_map_shape(map_upper, transport.map_shape)
    flat: torch.Tensor = _Apply.apply(  # type: ignore[no-untyped-call]
        map_upper.reshape(-1, 3), transport.matrix, transport.transpose
    )
    return flat.reshape(*transport.image_shape, 3)


def adjoint(transport: Transport, image: torch.Tensor) -> torch.Tensor:
    """Return A^T g as a map (H, W, 3) for an image-sized g (h, w, 3)."""
    return _product(transport.transpose, image.reshape(-1, 3)).reshape(*transport.map_shape, 3)


class _Apply(torch.autograd.Function):
    """The matrix product, with the stored transpose for its adjoint: a strided one is several times slower."""

    @staticmethod
    def forward(ctx: Any, flat: torch.Tensor, matrix: torch.Tensor, transpose: torch.Tensor) -> torch.Tensor:
        ctx.transpose = transpose
        return _product(matrix, flat)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return _product(ctx.transpose, gradient), None, None


def _product(matrix: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
    """Multiply (1 or 3, n, m) with (m, 3), channel by channel; shape (n, 3)."""
    channels = colours.to(torch.float32).t().contiguous()
    if matrix.shape[0] == 1 and matrix.device.type != "cpu":
        return matrix[0] @ channels.t()
    result = channels.new_empty((3, matrix.shape[1]))
    if matrix.shape[0] == 3:
        for channel in range(3):
            torch.mv(matrix[channel], channels[channel], out=result[channel])
        return result.t()
    # Block by block, so that the matrix comes from memory once and from the cache for the other two channels: a third of
    # the time of a product with three columns (measured with MKL, 4096 x 4096).
    rows = max(1, BLOCK_BYTES // (4 * matrix.shape[2]))
    for first in range(0, matrix.shape[1], rows):
        block = matrix[0, first : first + rows]
        for channel in range(3):
            torch.mv(block, channels[channel], out=result[channel, first : first + rows])
    return result.t()


def bake(
    scene: Scene,
    map_shape: tuple[int, int],
    *,
    samples: int = 1,
    seed: int = 0,
    lanes: int | None = None,
    report: Callable[[BakeProgress], None] | None = None,
) -> Transport:
    """Bake the transport of a scene with one camera, one environment map (its values do not matter) and a box film.

    `map_shape` is (H, W) of the upper half. `samples` are paths per pixel and texel: H W samples paths a pixel in all.
    The longest path is the `max_depth` of the scene's integrator, 4 by default. `report` hears after every kernel.
    """
    import mitsuba as mi

    height, width = scene.film.height, scene.film.width
    pixels, texels = height * width, map_shape[0] * map_shape[1]
    channels = 1 if achromatic(scene) else 3
    _check(scene, samples, 8.0 * pixels * texels * channels)
    tracer = _Tracer(
        build_scene(scene), (height, width), map_shape, channels, int(scene.integrator.get("max_depth", 4))
    )
    lanes = lanes or LANES["cuda" if "cuda" in str(mi.variant()) else "llvm"]
    chunk = max(1, min(pixels, lanes // texels))
    matrix = np.empty((channels, pixels, texels), dtype=np.float32)
    starts, began = range(0, pixels, chunk), time.monotonic()
    for number, first in enumerate(starts):
        found = np.zeros((channels, chunk, texels), dtype=np.float32)
        for round_ in range(samples):
            found += tracer.trace(first, chunk, seed, round_)
        count = min(chunk, pixels - first)
        matrix[:, first : first + count] = found[:, :count] / samples
        if report is not None:
            report(BakeProgress(number + 1, len(starts), time.monotonic() - began))
    return Transport.from_matrix(torch.from_numpy(matrix), (height, width), map_shape)


def _check(scene: Scene, samples: int, size: float) -> None:
    if samples < 1:
        raise ValueError(f"at least one sample per pixel and texel is needed, not {samples}")
    if len(scene.lights) != 1 or not isinstance(scene.lights[0], EnvironmentMap):
        raise ValueError("light transport is baked for scenes that one environment map lights")
    if len(scene.cameras) != 1 or scene.batched:
        raise ValueError("light transport is baked for one camera")
    if scene.film.reconstruction_filter != "box":
        raise ValueError("light transport is baked for films with a box filter")
    if size > LIMIT_BYTES:
        raise UserError(
            f"the light transport of this image and map needs {size / 1e9:.1f} GB, and {LIMIT_BYTES / 1e9:.0f} GB are allowed",
            "Use a smaller image or map, or render in the loop (backend: mitsuba).",
        )


def achromatic(scene: Scene) -> bool:
    """Return whether no material of the scene has a colour, so that one channel of transport serves all three."""
    return all(_is_grey(shape.bsdf) for shape in scene.shapes)


def _is_grey(plugin: Plugin) -> bool:
    kind = str(plugin.get("type", ""))
    if kind.endswith("conductor") and plugin.get("material") != "none":
        return False  # the metals of the data base have colours
    for key, value in plugin.items():
        if isinstance(value, Mapping):
            if not _is_grey(value):
                return False
        elif isinstance(value, np.ndarray):
            if value.ndim == 3 and not (value == value[..., :1]).all():
                return False
        elif kind in ("rgb", "srgb") and key == "value" and len(set(np.ravel(value).tolist())) > 1:
            return False
    return True


class _Tracer:
    """Traces paths for a block of pixels: one lane for each pixel and texel."""

    def __init__(
        self,
        built: Any,
        image_shape: tuple[int, int],
        map_shape: tuple[int, int],
        channels: int,
        max_depth: int,
    ) -> None:
        self.built, self.sensor = built, built.sensors()[0]
        self.image_shape, self.map_shape = image_shape, map_shape
        self.channels, self.max_depth = channels, max_depth

    def trace(self, first: int, count: int, seed: int, round_: int) -> np.ndarray:
        """Return an estimate of the rows of `count` pixels from `first` on, shape (channels, count, texels).

        Everything that changes from call to call is opaque, so that one compiled kernel serves all of them. The
        rounds of a path spread over its pixel and its texel by an additive recurrence from a random start.
        """
        import drjit as dr
        import mitsuba as mi

        texels = self.map_shape[0] * self.map_shape[1]
        height, width = self.image_shape
        lane = dr.arange(mi.UInt32, count * texels)
        slot = lane // texels
        start, rng = (
            _random(lane, derive_seed("transport", seed, first, purpose)) for purpose in ("start", round_)
        )
        moves = [dr.opaque(mi.Float, (round_ / SPREAD**axis) % 1.0) for axis in (1, 2, 3, 4)]
        across, down, *within = (_fraction(start.next_float32() + move) for move in moves)
        pixel = dr.minimum(slot + dr.opaque(mi.UInt32, first), height * width - 1)
        line = pixel // width
        position = mi.Point2f((pixel - line * width + across) / width, (line + down) / height)
        ray, _ = self.sensor.sample_ray(0.0, 0.5, position, mi.Point2f(0.5))
        sky, area = _sample_texel(lane - slot * texels, *self.map_shape, *within)
        lit, away, escaped = self._paths(ray, sky, rng)
        lit *= area
        escaped /= texels  # every path of a pixel samples these, and its own texel alone the others
        rows = [dr.opaque(mi.Float, 0.0, count * texels) for _ in range(self.channels)]
        used = dr.any(escaped != 0.0)
        for texel, share in _lookup(away, *self.map_shape):
            for channel in range(self.channels):
                dr.scatter_add(rows[channel], escaped[channel] * share, slot * texels + texel, used)
        dr.eval(*rows, lit)
        both = [np.array(rows[channel]) + np.array(lit[channel]) for channel in range(self.channels)]
        return np.stack(both).reshape(self.channels, count, texels)

    def _paths(self, ray: Any, sky: Any, rng: Any) -> tuple[Any, Any, Any]:
        """Follow the paths; return the weight of light from `sky`, where they leave, and the weight of light there."""
        import drjit as dr
        import mitsuba as mi

        context, density = mi.BSDFContext(), _density(sky)
        # any factor leaves the weights a partition of one, hence the estimate unbiased
        favour = max(1.0, self.map_shape[0] * self.map_shape[1] / TEXELS_PER_LOBE)
        count = dr.width(sky)

        def going(active: Any, *_: Any) -> Any:
            return active

        def bounce(
            active: Any,
            depth: Any,
            ray: Any,
            beta: Any,
            pdf: Any,
            lit: Any,
            away: Any,
            escaped: Any,
            rng: Any,
        ) -> tuple[Any, ...]:
            hit = self.built.ray_intersect(ray, active)
            leaves = active & ~hit.is_valid()
            # only this strategy finds the sky below the horizon, in a mirror, and from the camera (pdf 0 stands for these two)
            alone = (pdf == 0.0) | (ray.d.y <= 0.0)
            share = dr.select(alone, 1.0, _power(pdf, favour * _density(ray.d)))
            escaped = dr.select(leaves, beta * share, escaped)
            away = dr.select(leaves, ray.d, away)
            active &= hit.is_valid() & (depth + 1 < self.max_depth)

            bsdf = hit.bsdf(ray)
            value, other, sampled, weight = bsdf.eval_pdf_sample(
                context,
                hit,
                hit.to_local(sky),
                rng.next_float32(),
                mi.Point2f(rng.next_float32(), rng.next_float32()),
                active,
            )
            useful = active & dr.any(value != 0.0)
            useful &= ~self.built.ray_test(hit.spawn_ray(sky), useful)
            lit = lit + dr.select(useful, beta * value * (_power(favour * density, other) / density), 0.0)

            beta = dr.select(active, beta * weight, beta)
            active &= dr.any(beta != 0.0)
            delta = mi.has_flag(sampled.sampled_type, mi.BSDFFlags.Delta)
            pdf = dr.select(delta, 0.0, sampled.pdf)
            ray = hit.spawn_ray(hit.to_world(sampled.wo))
            return active, depth + 1, ray, beta, pdf, lit, away, escaped, rng

        zero = dr.zeros(mi.Color3f, count)
        state = (
            dr.full(mi.Bool, True, count),
            mi.UInt32(0),
            mi.Ray3f(ray),
            mi.Color3f(1.0),
            mi.Float(0.0),
            zero,
            mi.Vector3f(0.0, 1.0, 0.0),
            mi.Color3f(0.0),
            rng,
        )
        final: tuple[Any, ...] = dr.while_loop(state, going, bounce, label="light transport")
        return final[5], final[6], final[7]


def _sample_texel(texel: Any, rows: int, columns: int, first: Any, second: Any) -> tuple[Any, Any]:
    """Map two uniform numbers to a direction above the horizon, in proportion to the texel's share in the lookup.

    Returns the direction, and the integral of the share in units that make
    light x (returned value) / `_density` an estimate of the integral of share x light over directions.
    """
    import drjit as dr
    import mitsuba as mi

    row = texel // columns
    column = texel - row * columns
    x = column + 0.5 + _tent(first)
    # the zenith row has only the lower half of its tent; the horizon row goes on, flat, to the horizon
    y = dr.select(row == 0, 1.0 - dr.safe_sqrt(1.0 - second), _tent(second))
    y = dr.select((row == rows - 1) & (second > 0.5), second - 0.5, y)
    direction = _direction(x / columns, (row + y) / (2 * rows - 1))
    area = dr.select(row == 0, 0.5, 1.0) * (2.0 / (columns * (2 * rows - 1)))
    return direction, mi.Float(area)


def _tent(uniform: Any) -> Any:
    """Map a uniform number to (-1, 1) with density 1 - |x|."""
    import drjit as dr

    return dr.select(
        uniform < 0.5, dr.safe_sqrt(2.0 * uniform) - 1.0, 1.0 - dr.safe_sqrt(2.0 - 2.0 * uniform)
    )


def _random(lane: Any, seed: int) -> Any:
    """Return one stream of random numbers per lane; scrambled, since neighbouring streams are alike at first."""
    import drjit as dr
    import mitsuba as mi

    scramble: Any = mi.sample_tea_32  # the stubs know no variant's types
    generator: Any = mi.PCG32
    state, sequence = scramble(lane, dr.opaque(mi.UInt32, seed))
    return generator(len(lane), mi.UInt64(state), mi.UInt64(sequence))


def _fraction(value: Any) -> Any:
    import drjit as dr

    return value - dr.floor(value)


def _direction(u: Any, v: Any) -> Any:
    """Return the direction that Mitsuba looks up at (u, v)."""
    import drjit as dr
    import mitsuba as mi

    (sin_u, cos_u), (sin_v, cos_v) = dr.sincos(2.0 * dr.pi * u), dr.sincos(dr.pi * v)
    return mi.Vector3f(sin_u * sin_v, cos_v, -cos_u * sin_v)


def _density(direction: Any) -> Any:
    """Return the density [1/sr] of directions uniform in (u, v) over the upper half: 2 / (2 pi^2 sin theta)."""
    import drjit as dr

    ring = dr.safe_sqrt(dr.square(direction.x) + dr.square(direction.z))
    return dr.rcp(dr.pi**2 * dr.maximum(ring, 1e-6))


def _power(this: Any, other: Any) -> Any:
    """Return the power heuristic; densities are finite and `this` is positive."""
    import drjit as dr

    return dr.rcp(1.0 + dr.square(other / this))


def _lookup(direction: Any, rows: int, columns: int) -> list[tuple[Any, Any]]:
    """Return the four texels of the upper half that Mitsuba's bilinear lookup reads, with their shares."""
    import drjit as dr
    import mitsuba as mi

    u = dr.atan2(direction.x, -direction.z) * (0.5 / dr.pi)
    x = (u - dr.floor(u)) * columns - 0.5
    y = dr.safe_acos(direction.y) * ((2 * rows - 1) / dr.pi)
    left, top = dr.floor(x), dr.minimum(dr.floor(y), rows - 1)
    right_share, lower_share = x - left, dr.minimum(y - top, 1.0)
    column = mi.UInt32(mi.Int32(left) + columns) % columns
    following = (column + 1) % columns
    row = mi.UInt32(top)
    below = dr.minimum(row + 1, rows - 1)
    return [
        (row * columns + column, (1 - right_share) * (1 - lower_share)),
        (row * columns + following, right_share * (1 - lower_share)),
        (below * columns + column, (1 - right_share) * lower_share),
        (below * columns + following, right_share * lower_share),
    ]
