"""The rigid-body kernel: one thread follows one body from the first step to the last (∇Sim, Eq. 2 and appendix).

The reverse pass of Warp replays a loop's statements but not what a nested loop adds up in a local variable. So states
are stored by step, and forces of contact points are added up in arrays.
"""

# no postponed annotations: Warp reads them as types
from types import SimpleNamespace
from typing import Any

import warp as wp

from rerender.runtime.kernels import Precision, per_precision


def _make(types: Precision) -> Any:
    real, vec3, vec4, mat33, quat = types.real, types.vec3, types.vec4, types.mat33, types.quat

    @wp.func
    def point_force(p: vec3, u: vec3, c: vec4, onset: real) -> vec3:
        """Penalty, damping and friction on a contact point at `p` that moves with `u`; `c` is (ke, kd, kf, mu)."""
        depth = -p[1]
        ramp = real(1.0)
        if onset > real(0.0):
            ramp = wp.min(depth / onset, real(1.0))
        normal = c[0] * depth - c[1] * ramp * wp.min(u[1], real(0.0))
        limit = c[3] * normal
        return vec3(
            -wp.clamp(c[2] * u[0], -limit, limit),
            normal,
            -wp.clamp(c[2] * u[2], -limit, limit),
        )

    @wp.kernel(module="unique", enable_backward=True)
    def trajectory(
        h: real,
        steps: int,
        gravity: vec3,
        onset: real,
        push_steps: int,
        point_masses: int,
        mass: wp.array(dtype=real),
        inertia: wp.array(dtype=mat33),
        inverse: wp.array(dtype=mat33),
        points: wp.array2d(dtype=vec3),
        counts: wp.array(dtype=int),
        contact: wp.array(dtype=vec4),
        push: wp.array(dtype=vec3),
        push_at: wp.array(dtype=vec3),
        x: wp.array2d(dtype=vec3),
        r: wp.array2d(dtype=quat),
        v: wp.array2d(dtype=vec3),
        w: wp.array2d(dtype=vec3),
        f: wp.array2d(dtype=vec3),
        tau: wp.array2d(dtype=vec3),
    ):
        b = wp.tid()
        for s in range(steps):
            if s < push_steps:
                arm = wp.quat_rotate(r[s, b], push_at[b])
                if point_masses == 1:
                    arm = push_at[b] - x[s, b]
                wp.atomic_add(f, s, b, push[b])
                wp.atomic_add(tau, s, b, wp.cross(arm, push[b]))
            for i in range(counts[b]):
                lever = wp.quat_rotate(r[s, b], points[b, i])
                p = x[s, b] + lever
                if p[1] < real(0.0):
                    force = point_force(p, v[s, b] + wp.cross(w[s, b], lever), contact[b], onset)
                    wp.atomic_add(f, s, b, force)
                    wp.atomic_add(tau, s, b, wp.cross(lever, force))
            # inertia is that of 1 kg: both the moment and its inverse scale with the mass
            wb = wp.quat_rotate_inv(r[s, b], w[s, b])
            tb = wp.quat_rotate_inv(r[s, b], tau[s, b]) / mass[b] - wp.cross(wb, inertia[b] * wb)
            v1 = v[s, b] + h * (f[s, b] / mass[b] + gravity)
            w1 = wp.quat_rotate(r[s, b], wb + h * (inverse[b] * tb))
            turning = w1
            if point_masses == 1:
                turning = w[s, b]
            spin = quat(turning[0], turning[1], turning[2], real(0.0)) * r[s, b]
            v[s + 1, b] = v1
            w[s + 1, b] = w1
            x[s + 1, b] = x[s, b] + h * v1
            r[s + 1, b] = wp.normalize(r[s, b] + spin * (real(0.5) * h))

    return SimpleNamespace(trajectory=trajectory)


rigid_kernels = per_precision(_make)
