"""The soft rasteriser's kernels (SoftRas; Liu et al. 2019), frames T at a time, on an image of super-samples.

A fragment is a face at a sample. Pass 1 finds the nearest fragment of each sample, pass 2 adds up fragments, and pass 3
composites and averages super-samples to pixels. Passes 2 and 3 have adjoints; the nearest depth only scales weights.
"""

# no postponed annotations: Warp reads them as types
from types import SimpleNamespace
from typing import Any

import warp as wp

from rerender.rendering.plane_kernels import plane_functions
from rerender.runtime.kernels import Precision, per_precision


def _make(types: Precision) -> Any:
    real, vec3, vec4 = types.real, types.vec3, types.vec4
    zero, one = real(0.0), real(1.0)

    plane = plane_functions(types.dtype)
    barycentric, signed_distance, visible = plane.barycentric, plane.signed_distance, plane.visible
    first, last, depth, centre = plane.first, plane.last, plane.depth, plane.centre

    @wp.func
    def nearness(a: vec3, b: vec3, c: vec3, bary: vec3, near: real, far: real) -> real:
        """Return (far − z)/(far − near)."""
        return (far - depth(a, b, c, bary)) / (far - near)

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
                    x = centre(col, size)
                    y = centre(row, size)
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
                    x = centre(col, size)
                    y = centre(row, size)
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
