"""Many steps of tetrahedra and their particles in one call, several tetrahedra at once, and the adjoint: for one thread of a CPU.

The formulas are those of `particle_kernels` (fact sheet, sections 2.2 and 2.5), which run one tetrahedron at a time and one launch
a step, on any device, and are what this is checked against. Here a vector register holds a value of 8 or 16 tetrahedra
("lanes"), nothing is launched between steps, and the adjoint is written by hand: it shares F and the cofactors. Warp has no such
type, so the loops are C++, which Warp's own compiler turns into machine code like any kernel.
"""

# no postponed annotations: Warp reads them as types
from types import SimpleNamespace
from typing import Any

import warp as wp

from rerender.runtime.kernels import Precision, per_precision

REGISTER = 64
"""Bytes of a vector; narrower machines take two or more instructions for it."""

MATERIAL = 3
"""Rows of the packed element values that can be differentiated: mu, lam and damping come first."""

_SHARED = """
    typedef REAL real;
    typedef real lanes __attribute__((vector_size(64)));
    typedef real loose __attribute__((vector_size(64), aligned(sizeof(real)), may_alias));
    constexpr int W = 64 / sizeof(real);
    struct V3 {
        lanes x, y, z;
        V3 operator+(V3 o) const { return {x + o.x, y + o.y, z + o.z}; }
        V3 operator*(lanes s) const { return {x * s, y * s, z * s}; }
        lanes dot(V3 o) const { return x * o.x + y * o.y + z * o.z; }
        V3 cross(V3 o) const { return {y * o.z - z * o.y, z * o.x - x * o.z, x * o.y - y * o.x}; }
    };
    struct M33 {  // of three columns
        V3 a, b, c;
        M33 operator+(M33 o) const { return {a + o.a, b + o.b, c + o.c}; }
        M33 operator*(lanes s) const { return {a * s, b * s, c * s}; }
        lanes ddot(M33 o) const { return a.dot(o.a) + b.dot(o.b) + c.dot(o.c); }
        M33 times(M33 m) const {
            return {a * m.a.x + b * m.a.y + c * m.a.z, a * m.b.x + b * m.b.y + c * m.b.z, a * m.c.x + b * m.c.y + c * m.c.z};
        }
        M33 times_transposed(M33 m) const {
            return {a * m.a.x + b * m.b.x + c * m.c.x, a * m.a.y + b * m.b.y + c * m.c.y, a * m.a.z + b * m.b.z + c * m.c.z};
        }
        M33 cofactors() const { return {b.cross(c), c.cross(a), a.cross(b)}; }
    };
    const real h = a.h, radius = a.radius, onset = a.onset;
    const auto &gravity = a.gravity, &free = a.free;
    const int steps = a.steps, first = a.first, count = a.masses.shape[0], padded = a.corners.shape[1], last = a.act.shape[0] - 1;
    const int *at = a.corners.data;
    const real *w = a.masses.data, *own = a.packed.data, *signals = a.act.data;
    auto value = [&](int row, int e) -> lanes { return *(const loose *)(own + (long long)row * padded + e); };
    // values of the corners 1 to 3 less those of corner 0, as columns
    auto edges = [&](const real *from, int e) -> M33 {
        M33 m;
        for (int l = 0; l < W; ++l) {
            const real *p0 = from + 3 * at[e + l], *p1 = from + 3 * at[padded + e + l];
            const real *p2 = from + 3 * at[2 * padded + e + l], *p3 = from + 3 * at[3 * padded + e + l];
            m.a.x[l] = p1[0] - p0[0]; m.a.y[l] = p1[1] - p0[1]; m.a.z[l] = p1[2] - p0[2];
            m.b.x[l] = p2[0] - p0[0]; m.b.y[l] = p2[1] - p0[1]; m.b.z[l] = p2[2] - p0[2];
            m.c.x[l] = p3[0] - p0[0]; m.c.y[l] = p3[1] - p0[1]; m.c.z[l] = p3[2] - p0[2];
        }
        return m;
    };
    // add columns to corners 1 to 3, and take their sum from corner 0
    auto spread = [&](M33 m, real *to, int e) {
        for (int l = 0; l < W; ++l) {
            real *p0 = to + 3 * at[e + l], *p1 = to + 3 * at[padded + e + l];
            real *p2 = to + 3 * at[2 * padded + e + l], *p3 = to + 3 * at[3 * padded + e + l];
            const real ax = m.a.x[l], ay = m.a.y[l], az = m.a.z[l], bx = m.b.x[l], by = m.b.y[l], bz = m.b.z[l];
            const real cx = m.c.x[l], cy = m.c.y[l], cz = m.c.z[l];
            p1[0] += ax; p1[1] += ay; p1[2] += az;
            p2[0] += bx; p2[1] += by; p2[2] += bz;
            p3[0] += cx; p3[1] += cy; p3[2] += cz;
            p0[0] -= ax + bx + cx; p0[1] -= ay + by + cy; p0[2] -= az + bz + cz;
        }
    };
    auto inverse = [&](int e) -> M33 {  // rows of the array are those of the matrix
        return {{value(3, e), value(6, e), value(9, e)}, {value(4, e), value(7, e), value(10, e)}, {value(5, e), value(8, e), value(11, e)}};
    };
    const lanes one = lanes{} + real(1);
"""

