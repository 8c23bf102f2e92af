"""Kernels of the multiresolution hash grid (Müller et al. 2022, section 3): look-up, and the adjoints by table and by place.

A launch is over (levels, points), so that one level's rows stay in the cache. Indices are made afresh in every pass: that
costs less than to read them back. On a CPU the adjoint adds in a fixed order, so results repeat bit by bit.
"""

# no postponed annotations: Warp reads them as types
import functools
from types import SimpleNamespace

import torch
import warp as wp

from rerender.runtime.kernels import precision

PRIME_Y, PRIME_Z = 2654435761, 805459861


@functools.cache
def hash_grid_kernels(dtype: torch.dtype, features: int) -> SimpleNamespace:
    """Return the kernels `gather`, `scatter` and `push` in a precision, for so many features a level."""
    types = precision(dtype)
    real, vec3 = types.real, types.vec3
    row = wp.types.vector(length=features, dtype=real)
    layout = wp.types.vector(length=4, dtype=int)  # first row, rows, vertices along a side, whether dense
    zero, one, half = real(0.0), real(1.0), real(0.5)
    prime_y, prime_z = wp.constant(wp.uint32(PRIME_Y)), wp.constant(wp.uint32(PRIME_Z))

    @wp.func
    def place(point: vec3, scale: real) -> vec3:
        """Return a point of the unit cube in cells of a level; one outside is moved to the border."""
        return vec3(
            wp.clamp(point[0], zero, one) * scale + half,
            wp.clamp(point[1], zero, one) * scale + half,
            wp.clamp(point[2], zero, one) * scale + half,
        )

    @wp.func
    def slot(at: vec3, corner: int, level: layout) -> int:
        """Return the row of a corner of the cell around a place; bits 0, 1, 2 of `corner` say which."""
        x, y, z = (
            int(at[0]) + (corner & 1),
            int(at[1]) + ((corner >> 1) & 1),
            int(at[2]) + ((corner >> 2) & 1),
        )
        size, side = level[1], level[2]
        if level[3] != 0:  # dense
            index = x + side * (y + side * z)
            if index >= size:  # beyond the last vertex; less than twice the size, so this is the modulo
                index -= size
            return level[0] + index
        key = wp.uint32(x) ^ (wp.uint32(y) * prime_y) ^ (wp.uint32(z) * prime_z)
        return level[0] + int(key & wp.uint32(size - 1))  # a power of two

    @wp.func
    def inside(at: vec3) -> vec3:
        """Return where in its cell a place is."""
        return vec3(at[0] - wp.floor(at[0]), at[1] - wp.floor(at[1]), at[2] - wp.floor(at[2]))

    @wp.func
    def shares(part: vec3, corner: int) -> vec3:
        """Return a corner's weights along each axis."""
        fx, fy, fz = part[0], part[1], part[2]
        if (corner & 1) == 0:
            fx = one - fx
        if (corner & 2) == 0:
            fy = one - fy
        if (corner & 4) == 0:
            fz = one - fz
        return vec3(fx, fy, fz)

    @wp.kernel(enable_backward=False)
    def gather(
        points: wp.array(dtype=vec3),
        table: wp.array(dtype=row),
        scales: wp.array(dtype=real),
        levels: wp.array(dtype=layout),
        result: wp.array2d(dtype=row),
    ) -> None:
        level, index = wp.tid()
        at, rows = place(points[index], scales[level]), levels[level]
        part = inside(at)
        total = row()
        for corner in range(8):
            share = shares(part, corner)
            total += (share[0] * share[1] * share[2]) * table[slot(at, corner, rows)]
        result[index, level] = total

    @wp.kernel(enable_backward=False)
    def scatter(
        points: wp.array(dtype=vec3),
        scales: wp.array(dtype=real),
        levels: wp.array(dtype=layout),
        grad: wp.array2d(dtype=row),
        table_grad: wp.array(dtype=row),
    ) -> None:
        level, index = wp.tid()
        at, rows = place(points[index], scales[level]), levels[level]
        part = inside(at)
        incoming = grad[index, level]
        for corner in range(8):
            share = shares(part, corner)
            weighted = (share[0] * share[1] * share[2]) * incoming
            wp.atomic_add(table_grad, slot(at, corner, rows), weighted)

    @wp.kernel(enable_backward=False)
    def push(
        points: wp.array(dtype=vec3),
        table: wp.array(dtype=row),
        scales: wp.array(dtype=real),
        levels: wp.array(dtype=layout),
        grad: wp.array2d(dtype=row),
        points_grad: wp.array(dtype=vec3),
    ) -> None:
        level, index = wp.tid()
        scale = scales[level]
        at, rows = place(points[index], scale), levels[level]
        part = inside(at)
        incoming = grad[index, level]
        slope = vec3()
        for corner in range(8):
            share = shares(part, corner)
            value = wp.dot(incoming, table[slot(at, corner, rows)])
            sx = value * share[1] * share[2]
            sy = value * share[0] * share[2]
            sz = value * share[0] * share[1]
            if (corner & 1) == 0:
                sx = -sx
            if (corner & 2) == 0:
                sy = -sy
            if (corner & 4) == 0:
                sz = -sz
            slope += vec3(sx, sy, sz)
        for axis in range(3):
            if points[index][axis] < zero or points[index][axis] > one:
                slope[axis] = zero
        wp.atomic_add(points_grad, index, scale * slope)

    return SimpleNamespace(gather=gather, scatter=scatter, push=push, row=row, layout=layout)
