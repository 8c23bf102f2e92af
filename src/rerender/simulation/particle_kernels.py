"""Kernels of a particle system, one launch a step each: forces of elements, then contact and integration.

Formulas are those of ∇Sim's appendix (fact sheet, sections 2.1 to 2.5). States and forces have a row for each step of a
segment, so that no adjoint finds a value overwritten. `s` is the step in the segment, `g` that of the simulation.
"""

# no postponed annotations: Warp reads them as types
from types import SimpleNamespace
from typing import Any

import warp as wp

from rerender.runtime.kernels import Precision, per_precision


def _make(types: Precision) -> Any:
    real, vec3, vec4, mat22, mat33 = types.real, types.vec3, types.vec4, types.mat22, types.mat33
    zero, one = real(0.0), real(1.0)

    @wp.kernel(module="unique")
    def tets(
        s: int,
        g: int,
        trace_only: int,
        absolute: int,
        x: wp.array2d(dtype=vec3),
        v: wp.array2d(dtype=vec3),
        corners: wp.array2d(dtype=int),
        inverse: wp.array(dtype=mat33),
        volume: wp.array(dtype=real),
        mu: wp.array(dtype=real),
        lam: wp.array(dtype=real),
        damping: wp.array(dtype=real),
        act: wp.array2d(dtype=real),
        f: wp.array2d(dtype=vec3),
    ):
        e = wp.tid()
        i, j, k, m = corners[e, 0], corners[e, 1], corners[e, 2], corners[e, 3]
        x10, x20, x30 = x[s, j] - x[s, i], x[s, k] - x[s, i], x[s, m] - x[s, i]
        v10, v20, v30 = v[s, j] - v[s, i], v[s, k] - v[s, i], v[s, m] - v[s, i]
        b, vol, kd = inverse[e], volume[e], damping[e]
        deform = wp.matrix_from_cols(x10, x20, x30) * b
        rate = wp.matrix_from_cols(v10, v20, v30) * b
        ic = wp.ddot(deform, deform)
        if trace_only == 1:
            ic = deform[0, 0] * deform[0, 0] + deform[1, 1] * deform[1, 1] + deform[2, 2] * deform[2, 2]
        stress = deform * (mu[e] * (one - one / (ic + one))) + rate * kd
        h = stress * wp.transpose(b) * vol
        g1 = wp.cross(x20, x30) / (real(6.0) * vol)
        g2 = wp.cross(x30, x10) / (real(6.0) * vol)
        g3 = wp.cross(x10, x20) / (real(6.0) * vol)
        change = wp.dot(g1, v10) + wp.dot(g2, v20) + wp.dot(g3, v30)
        if absolute == 1:
            change = wp.dot(g1, v[s, j]) + wp.dot(g2, v[s, k]) + wp.dot(g3, v[s, m])
        rest = one + real(0.75) * mu[e] / lam[e]
        signal = act[wp.min(g, act.shape[0] - 1), e]
        p = vol * (lam[e] * (wp.determinant(deform) - rest + signal) + kd * change)
        f1 = -(vec3(h[0, 0], h[1, 0], h[2, 0]) + p * g1)
        f2 = -(vec3(h[0, 1], h[1, 1], h[2, 1]) + p * g2)
        f3 = -(vec3(h[0, 2], h[1, 2], h[2, 2]) + p * g3)
        wp.atomic_add(f, s, i, -(f1 + f2 + f3))
        wp.atomic_add(f, s, j, f1)
        wp.atomic_add(f, s, k, f2)
        wp.atomic_add(f, s, m, f3)

    @wp.kernel(module="unique")
    def triangles(
        s: int,
        g: int,
        x: wp.array2d(dtype=vec3),
        v: wp.array2d(dtype=vec3),
        corners: wp.array2d(dtype=int),
        inverse: wp.array(dtype=mat22),
        area: wp.array(dtype=real),
        mu: wp.array(dtype=real),
        lam: wp.array(dtype=real),
        damping: wp.array(dtype=real),
        drag: wp.array(dtype=real),
        lift: wp.array(dtype=real),
        act: wp.array2d(dtype=real),
        f: wp.array2d(dtype=vec3),
    ):
        e = wp.tid()
        i, j, k = corners[e, 0], corners[e, 1], corners[e, 2]
        x10, x20 = x[s, j] - x[s, i], x[s, k] - x[s, i]
        v0, v1, v2 = v[s, i], v[s, j], v[s, k]
        b, a0 = inverse[e], area[e]
        f1 = x10 * b[0, 0] + x20 * b[1, 0]
        f2 = x10 * b[0, 1] + x20 * b[1, 1]
        fq = (f1 * b[0, 0] + f2 * b[0, 1]) * (a0 * mu[e])
        fr = (f1 * b[1, 0] + f2 * b[1, 1]) * (a0 * mu[e])
        cross = wp.cross(x10, x20)
        twice = wp.length(cross)
        n = cross / twice
        signal = act[wp.min(g, act.shape[0] - 1), e]
        c = real(0.5) * twice / a0 - (one + mu[e] / lam[e]) + signal
        dq = wp.cross(x20, n) / (real(2.0) * a0)
        dr = wp.cross(n, x10) / (real(2.0) * a0)
        change = wp.dot(dq, v1) + wp.dot(dr, v2) - wp.dot(dq + dr, v0)
        p = a0 * (lam[e] * c + damping[e] * change)
        fq += dq * p
        fr += dr * p
        air = vec3(zero, zero, zero)
        mean = (v0 + v1 + v2) / real(3.0)
        speed2 = wp.dot(mean, mean)
        if speed2 > real(1.0e-12):
            along = wp.dot(n, mean)
            sine = wp.clamp(along / wp.sqrt(speed2), real(-0.999999), real(0.999999))
            half = real(0.5) * twice
            air = mean * (drag[e] * half * wp.abs(along)) + n * (lift[e] * half * wp.asin(sine) * speed2)
        wp.atomic_add(f, s, i, fq + fr - air)
        wp.atomic_add(f, s, j, -fq - air)
        wp.atomic_add(f, s, k, -fr - air)

    @wp.func
    def bend_angle(x1: vec3, x2: vec3, x3: vec3, x4: vec3) -> real:
        """Return the angle between the faces (x1, x3, x4) and (x2, x4, x3)."""
        n1 = wp.normalize(wp.cross(x3 - x1, x4 - x1))
        n2 = wp.normalize(wp.cross(x4 - x2, x3 - x2))
        return wp.atan2(wp.dot(wp.cross(n1, n2), wp.normalize(x4 - x3)), wp.dot(n1, n2))

    @wp.kernel(module="unique")
    def bends(
        s: int,
        x: wp.array2d(dtype=vec3),
        v: wp.array2d(dtype=vec3),
        corners: wp.array2d(dtype=int),
        rest: wp.array(dtype=real),
        stiffness: wp.array(dtype=real),
        damping: wp.array(dtype=real),
        f: wp.array2d(dtype=vec3),
    ):
        t = wp.tid()
        a, b, c, d = corners[t, 0], corners[t, 1], corners[t, 2], corners[t, 3]
        x1, x2, x3, x4 = x[s, a], x[s, b], x[s, c], x[s, d]
        n1, n2 = wp.cross(x3 - x1, x4 - x1), wp.cross(x4 - x2, x3 - x2)
        m1, m2 = n1 / wp.dot(n1, n1), n2 / wp.dot(n2, n2)
        length = wp.length(x4 - x3)
        e = (x4 - x3) / length
        d1, d2 = -m1 * length, -m2 * length
        d3 = -m1 * wp.dot(x1 - x4, e) - m2 * wp.dot(x2 - x4, e)
        d4 = -m1 * wp.dot(x3 - x1, e) - m2 * wp.dot(x3 - x2, e)
        rate = wp.dot(d1, v[s, a]) + wp.dot(d2, v[s, b]) + wp.dot(d3, v[s, c]) + wp.dot(d4, v[s, d])
        p = -length * (stiffness[t] * (bend_angle(x1, x2, x3, x4) - rest[t]) + damping[t] * rate)
        wp.atomic_add(f, s, a, p * d1)
        wp.atomic_add(f, s, b, p * d2)
        wp.atomic_add(f, s, c, p * d3)
        wp.atomic_add(f, s, d, p * d4)

    @wp.kernel(module="unique")
    def springs(
        s: int,
        x: wp.array2d(dtype=vec3),
        v: wp.array2d(dtype=vec3),
        ends: wp.array2d(dtype=int),
        rest: wp.array(dtype=real),
        stiffness: wp.array(dtype=real),
        damping: wp.array(dtype=real),
        f: wp.array2d(dtype=vec3),
    ):
        t = wp.tid()
        i, j = ends[t, 0], ends[t, 1]
        apart = x[s, i] - x[s, j]
        length = wp.length(apart)
        d = apart / length
        pull = d * (stiffness[t] * (length - rest[t]) + damping[t] * wp.dot(d, v[s, i] - v[s, j]))
        wp.atomic_add(f, s, i, -pull)
        wp.atomic_add(f, s, j, pull)

    @wp.kernel(module="unique")
    def integrate(
        s: int,
        h: real,
        gravity: vec3,
        free: vec3,
        ground: int,
        radius: real,
        onset: real,
        x: wp.array2d(dtype=vec3),
        v: wp.array2d(dtype=vec3),
        f: wp.array2d(dtype=vec3),
        inverse_mass: wp.array(dtype=real),
        contact: wp.array(dtype=vec4),
        x_out: wp.array2d(dtype=vec3),
        v_out: wp.array2d(dtype=vec3),
    ):
        i = wp.tid()
        w = inverse_mass[i]
        p, u = x[s, i], v[s, i]
        total = f[s, i]
        depth = radius - p[1]
        if ground == 1 and depth > zero:
            c = contact[0]
            ramp = one
            if onset > zero:
                ramp = wp.min(depth / onset, one)
            limit = c[3] * c[0] * depth
            total += vec3(
                -wp.clamp(c[2] * u[0], -limit, limit),
                c[0] * depth - c[1] * ramp * wp.min(u[1], zero),
                -wp.clamp(c[2] * u[2], -limit, limit),
            )
        fall = gravity
        if w == zero:
            fall = vec3(zero, zero, zero)
        v1 = wp.cw_mul(u + h * (w * total + fall), free)
        # the same arrays, a row further: a second name keeps reading and writing apart
        v_out[s + 1, i] = v1
        x_out[s + 1, i] = p + h * v1

    return SimpleNamespace(tets=tets, triangles=triangles, bends=bends, springs=springs, integrate=integrate)


particle_kernels = per_precision(_make)