_FORWARD = (
    _SHARED
    + """
    for (int s = 0; s < steps; ++s) {
        const real *x0 = (const real *)a.x.data + 3LL * count * s, *v0 = (const real *)a.v.data + 3LL * count * s;
        real *x1 = (real *)a.x.data + 3LL * count * (s + 1), *v1 = (real *)a.v.data + 3LL * count * (s + 1);
        real *force = (real *)a.f.data + 3LL * count * s;
        const real *signal = signals + (long long)(first + s < last ? first + s : last) * padded;
        for (int i = 0; i < 3 * count; ++i) force[i] = real(0);
        for (int e = 0; e < padded; e += W) {
            const lanes mu = value(0, e), lam = value(1, e), kd = value(2, e), vol = value(12, e);
            const M33 b = inverse(e), d = edges(x0, e), u = edges(v0, e);
            const M33 deform = d.times(b), c = d.cofactors(), g = c * (one / (vol * real(6)));
            const lanes k = mu * (one - one / (deform.ddot(deform) + one));
            const M33 h = ((deform * k + u.times(b) * kd) * vol).times_transposed(b);
            const lanes level = c.a.dot(d.a) * value(13, e) - (one + real(0.75) * mu / lam) + *(const loose *)(signal + e);
            const lanes p = vol * (lam * level + kd * g.ddot(u));
            spread((h + g * p) * -one, force, e);
        }
        for (int i = 0; i < count; ++i) {
            const real *p = x0 + 3 * i, *u = v0 + 3 * i;
            real fx = force[3 * i], fy = force[3 * i + 1], fz = force[3 * i + 2];
            const real depth = radius - p[1];
            if (a.ground && depth > real(0)) {
                const real *c = (const real *)a.contact.data;
                const real ramp = onset > real(0) && depth < onset ? depth / onset : real(1), limit = c[3] * c[0] * depth;
                const real sx = c[2] * u[0], sz = c[2] * u[2];
                fx -= sx < -limit ? -limit : sx > limit ? limit : sx;
                fy += c[0] * depth - (u[1] < real(0) ? c[1] * ramp * u[1] : real(0));
                fz -= sz < -limit ? -limit : sz > limit ? limit : sz;
            }
            const real fall = w[i] == real(0) ? real(0) : real(1);
            const real total[3] = {fx, fy, fz};
            for (int axis = 0; axis < 3; ++axis) {
                const real moved = free[axis] * (u[axis] + h * (w[i] * total[axis] + fall * gravity[axis]));
                v1[3 * i + axis] = moved;
                x1[3 * i + axis] = p[axis] + h * moved;
            }
        }
    }
"""
)

