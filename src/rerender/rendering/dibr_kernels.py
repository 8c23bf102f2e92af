"""The kernels of DIB-R (Chen et al. 2019), frames T at a time.

Passes 1 and 2 find which face each pixel shows; 3 interpolates its corners' colours; 4 lets faces reach the pixels around the
object. Passes 3 and 4 have adjoints; which face is seen has none.
"""

# no postponed annotations: Warp reads them as types
from types import SimpleNamespace
from typing import Any

import warp as wp

from rerender.rendering.plane_kernels import plane_functions
from rerender.runtime.kernels import Precision, per_precision


def _make(types: Precision) -> Any:
    real, vec3 = types.real, types.vec3
    zero, one = real(0.0), real(1.0)
    plane = plane_functions(types.dtype)
    barycentric, signed_distance, visible = plane.barycentric, plane.signed_distance, plane.visible
    first, last, depth, centre = plane.first, plane.last, plane.depth, plane.centre

    @wp.func
    def in_front(a: vec3, b: vec3, c: vec3, near: real, far: real) -> bool:
        """Say whether a face turns its outside to the camera: the image plane's x axis points left, so it appears clockwise."""
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        return area < zero and visible(a, b, c, near, far)

    @wp.kernel(module="unique", enable_backward=False)
    def nearest(
        screen: wp.array2d(dtype=vec3),
        faces: wp.array2d(dtype=int),
        near: real,
        far: real,
        front: wp.array3d(dtype=real),
    ):
        t, j = wp.tid()
        a, b, c = screen[t, faces[j, 0]], screen[t, faces[j, 1]], screen[t, faces[j, 2]]
        size = front.shape[1]
        if in_front(a, b, c, near, far):
            for row in range(first(a[1], b[1], c[1], zero, size), last(a[1], b[1], c[1], zero, size)):
                for col in range(first(a[0], b[0], c[0], zero, size), last(a[0], b[0], c[0], zero, size)):
                    bary = barycentric(centre(col, size), centre(row, size), a, b, c)
                    if wp.min(bary[0], wp.min(bary[1], bary[2])) >= zero:
                        wp.atomic_min(front, t, row, col, depth(a, b, c, bary))

    @wp.kernel(module="unique", enable_backward=False)
    def seen(
        screen: wp.array2d(dtype=vec3),
        faces: wp.array2d(dtype=int),
        near: real,
        far: real,
        front: wp.array3d(dtype=real),
        face: wp.array3d(dtype=int),
    ):
        t, j = wp.tid()
        a, b, c = screen[t, faces[j, 0]], screen[t, faces[j, 1]], screen[t, faces[j, 2]]
        size = front.shape[1]
        if in_front(a, b, c, near, far):
            for row in range(first(a[1], b[1], c[1], zero, size), last(a[1], b[1], c[1], zero, size)):
                for col in range(first(a[0], b[0], c[0], zero, size), last(a[0], b[0], c[0], zero, size)):
                    bary = barycentric(centre(col, size), centre(row, size), a, b, c)
                    inside = wp.min(bary[0], wp.min(bary[1], bary[2])) >= zero
                    # of faces that meet at the pixel's centre the first: the same whatever the order of threads
                    if inside and depth(a, b, c, bary) <= front[t, row, col] * real(1.0 + 1.0e-6):
                        wp.atomic_min(face, t, row, col, j)

    @wp.kernel(module="unique")
    def shade(
        screen: wp.array2d(dtype=vec3),
        colour: wp.array2d(dtype=vec3),
        faces: wp.array2d(dtype=int),
        face: wp.array3d(dtype=int),
        rgb: wp.array3d(dtype=vec3),
    ):
        t, row, col = wp.tid()
        j = face[t, row, col]
        size = face.shape[1]
        if j < faces.shape[0]:
            u, v, w = faces[j, 0], faces[j, 1], faces[j, 2]
            bary = barycentric(centre(col, size), centre(row, size), screen[t, u], screen[t, v], screen[t, w])
            rgb[t, row, col] = bary[0] * colour[t, u] + bary[1] * colour[t, v] + bary[2] * colour[t, w]

    @wp.kernel(module="unique")
    def reach(
        screen: wp.array2d(dtype=vec3),
        faces: wp.array2d(dtype=int),
        face: wp.array3d(dtype=int),
        sharpness: real,
        margin: real,
        near: real,
        far: real,
        clear: wp.array3d(dtype=real),
    ):
        t, j = wp.tid()
        a, b, c = screen[t, faces[j, 0]], screen[t, faces[j, 1]], screen[t, faces[j, 2]]
        size = face.shape[1]
        if visible(a, b, c, near, far):
            for row in range(first(a[1], b[1], c[1], margin, size), last(a[1], b[1], c[1], margin, size)):
                for col in range(first(a[0], b[0], c[0], margin, size), last(a[0], b[0], c[0], margin, size)):
                    if face[t, row, col] >= faces.shape[0]:
                        x, y = centre(col, size), centre(row, size)
                        bary = barycentric(x, y, a, b, c)
                        d = -signed_distance(x, y, a, b, c, bary)
                        if d > zero and d < margin * margin:
                            left = one - wp.exp(-sharpness * d)
                            wp.atomic_add(clear, t, row, col, wp.log(wp.max(left, real(1.0e-12))))

    return SimpleNamespace(nearest=nearest, seen=seen, shade=shade, reach=reach)


dibr_kernels = per_precision(_make)
