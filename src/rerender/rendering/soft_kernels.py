"""The soft rasteriser's kernels (SoftRas; Liu et al. 2019), frames T at a time, on an image of super-samples.

A fragment is a face at a sample. Pass 1 finds the nearest fragment of each sample, pass 2 adds up fragments, and pass 3
composites and averages super-samples to pixels. Passes 2 and 3 have adjoints; the nearest depth only scales weights.
"""

# no postponed annotations: Warp reads them as types
from types import SimpleNamespace
from typing import Any

import warp as wp

from rerender.runtime.kernels import Precision, per_precision


def _make(types: Precision) -> Any:
    real, vec3, vec4 = types.real, types.vec3, types.vec4
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
    def nearness(a: vec3, b: vec3, c: vec3, bary: vec3, near: real, far: real) -> real:
        """Return (far − z)/(far − near) with the perspective-correct depth at the clamped coordinates."""
        u = wp.clamp(bary[0], zero, one)
        v = wp.clamp(bary[1], zero, one)
        w = wp.clamp(bary[2], zero, one)
        z = (u + v + w) / (u / a[2] + v / b[2] + w / c[2])
        return (far - z) / (far - near)

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

    @wp.kernel(module="unique", enable_backward=False)
    def nearest(
        screen: wp.array2d(dtype=vec3),
        faces: wp.array2d(dtype=int),
        reach: real,
        near: real,
        far: real,
        top: wp.array3d(dtype=real),
    ):
        t, j = wp.tid()
        a, b, c = screen[t, faces[j, 0]], screen[t, faces[j, 1]], screen[t, faces[j, 2]]
        size = top.shape[1]
        if visible(a, b, c, near, far):
            margin = wp.sqrt(reach)
            for row in range(first(a[1], b[1], c[1], margin, size), last(a[1], b[1], c[1], margin, size)):
                for col in range(first(a[0], b[0], c[0], margin, size), last(a[0], b[0], c[0], margin, size)):
                    x = real(2 * col + 1 - size) / real(size)
                    y = real(2 * row + 1 - size) / real(size)
                    bary = barycentric(x, y, a, b, c)
                    inside = wp.min(bary[0], wp.min(bary[1], bary[2])) >= zero
                    if inside or -signed_distance(x, y, a, b, c, bary) < reach:
                        wp.atomic_max(top, t, row, col, nearness(a, b, c, bary, near, far))

    @wp.kernel(module="unique")
    def gather(
        screen: wp.array2d(dtype=vec3),
        colour: wp.array2d(dtype=vec3),
        faces: wp.array2d(dtype=int),
        sigma: real,
        gamma: real,
        reach: real,
        near: real,
        far: real,
        top: wp.array3d(dtype=real),
        total: wp.array3d(dtype=vec4),
        clear: wp.array3d(dtype=real),
    ):
        t, j = wp.tid()
        a, b, c = screen[t, faces[j, 0]], screen[t, faces[j, 1]], screen[t, faces[j, 2]]
        shade = colour[t, j]
        size = top.shape[1]
        if visible(a, b, c, near, far):
            margin = wp.sqrt(reach)
            for row in range(first(a[1], b[1], c[1], margin, size), last(a[1], b[1], c[1], margin, size)):
                for col in range(first(a[0], b[0], c[0], margin, size), last(a[0], b[0], c[0], margin, size)):
                    x = real(2 * col + 1 - size) / real(size)
                    y = real(2 * row + 1 - size) / real(size)
                    bary = barycentric(x, y, a, b, c)
                    d = signed_distance(x, y, a, b, c, bary)
                    if -d < reach:
                        # beyond 50, a sigmoid is 0 or 1 in either precision, and exp must not overflow
                        e = wp.clamp(d / sigma, real(-50.0), real(50.0))
                        cover = one / (one + wp.exp(-e))
                        behind = (nearness(a, b, c, bary, near, far) - top[t, row, col]) / gamma
                        weight = cover * wp.exp(wp.max(behind, real(-80.0)))
                        wp.atomic_add(
                            total,
                            t,
                            row,
                            col,
                            vec4(weight * shade[0], weight * shade[1], weight * shade[2], weight),
                        )
                        wp.atomic_add(clear, t, row, col, -wp.max(e, zero) - wp.log(one + wp.exp(-wp.abs(e))))

    @wp.kernel(module="unique")
    def composite(
        total: wp.array3d(dtype=vec4),
        clear: wp.array3d(dtype=real),
        top: wp.array3d(dtype=real),
        gamma: real,
        background: real,
        empty: vec3,
        premultiplied: int,
        factor: int,
        image: wp.array3d(dtype=vec4),
    ):
        t, row, col = wp.tid()
        size = top.shape[1]
        share = one / real(factor * factor)
        for k in range(factor * factor):
            i = size - 1 - (row * factor + k // factor)  # row 0 of the image is at the top
            j = col * factor + k % factor
            behind = wp.exp(wp.max((background - top[t, i, j]) / gamma, real(-80.0)))
            sums = total[t, i, j]
            all = sums[3] + behind
            rgb = (vec3(sums[0], sums[1], sums[2]) + behind * empty) / all
            alpha = one - wp.exp(clear[t, i, j])
            if premultiplied == 1:
                rgb = alpha * rgb + (one - alpha) * empty
            wp.atomic_add(image, t, row, col, share * vec4(rgb[0], rgb[1], rgb[2], alpha))

    return SimpleNamespace(nearest=nearest, gather=gather, composite=composite)


soft_kernels = per_precision(_make)
