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
    zero, one, half = real(0.0), real(1.0), real(0.5)
    prime_y, prime_z = wp.constant(wp.uint32(PRIME_Y)), wp.constant(wp.uint32(PRIME_Z))

    @wp.func
    def slot(x: wp.uint32, y: wp.uint32, z: wp.uint32, resolution: int, size: int, dense: int) -> int:
        """Return the row of a grid vertex within its level."""
        if dense != 0:
            index = int(x) + resolution * (int(y) + resolution * int(z))
            if index >= size:  # beyond the last vertex; less than twice the size, so this is the modulo
                index -= size
            return index
        return int((x ^ (y * prime_y) ^ (z * prime_z)) & wp.uint32(size - 1))  # a power of two

    @wp.func
    def place(point: vec3, scale: real) -> vec3:
        """Return a point of the unit cube in cells of a level; one outside is moved to the border."""
        return vec3(
            wp.clamp(point[0], zero, one) * scale + half,
            wp.clamp(point[1], zero, one) * scale + half,
            wp.clamp(point[2], zero, one) * scale + half,
        )

    @wp.kernel(enable_backward=False)
    def gather(
        points: wp.array(dtype=vec3),
        table: wp.array(dtype=row),
        scales: wp.array(dtype=real),
        shape: wp.array2d(dtype=int),
        result: wp.array2d(dtype=row),
    ) -> None:
        level, index = wp.tid()
        at = place(points[index], scales[level])
        x, y, z = wp.uint32(at[0]), wp.uint32(at[1]), wp.uint32(at[2])
        fx, fy, fz = at[0] - real(x), at[1] - real(y), at[2] - real(z)
        first, size, resolution, dense = shape[level, 0], shape[level, 1], shape[level, 2], shape[level, 3]
        total = row()
        for corner in range(8):
            i, j, k = wp.uint32(corner & 1), wp.uint32((corner >> 1) & 1), wp.uint32((corner >> 2) & 1)
            wx, wy, wz = fx, fy, fz
            if (corner & 1) == 0:
                wx = one - fx
            if (corner & 2) == 0:
                wy = one - fy
            if (corner & 4) == 0:
                wz = one - fz
            total += (wx * wy * wz) * table[first + slot(x + i, y + j, z + k, resolution, size, dense)]
        result[index, level] = total

    @wp.kernel(enable_backward=False)
    def scatter(
        points: wp.array(dtype=vec3),
        scales: wp.array(dtype=real),
        shape: wp.array2d(dtype=int),
        grad: wp.array2d(dtype=row),
        table_grad: wp.array(dtype=row),
    ) -> None:
        level, index = wp.tid()
        at = place(points[index], scales[level])
        x, y, z = wp.uint32(at[0]), wp.uint32(at[1]), wp.uint32(at[2])
        fx, fy, fz = at[0] - real(x), at[1] - real(y), at[2] - real(z)
        first, size, resolution, dense = shape[level, 0], shape[level, 1], shape[level, 2], shape[level, 3]
        incoming = grad[index, level]
        for corner in range(8):
            i, j, k = wp.uint32(corner & 1), wp.uint32((corner >> 1) & 1), wp.uint32((corner >> 2) & 1)
            wx, wy, wz = fx, fy, fz
            if (corner & 1) == 0:
                wx = one - fx
            if (corner & 2) == 0:
                wy = one - fy
            if (corner & 4) == 0:
                wz = one - fz
            where = first + slot(x + i, y + j, z + k, resolution, size, dense)
            wp.atomic_add(table_grad, where, (wx * wy * wz) * incoming)

    @wp.kernel(enable_backward=False)
    def push(
        points: wp.array(dtype=vec3),
        table: wp.array(dtype=row),
        scales: wp.array(dtype=real),
        shape: wp.array2d(dtype=int),
        grad: wp.array2d(dtype=row),
        points_grad: wp.array(dtype=vec3),
    ) -> None:
        level, index = wp.tid()
        scale = scales[level]
        at = place(points[index], scale)
        x, y, z = wp.uint32(at[0]), wp.uint32(at[1]), wp.uint32(at[2])
        fx, fy, fz = at[0] - real(x), at[1] - real(y), at[2] - real(z)
        first, size, resolution, dense = shape[level, 0], shape[level, 1], shape[level, 2], shape[level, 3]
        incoming = grad[index, level]
        slope = vec3()
        for corner in range(8):
            i, j, k = wp.uint32(corner & 1), wp.uint32((corner >> 1) & 1), wp.uint32((corner >> 2) & 1)
            wx, wy, wz = fx, fy, fz
            sx, sy, sz = one, one, one
            if (corner & 1) == 0:
                wx, sx = one - fx, -one
            if (corner & 2) == 0:
                wy, sy = one - fy, -one
            if (corner & 4) == 0:
                wz, sz = one - fz, -one
            value = wp.dot(incoming, table[first + slot(x + i, y + j, z + k, resolution, size, dense)])
            slope += value * vec3(sx * wy * wz, wx * sy * wz, wx * wy * sz)
        for axis in range(3):
            if points[index][axis] < zero or points[index][axis] > one:
                slope[axis] = zero
        wp.atomic_add(points_grad, index, scale * slope)

    return SimpleNamespace(gather=gather, scatter=scatter, push=push, row=row)