_BACKWARD = (
    _SHARED
    + """
    real *adj_f = (real *)a.scratch.data;
    for (int s = steps - 1; s >= 0; --s) {
        const real *x0 = (const real *)a.x.data + 3LL * count * s, *v0 = (const real *)a.v.data + 3LL * count * s;
        const real *force = (const real *)a.f.data + 3LL * count * s;
        real *ax = (real *)a.bar_x.data + 3LL * count * s, *av = (real *)a.bar_v.data + 3LL * count * s;
        const real *ax1 = ax + 3LL * count, *av1 = av + 3LL * count;
        const int row = first + s < last ? first + s : last;
        const real *signal = signals + (long long)row * padded;
        for (int i = 0; i < count; ++i) {
            const real *p = x0 + 3 * i, *u = v0 + 3 * i;
            real total[3] = {force[3 * i], force[3 * i + 1], force[3 * i + 2]}, back[3], pull[3];
            for (int axis = 0; axis < 3; ++axis) {
                back[axis] = free[axis] * (av1[3 * i + axis] + h * ax1[3 * i + axis]);
                pull[axis] = h * w[i] * back[axis];
                ax[3 * i + axis] += ax1[3 * i + axis];
                av[3 * i + axis] += back[axis];
                adj_f[3 * i + axis] = pull[axis];
            }
            const real depth = radius - p[1];
            if (a.ground && depth > real(0)) {
                const real *c = (const real *)a.contact.data;
                const bool rising = onset > real(0) && depth < onset;
                const real ramp = rising ? depth / onset : real(1), limit = c[3] * c[0] * depth;
                real adj_limit = real(0), adj_depth = c[0] * pull[1], to[4] = {depth * pull[1], real(0), real(0), real(0)};
                for (int axis = 0; axis < 3; axis += 2) {
                    const real slide = c[2] * u[axis];
                    if (slide < -limit) { adj_limit += pull[axis]; total[axis] += limit; }
                    else if (slide > limit) { adj_limit -= pull[axis]; total[axis] -= limit; }
                    else { to[2] -= u[axis] * pull[axis]; av[3 * i + axis] -= c[2] * pull[axis]; total[axis] -= slide; }
                }
                total[1] += c[0] * depth;
                if (u[1] < real(0)) {
                    total[1] -= c[1] * ramp * u[1];
                    to[1] -= ramp * u[1] * pull[1];
                    av[3 * i + 1] -= c[1] * ramp * pull[1];
                    if (rising) adj_depth -= c[1] * u[1] / onset * pull[1];
                }
                to[0] += adj_limit * c[3] * depth;
                to[3] += adj_limit * c[0] * depth;
                adj_depth += adj_limit * c[3] * c[0];
                ax[3 * i + 1] -= adj_depth;
                if (a.wants_contact) for (int n = 0; n < 4; ++n) ((real *)a.bar_contact.data)[n] += to[n];
            }
            if (a.wants_mass) a.bar_masses.data[i] += h * (total[0] * back[0] + total[1] * back[1] + total[2] * back[2]);
        }
        for (int e = 0; e < padded; e += W) {
            const lanes mu = value(0, e), lam = value(1, e), kd = value(2, e), vol = value(12, e);
            const M33 b = inverse(e), d = edges(x0, e), u = edges(v0, e), pull = edges(adj_f, e) * -one;
            const lanes sixth = one / (vol * real(6));
            const M33 deform = d.times(b), c = d.cofactors(), g = c * sixth;
            const lanes share = one / (deform.ddot(deform) + one), k = mu * (one - share);
            const lanes level = c.a.dot(d.a) * value(13, e) - (one + real(0.75) * mu / lam) + *(const loose *)(signal + e);
            const lanes rate = g.ddot(u), p = vol * (lam * level + kd * rate);
            // with A the adjoint forces: L = A : H + p (A : G), with H = V P Bᵀ
            const M33 q = pull.times(b) * vol;
            const lanes qf = q.ddot(deform), volumes = vol * pull.ddot(g);
            const M33 adj_c = (pull * p + u * (volumes * kd)) * sixth;
            M33 to = (q * k + deform * (real(2) * mu * share * share * qf)).times_transposed(b) + c * (volumes * lam * value(13, e));
            to.a = to.a + adj_c.b.cross(d.c) + d.b.cross(adj_c.c);
            to.b = to.b + adj_c.c.cross(d.a) + d.c.cross(adj_c.a);
            to.c = to.c + adj_c.a.cross(d.b) + d.a.cross(adj_c.b);
            spread(to, ax, e);
            spread((q * kd).times_transposed(b) + g * (volumes * kd), av, e);
            if (a.wants_material) {
                real *out = a.bar_packed.data + e;
                *(loose *)out += qf * (one - share) - real(0.75) * volumes;
                *(loose *)(out + padded) += volumes * (level + real(0.75) * mu / lam);
                *(loose *)(out + 2LL * padded) += q.ddot(u.times(b)) + volumes * rate;
            }
            if (a.wants_act) *(loose *)(a.bar_act.data + (long long)row * padded + e) += volumes * lam;
        }
    }
"""
)


def _make(types: Precision) -> Any:
    real, vec3, vec4 = types.real, types.vec3, types.vec4
    name = "double" if real is wp.float64 else "float"

    @wp.struct
    class Run:
        """Steps of a segment: how time passes, the elements, the states; what is differentiated, and the adjoints."""

        first: int
        steps: int
        h: real
        gravity: vec3
        free: vec3
        ground: int
        radius: real
        onset: real
        corners: wp.array2d(dtype=int)
        packed: wp.array2d(dtype=real)
        act: wp.array2d(dtype=real)
        masses: wp.array(dtype=real)
        contact: wp.array(dtype=vec4)
        x: wp.array2d(dtype=vec3)
        v: wp.array2d(dtype=vec3)
        f: wp.array2d(dtype=vec3)
        wants_mass: int
        wants_contact: int
        wants_material: int
        wants_act: int
        bar_x: wp.array2d(dtype=vec3)
        bar_v: wp.array2d(dtype=vec3)
        scratch: wp.array(dtype=vec3)
        bar_masses: wp.array(dtype=real)
        bar_contact: wp.array(dtype=vec4)
        bar_packed: wp.array2d(dtype=real)
        bar_act: wp.array2d(dtype=real)

    @wp.func_native(_FORWARD.replace("REAL", name))
    def run_forward(a: Run): ...

    @wp.func_native(_BACKWARD.replace("REAL", name))
    def run_backward(a: Run): ...

    @wp.kernel(module="unique", enable_backward=False)
    def forward(a: Run):
        run_forward(a)

    @wp.kernel(module="unique", enable_backward=False)
    def backward(a: Run):
        run_backward(a)

    return SimpleNamespace(Run=Run, forward=forward, backward=backward)


lane_kernels = per_precision(_make)
