"""Kernels of split-sum shading, a thread a pixel: shading normals, and colours with their slopes (`split_sum.py` has the formulas).

A colour's slopes by albedo, roughness, metallic and normal are written with it: a look-up has read by then all that they need, so
gradients cost a product. Maps are channels-last, so that one texel is one read. Look-ups are linear between texel centres and
hold the border's value outside; a light's columns wrap round by its padding.
"""

# no postponed annotations: Warp reads them as types
import math
from types import SimpleNamespace
from typing import Any

import warp as wp

from rerender.runtime.kernels import Precision, per_precision

DIELECTRIC = 0.04
LEAST_COSINE = 1e-4
BEND = 0.1
"""Below this cosine to the viewer a shading normal is bent towards the geometric one."""
POLE = 1e-12
"""Directions whose squared distance to the vertical axis is smaller have no azimuth."""


def _make(types: Precision) -> Any:
    real, vec3, mat33 = types.real, types.vec3, types.mat33
    zero, half, one, two = real(0.0), real(0.5), real(1.0), real(2.0)
    vec2 = wp.types.vector(length=2, dtype=real)
    per_turn, per_half_turn = real(0.5 / math.pi), real(1.0 / math.pi)
    pole, dielectric, least, bend = real(POLE), real(DIELECTRIC), real(LEAST_COSINE), real(BEND)
    least_length = real(1.0e-12)

    @wp.func
    def place(direction: vec3, height: int, width: int) -> vec2:
        """Return the row and the column of a direction on a light of `width` columns and one more on either side."""
        ring2 = direction[0] * direction[0] + direction[2] * direction[2]
        x = wp.where(ring2 < pole, zero, direction[0])
        z = wp.where(ring2 < pole, one, -direction[2])
        turn = wp.atan2(x, z) * per_turn
        polar = wp.atan2(wp.sqrt(wp.max(ring2, pole)), direction[1]) * per_half_turn
        row = wp.clamp(polar * real(height) - half, zero, real(height - 1))
        return vec2(row, (turn - wp.floor(turn)) * real(width) + half)

    @wp.func
    def across_unit(vector: vec3, grad: vec3) -> vec3:
        """Return the gradient of a vector, given that of the unit vector along it."""
        length = wp.max(wp.length(vector), least_length)
        unit = vector / length
        return (grad - wp.dot(unit, grad) * unit) / length

    @wp.func
    def row_slope(direction: vec3, row: real, height: int) -> vec3:
        """Return how the row of a unit direction changes with it; nothing at a border and at a pole."""
        ring2 = direction[0] * direction[0] + direction[2] * direction[2]
        if ring2 < pole or row <= zero or row >= real(height - 1):
            return vec3()
        ring = wp.sqrt(ring2)
        scale = per_half_turn * real(height) / (ring2 + direction[1] * direction[1])
        outward = scale * direction[1] / ring
        return vec3(outward * direction[0], -scale * ring, outward * direction[2])

    @wp.func
    def column_slope(direction: vec3, width: int) -> vec3:
        """Return how the column of a direction changes with it; nothing at a pole."""
        ring2 = direction[0] * direction[0] + direction[2] * direction[2]
        if ring2 < pole:
            return vec3()
        scale = per_turn * real(width) / ring2
        return vec3(-scale * direction[2], zero, scale * direction[0])

    @wp.func
    def level_of(roughness: real, bounds: vec3) -> real:
        """Return where between the levels a roughness lies: evenly from bounds 0 to 1, `bounds[2]` steps, then one step."""
        evenly = (wp.clamp(roughness, bounds[0], bounds[1]) - bounds[0]) / (bounds[1] - bounds[0])
        beyond = wp.clamp(roughness - bounds[1], zero, one - bounds[1]) / (one - bounds[1])
        return bounds[2] * evenly + beyond

    @wp.func
    def level_slope(roughness: real, bounds: vec3) -> real:
        """Return the slope of `level_of`."""
        if roughness < bounds[0] or roughness > one:
            return zero
        if roughness > bounds[1]:
            return one / (one - bounds[1])
        return bounds[2] / (bounds[1] - bounds[0])

    @wp.func
    def corner_weight(at: vec2, corner: int) -> real:
        """Return the share of one of the four texels around a place; bits 0 and 1 of `corner` say which row and column."""
        down, right = at[0] - wp.floor(at[0]), at[1] - wp.floor(at[1])
        return wp.where((corner & 1) == 0, one - down, down) * wp.where(
            (corner >> 1) == 0, one - right, right
        )

    @wp.func
    def in_frame(value: vec3, tangent: vec3, up: vec3) -> vec3:
        """Return a tangent-space normal in the world, not of unit length."""
        across = wp.normalize(wp.cross(tangent, up))
        return value[0] * tangent - value[1] * across + wp.max(value[2], zero) * up

    @wp.func
    def bent(shading: vec3, flat: vec3, view: vec3) -> vec3:
        """Return a normal that goes over to the geometric one where it turns from the viewer, not of unit length."""
        return flat + wp.clamp(wp.dot(shading, view) / bend, zero, one) * (shading - flat)

    @wp.func
    def facing(geometric: vec3, view: vec3) -> real:
        """Return 1 for front faces, -1 for back faces."""
        return wp.where(wp.dot(geometric, view) < zero, -one, one)

    @wp.kernel(module="unique", enable_backward=False)
    def normals(
        geometric: wp.array(dtype=vec3),
        smooth: wp.array(dtype=vec3),
        tangents: wp.array(dtype=vec3),
        toward: wp.array(dtype=vec3),
        found: wp.array(dtype=vec3),
        result: wp.array(dtype=vec3),
    ):
        i = wp.tid()
        side = facing(geometric[i], toward[i])
        shading = side * wp.normalize(in_frame(found[i], tangents[i], smooth[i]))
        result[i] = wp.normalize(bent(shading, side * geometric[i], toward[i]))

    @wp.kernel(module="unique", enable_backward=False)
    def to_found(
        geometric: wp.array(dtype=vec3),
        smooth: wp.array(dtype=vec3),
        tangents: wp.array(dtype=vec3),
        toward: wp.array(dtype=vec3),
        found: wp.array(dtype=vec3),
        grad: wp.array(dtype=vec3),
        result: wp.array(dtype=vec3),
    ):
        """Undo `normals`: from the gradient of the result to that of `found`."""
        i = wp.tid()
        side = facing(geometric[i], toward[i])
        mixed = in_frame(found[i], tangents[i], smooth[i])
        shading, flat = side * wp.normalize(mixed), side * geometric[i]
        to_bent = across_unit(bent(shading, flat, toward[i]), grad[i])
        turned = wp.dot(shading, toward[i]) / bend
        to_shading = wp.clamp(turned, zero, one) * to_bent
        if turned > zero and turned < one:
            to_shading += (wp.dot(to_bent, shading - flat) / bend) * toward[i]
        to_mixed = side * across_unit(mixed, to_shading)
        across = wp.normalize(wp.cross(tangents[i], smooth[i]))
        to_z = wp.where(found[i][2] > zero, wp.dot(to_mixed, smooth[i]), zero)
        result[i] = vec3(wp.dot(to_mixed, tangents[i]), -wp.dot(to_mixed, across), to_z)

    @wp.func
    def environment(table: wp.array2d(dtype=vec2), n_dot_v: real, roughness: real):
        """Return A and B of the environment BRDF, and their slopes by n.v and by roughness; none beyond the outer centres."""
        size = table.shape[0]
        last = real(size - 1)
        y = wp.clamp(roughness * real(size) - half, zero, last)
        x = wp.clamp(wp.max(n_dot_v, least) * real(size) - half, zero, last)
        row, column = int(y), int(x)
        down, right = y - real(row), x - real(column)
        below, beside = wp.min(row + 1, size - 1), wp.min(column + 1, size - 1)
        upper = table[row, beside] - table[row, column]
        lower = table[below, beside] - table[below, column]
        top = table[row, column] + right * upper
        bottom = table[below, column] + right * lower
        by_roughness, by_cosine = real(size) * (bottom - top), real(size) * (upper + down * (lower - upper))
        if y <= zero or y >= last:
            by_roughness = vec2()
        if n_dot_v < least or x <= zero or x >= last:
            by_cosine = vec2()
        return top + down * (bottom - top), by_cosine, by_roughness

    @wp.func
    def irradiance(texels: wp.array2d(dtype=vec3), at: vec2):
        """Return a light around a place on it, and its slopes by row and by column."""
        row, column = int(at[0]), int(at[1])
        down, right = at[0] - real(row), at[1] - real(column)
        below, beside = wp.min(row + 1, texels.shape[0] - 1), wp.min(column + 1, texels.shape[1] - 1)
        upper = texels[row, beside] - texels[row, column]
        lower = texels[below, beside] - texels[below, column]
        top, bottom = texels[row, column] + right * upper, texels[below, column] + right * lower
        return top + down * (bottom - top), bottom - top, upper + down * (lower - upper)

    @wp.func
    def radiance(texels: wp.array3d(dtype=vec3), level: real, at: vec2):
        """Return a light's lobe between two levels at a place on it, and its slopes by level, by row and by column."""
        first = int(level)
        share = level - real(first)
        second = wp.min(first + 1, texels.shape[0] - 1)
        sharp, sharp_down, sharp_right = irradiance(texels[first], at)
        broad, broad_down, broad_right = irradiance(texels[second], at)
        return (
            sharp + share * (broad - sharp),
            broad - sharp,
            sharp_down + share * (broad_down - sharp_down),
            sharp_right + share * (broad_right - sharp_right),
        )

    @wp.kernel(module="unique", enable_backward=False)
    def shade(
        toward: wp.array(dtype=vec3),
        normal: wp.array(dtype=vec3),
        albedo: wp.array(dtype=vec3),
        roughness: wp.array(dtype=real),
        metallic: wp.array(dtype=real),
        specular: wp.array3d(dtype=vec3),
        diffuse: wp.array2d(dtype=vec3),
        table: wp.array2d(dtype=vec2),
        bounds: vec3,
        sloped: int,
        result: wp.array(dtype=vec3),
        by_lobe: wp.array(dtype=vec3),
        by_albedo: wp.array(dtype=vec3),
        by_roughness: wp.array(dtype=vec3),
        by_metallic: wp.array(dtype=vec3),
        by_normal: wp.array(dtype=mat33),
    ):
        i = wp.tid()
        n, view, base, rough, metal = normal[i], toward[i], albedo[i], roughness[i], metallic[i]
        height, width = specular.shape[1], specular.shape[2] - 2
        cosine = wp.dot(n, view)
        brdf, brdf_turn, brdf_rough = environment(table, cosine, rough)
        raw = two * cosine * n - view
        mirror = raw / wp.max(wp.length(raw), least_length)
        at, spot = place(mirror, height, width), place(n, height, width)
        lobe, lobe_level, lobe_down, lobe_right = radiance(specular, level_of(rough, bounds), at)
        around, around_down, around_right = irradiance(diffuse, spot)

        grey = vec3(dielectric, dielectric, dielectric)
        f0 = grey + metal * (base - grey)
        reflectance = brdf[0] * f0 + vec3(brdf[1], brdf[1], brdf[1])
        matt = (one - metal) * base
        result[i] = wp.cw_mul(matt, around) + wp.cw_mul(lobe, reflectance)

        if sloped != 0:
            by_lobe[i] = reflectance
            by_albedo[i] = (one - metal) * around + (metal * brdf[0]) * lobe
            by_metallic[i] = brdf[0] * wp.cw_mul(lobe, base - grey) - wp.cw_mul(base, around)
            rising = brdf_rough[0] * f0 + vec3(brdf_rough[1], brdf_rough[1], brdf_rough[1])
            by_roughness[i] = wp.cw_mul(level_slope(rough, bounds) * lobe_level, reflectance) + wp.cw_mul(
                lobe, rising
            )
            # by the normal: n.v in the table, the irradiance, and the reflection, d raw = 2 (view . dn) n + 2 cosine dn
            turning = brdf_turn[0] * f0 + vec3(brdf_turn[1], brdf_turn[1], brdf_turn[1])
            total = wp.outer(wp.cw_mul(lobe, turning), view)
            total += wp.outer(wp.cw_mul(matt, around_down), row_slope(n, spot[0], height))
            total += wp.outer(wp.cw_mul(matt, around_right), column_slope(n, width))
            down = across_unit(raw, row_slope(mirror, at[0], height))
            right = across_unit(raw, column_slope(mirror, width))
            down = two * (wp.dot(n, down) * view + cosine * down)
            right = two * (wp.dot(n, right) * view + cosine * right)
            total += wp.outer(wp.cw_mul(reflectance, lobe_down), down)
            total += wp.outer(wp.cw_mul(reflectance, lobe_right), right)
            by_normal[i] = total

    @wp.kernel(module="unique", enable_backward=False)
    def pull(
        grad: wp.array(dtype=vec3),
        by_albedo: wp.array(dtype=vec3),
        by_roughness: wp.array(dtype=vec3),
        by_metallic: wp.array(dtype=vec3),
        by_normal: wp.array(dtype=mat33),
        normal: wp.array(dtype=vec3),
        albedo: wp.array(dtype=vec3),
        roughness: wp.array(dtype=real),
        metallic: wp.array(dtype=real),
    ):
        i = wp.tid()
        incoming = grad[i]
        normal[i] = incoming * by_normal[i]
        albedo[i] = wp.cw_mul(incoming, by_albedo[i])
        roughness[i] = wp.dot(incoming, by_roughness[i])
        metallic[i] = wp.dot(incoming, by_metallic[i])

    @wp.kernel(module="unique", enable_backward=False)
    def to_light(
        toward: wp.array(dtype=vec3),
        normal: wp.array(dtype=vec3),
        roughness: wp.array(dtype=real),
        lobe_grad: wp.array(dtype=vec3),
        around_grad: wp.array(dtype=vec3),
        bounds: vec3,
        specular: wp.array3d(dtype=vec3),
        diffuse: wp.array2d(dtype=vec3),
    ):
        i = wp.tid()
        n, rough = normal[i], roughness[i]
        height, width = specular.shape[1], specular.shape[2] - 2
        level = level_of(rough, bounds)
        first = int(level)
        second = wp.min(first + 1, specular.shape[0] - 1)
        share = level - real(first)
        at = place(wp.normalize(two * wp.dot(n, toward[i]) * n - toward[i]), height, width)
        spot = place(n, height, width)
        for corner in range(4):
            row = wp.min(int(at[0]) + (corner & 1), height - 1)
            column = wp.min(int(at[1]) + (corner >> 1), width + 1)
            weight = corner_weight(at, corner)
            wp.atomic_add(specular, first, row, column, ((one - share) * weight) * lobe_grad[i])
            wp.atomic_add(specular, second, row, column, (share * weight) * lobe_grad[i])
            row = wp.min(int(spot[0]) + (corner & 1), height - 1)
            column = wp.min(int(spot[1]) + (corner >> 1), width + 1)
            wp.atomic_add(diffuse, row, column, corner_weight(spot, corner) * around_grad[i])

    return SimpleNamespace(
        normals=normals, to_found=to_found, shade=shade, pull=pull, to_light=to_light, vec2=vec2
    )


split_sum_kernels = per_precision(_make)
