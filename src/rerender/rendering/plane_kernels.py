"""Triangles in the image plane of extent [−1, 1], as Warp functions: what the rasterisers' kernels share."""

# no postponed annotations: Warp reads them as types
from types import SimpleNamespace
from typing import Any

import warp as wp

from rerender.runtime.kernels import Precision, per_precision


def _make(types: Precision) -> Any:
    real, vec3 = types.real, types.vec3
    zero, one = real(0.0), real(1.0)

    @wp.func
    def edge_part(x: real, y: real, a: vec3, b: vec3) -> real:
        """Return where on the edge from `a` to `b` the point nearest to (x, y) lies, in [0, 1]."""
        ex, ey = b[0] - a[0], b[1] - a[1]
        return wp.clamp(((x - a[0]) * ex + (y - a[1]) * ey) / (ex * ex + ey * ey), zero, one)

    @wp.func
    def edge_distance(x: real, y: real, a: vec3, b: vec3) -> real:
        """Return the squared distance from (x, y) to an edge."""
        t = edge_part(x, y, a, b)
        dx, dy = a[0] + t * (b[0] - a[0]) - x, a[1] + t * (b[1] - a[1]) - y
        return dx * dx + dy * dy

    @wp.func
    def barycentric(x: real, y: real, a: vec3, b: vec3, c: vec3) -> vec3:
        """Return the barycentric coordinates of (x, y) in a triangle of the image plane."""
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        u = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) / area
        v = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) / area
        return vec3(u, v, one - u - v)

    @wp.func
    def signed_distance(x: real, y: real, a: vec3, b: vec3, c: vec3, bary: vec3) -> real:
        """Return the squared distance to the triangle's boundary, positive inside."""
        d = wp.min(edge_distance(x, y, a, b), wp.min(edge_distance(x, y, b, c), edge_distance(x, y, c, a)))
        if wp.min(bary[0], wp.min(bary[1], bary[2])) < zero:
            d = -d
        return d

    @wp.func
    def depth(a: vec3, b: vec3, c: vec3, bary: vec3) -> real:
        """Return the perspective-correct depth at the clamped coordinates."""
        u = wp.clamp(bary[0], zero, one)
        v = wp.clamp(bary[1], zero, one)
        w = wp.clamp(bary[2], zero, one)
        return (u + v + w) / (u / a[2] + v / b[2] + w / c[2])

    @wp.func
    def centre(index: int, size: int) -> real:
        """Return the coordinate of the centre of a column, or of a row from below."""
        return real(2 * index + 1 - size) / real(size)

    @wp.func
    def column(x: real, size: int) -> int:
        """Return the column (or row from below) whose centre is nearest to a coordinate in [-1, 1]."""
        place = wp.clamp((x + one) * real(size) * real(0.5) - real(0.5), real(-1.0), real(size))
        return int(wp.floor(place + real(0.5)))

    @wp.func
    def first(a: real, b: real, c: real, margin: real, size: int) -> int:
        """Return the first column that a face with these x may touch."""
        return wp.max(column(wp.min(a, wp.min(b, c)) - margin, size), 0)

    @wp.func
    def last(a: real, b: real, c: real, margin: real, size: int) -> int:
        """Return one more than the last column that a face with these x may touch."""
        return wp.min(column(wp.max(a, wp.max(b, c)) + margin, size), size - 1) + 1

    @wp.func
    def visible(a: vec3, b: vec3, c: vec3, near: real, far: real) -> bool:
        """Say whether a face lies between the planes and has an area in the image."""
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        low = wp.min(a[2], wp.min(b[2], c[2]))
        high = wp.max(a[2], wp.max(b[2], c[2]))
        return wp.abs(area) > real(1.0e-12) and low > near and high < far

    return SimpleNamespace(
        barycentric=barycentric,
        signed_distance=signed_distance,
        depth=depth,
        centre=centre,
        first=first,
        last=last,
        visible=visible,
    )


plane_functions = per_precision(_make)
