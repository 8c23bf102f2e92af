"""Kernels of the multiresolution hash grid (Müller et al. 2022, section 3): look-up, and the adjoints by table and by place.

A launch is over (levels, runs of `run` points), so that one level's rows stay in the cache; on a CPU a thread has many points,
which share its start. Indices are made afresh in every pass: that costs less than to read them back. On a CPU the adjoint adds
in a fixed order, so results repeat bit by bit.
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
    def dense(at: vec3, corner: int, level: layout) -> int:
        """Return the row of a corner of the cell around a place in a table of all vertices; bits 0, 1, 2 of `corner` say which."""
        x, y, z = (
            int(at[0]) + (corner & 1),
            int(at[1]) + ((corner >> 1) & 1),
            int(at[2]) + ((corner >> 2) & 1),
        )
        index = x + level[2] * (y + level[2] * z)
        if index >= level[1]:  # beyond the last vertex; less than twice the size, so this is the modulo
            index -= level[1]
        return level[0] + index

    @wp.func
    def hashed(at: vec3, corner: int, level: layout) -> int:
        """Return the same in a hash table, whose size is a power of two."""
        x = wp.uint32(int(at[0])) + wp.uint32(corner & 1)
        y = wp.uint32(int(at[1])) * prime_y + wp.uint32((corner >> 1) & 1) * prime_y
        z = wp.uint32(int(at[2])) * prime_z + wp.uint32((corner >> 2) & 1) * prime_z
        return level[0] + int((x ^ y ^ z) & wp.uint32(level[1] - 1))

    @wp.func
    def slot(at: vec3, corner: int, level: layout) -> int:
        """Return the row of a corner in either kind of table."""
        if level[3] != 0:
            return dense(at, corner, level)
        return hashed(at, corner, level)

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

    @wp.func
    def weight(part: vec3, corner: int) -> real:
        """Return a corner's weight."""
        share = shares(part, corner)
        return share[0] * (share[1] * share[2])

    @wp.kernel(enable_backward=False)
    def gather(
        points: wp.array(dtype=vec3),
        table: wp.array(dtype=row),
        scales: wp.array(dtype=real),
        levels: wp.array(dtype=layout),
        run: int,
        result: wp.array2d(dtype=row),
    ) -> None:
        level, first = wp.tid()
        scale, rows = scales[level], levels[level]
        for index in range(first * run, wp.min((first + 1) * run, points.shape[0])):
            at = place(points[index], scale)
            part = inside(at)
            total = row()
            if rows[3] != 0:
                for corner in range(8):
                    total += weight(part, corner) * table[dense(at, corner, rows)]
            else:
                for corner in range(8):
                    total += weight(part, corner) * table[hashed(at, corner, rows)]
            result[index, level] = total

    @wp.kernel(enable_backward=False)
    def scatter(
        points: wp.array(dtype=vec3),
        scales: wp.array(dtype=real),
        levels: wp.array(dtype=layout),
        run: int,
        grad: wp.array2d(dtype=row),
        table_grad: wp.array(dtype=row),
    ) -> None:
        level, first = wp.tid()
        scale, rows = scales[level], levels[level]
        for index in range(first * run, wp.min((first + 1) * run, points.shape[0])):
            at = place(points[index], scale)
            part = inside(at)
            incoming = grad[index, level]
            if rows[3] != 0:
                for corner in range(8):
                    wp.atomic_add(table_grad, dense(at, corner, rows), weight(part, corner) * incoming)
            else:
                for corner in range(8):
                    wp.atomic_add(table_grad, hashed(at, corner, rows), weight(part, corner) * incoming)

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
