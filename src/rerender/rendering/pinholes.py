"""Several pinhole cameras as Dr.Jit arrays, so that all views of a step share one wavefront.

Pixels are box filtered. Positions on an image are in [0, 1]^2, x to the right and y down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rerender.core.cameras import Camera, to_world
from rerender.rendering.scenes import Film


@dataclass(init=False, eq=False)
class Pinholes:
    """Poses and projections of some cameras as Dr.Jit arrays, one entry a view. Clipping planes are not applied.

    A data class, for Dr.Jit looks for arrays in the fields of those.
    """

    left: Any
    up: Any
    forward: Any
    origin: Any
    half: Any
    width: int
    height: int

    def __init__(self, cameras: Sequence[Camera], film: Film) -> None:
        import mitsuba as mi

        if film.reconstruction_filter != "box":
            raise ValueError(f"only the box filter is supported, not {film.reconstruction_filter}")
        poses = np.stack([to_world(camera) for camera in cameras]).astype(np.float32)
        self.width, self.height = film.width, film.height
        columns = [np.ascontiguousarray(poses[:, :3, k].T) for k in range(4)]
        self.left, self.up, self.forward, self.origin = (mi.Vector3f(column) for column in columns)
        half = np.tan(np.radians([camera.fov_deg for camera in cameras]) / 2.0)
        self.half = mi.Float(half.astype(np.float32))

    def select(self, view: Any) -> Lens:
        """Return pose and projection of the cameras `view` (UInt32 lanes)."""
        import drjit as dr
        import mitsuba as mi

        poses = (self.left, self.up, self.forward, self.origin)
        left, up, forward, origin = (dr.gather(mi.Vector3f, axis, view) for axis in poses)
        half = dr.gather(mi.Float, self.half, view)
        return Lens(left, up, forward, origin, half, self.width / self.height)


@dataclass(frozen=True)
class Lens:
    """One pinhole camera a lane: axes and origin in the world, half image width at unit depth, width / height.

    Image positions are in [0, 1]^2.
    """

    left: Any
    up: Any
    forward: Any
    origin: Any
    half: Any
    aspect: float

    def ray(self, position: Any) -> Any:
        """Return the ray through an image position."""
        import drjit as dr
        import mitsuba as mi

        across = self.left * ((1.0 - 2.0 * position.x) * self.half)
        down = self.up * ((1.0 - 2.0 * position.y) * self.half / self.aspect)
        return mi.Ray3f(mi.Point3f(self.origin), dr.normalize(self.forward + across + down))

    def project(self, point: Any) -> tuple[Any, Any]:
        """Return image position and depth of a world point."""
        import drjit as dr
        import mitsuba as mi

        local = point - self.origin
        depth = dr.dot(local, self.forward)
        scale = 0.5 / (depth * self.half)
        x, y = dr.dot(local, self.left), dr.dot(local, self.up)
        return mi.Point2f(0.5 - x * scale, 0.5 - y * scale * self.aspect), depth

    def moved(self, point: Any, direction: Any) -> Any:
        """Return the derivative of the image position when `point` moves along `direction`."""
        import drjit as dr
        import mitsuba as mi

        local = point - self.origin
        depth, away = dr.dot(local, self.forward), dr.dot(direction, self.forward)
        x = dr.dot(direction, self.left) * depth - dr.dot(local, self.left) * away
        y = dr.dot(direction, self.up) * depth - dr.dot(local, self.up) * away
        return mi.Vector2f(x, y * self.aspect) * (-0.5 / (self.half * depth * depth))


def pixel_means(radiance: Any, spp: int) -> Any:
    """Return the mean over `spp` samples a pixel, in the order of `pixel_samples`, as one flat array with channels last."""
    import drjit as dr
    import mitsuba as mi

    dr.eval(radiance)  # once, and not once a channel
    count = dr.width(radiance) // spp
    channels = [dr.sum(mi.TensorXf(radiance[c], (count, spp)), axis=1).array / spp for c in range(3)]
    return dr.ravel(mi.Color3f(*channels))


def sample_gradients(gradient: Any, spp: int) -> Any:
    """Return for every sample its share of a flat image gradient: the adjoint of `pixel_means`."""
    import drjit as dr
    import mitsuba as mi

    pixels = dr.unravel(mi.Color3f, gradient)
    lane = dr.arange(mi.UInt32, dr.width(pixels) * spp)
    count: Any = dr.opaque(mi.UInt32, spp)
    share: Any = 1.0 / mi.Float(count)
    return dr.gather(mi.Color3f, pixels, lane // count) * share


def first_samples(values: Any, spp: int, first: int) -> Any:
    """Return, of values with `spp` samples a pixel, the `first` ones of every pixel: what `pixel_samples` draws with fewer samples."""
    import drjit as dr
    import mitsuba as mi

    lane = dr.arange(mi.UInt32, dr.width(values) // spp * first)
    pixel = lane // first
    return dr.gather(type(values), values, pixel * spp + (lane - pixel * first))


def pixel_samples(
    pinholes: Pinholes, views: Sequence[int] | Any, seed: int | Any, spp: int
) -> tuple[Any, Any]:
    """Return one ray a sample, and the sampler; all samples of a pixel, then those of the next.

    Neighbouring lanes meet the same triangles and texels: a quarter less time than sample k of all pixels, then k + 1. Sample k
    of a pixel is the same for any `spp` above k. `views` and `seed` are numbers, or `mi.UInt32`.
    """
    import drjit as dr
    import mitsuba as mi

    width, height = pinholes.width, pinholes.height
    lane = dr.arange(mi.UInt32, len(views) * height * width * spp)
    # not as numbers, so that one compiled kernel serves any number of samples and views
    count, pixels = dr.opaque(mi.UInt32, spp), dr.opaque(mi.UInt32, len(views) * height * width)
    pixel = lane // count
    sampler = lane_sampler(seed, (lane - pixel * count) * pixels + pixel)
    slot = pixel // (height * width)
    inside = pixel - slot * (height * width)
    row = inside // width
    within = sampler.next_2d()
    position = mi.Point2f((inside - row * width + within.x) / width, (row + within.y) / height)
    return pinholes.select(dr.gather(mi.UInt32, mi.UInt32(views), slot)).ray(position), sampler


@dataclass(eq=False)
class LaneSampler:
    """Mitsuba's `independent` sampler, for lanes in any order."""

    rng: Any

    def next_1d(self, active: Any = True) -> Any:
        """Return a number in [0, 1) a lane."""
        return self.rng.next_float32(active)

    def next_2d(self, active: Any = True) -> Any:
        """Return a point in [0, 1)^2 a lane."""
        import mitsuba as mi

        x = self.next_1d(active)
        return mi.Point2f(x, self.next_1d(active))


def lane_sampler(seed: int | Any, lane: Any) -> LaneSampler:
    """Return the numbers that an `independent` sampler with this seed has in these lanes (`mi.UInt32`)."""
    import drjit as dr
    import mitsuba as mi

    # a seed as a literal would make a kernel of its own
    start: Any = dr.opaque(mi.UInt32, seed & 0xFFFFFFFF) if isinstance(seed, int) else seed
    state, sequence = mi.sample_tea_32(start, lane)
    generator: Any = mi.PCG32
    return LaneSampler(generator(1, mi.UInt64(state), mi.UInt64(sequence)))
