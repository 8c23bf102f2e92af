"""Direct light of several pinhole views in one kernel, differentiable with respect to a mesh, silhouettes included.

Mitsuba's `direct_projective` renders one sensor a call, evaluates the boundary term twice in the adjoint, and does not
know batch sensors. Here all views of a step share one wavefront; Mitsuba does the ray tracing, the shading
(`direct_projective`'s own `sample`) and the choice of silhouette edges, and this module the image plane: a box filter,
and the boundary integral of Reynolds' transport theorem,

    dI/dx = integral over the image of dL/dx  +  integral along silhouettes of (L_front - L_behind) v_n dl,

with v_n the speed of the projected silhouette along its normal in the image (Li et al. 2018, section 4; Zhang et al. 2023,
section 3, for the sampling of mesh edges). Only silhouettes that a camera sees are sampled: those of shadows are
left out, like `sppi: 0` there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from rerender.core.cameras import Camera, to_world
from rerender.rendering.scenes import Film

INTERIOR, BOUNDARY = 1, 2  # seed offsets of the adjoint's two parts
BOUNDARY_SHARE = 0.25
"""Silhouette samples a view, as a share of the interior's: an image has many more pixels than outline pixels."""


@dataclass(frozen=True)
class ViewSamples:
    """Samples per pixel of the image and of its adjoint."""

    primal: int
    adjoint: int

    def edges(self, pixels: int) -> int:
        """Return the number of silhouette samples of one view."""
        return max(16, int(BOUNDARY_SHARE * self.adjoint * pixels))


class Pinholes:
    """Poses and projections of some cameras as Dr.Jit arrays, one entry a view. Clipping planes are not applied."""

    def __init__(self, cameras: Sequence[Camera], film: Film) -> None:
        import mitsuba as mi

        if film.reconstruction_filter != "box":
            raise ValueError(f"only the box filter is supported, not {film.reconstruction_filter}")
        poses = np.stack([to_world(camera) for camera in cameras]).astype(np.float32)
        self.width, self.height = film.width, film.height
        self.origins = [tuple(float(x) for x in pose[:3, 3]) for pose in poses]
        columns = [np.ascontiguousarray(poses[:, :3, k].T) for k in range(4)]
        self.left, self.up, self.forward, self.origin = (mi.Vector3f(column) for column in columns)
        half = np.tan(np.radians([camera.fov_deg for camera in cameras]) / 2.0)
        self.half = mi.Float(half.astype(np.float32))

    def select(self, view: Any) -> tuple[Any, Any, Any, Any, Any]:
        """Return left, up, forward, origin and half width at unit depth of `view` (UInt32 lanes)."""
        import drjit as dr
        import mitsuba as mi

        axes = [dr.gather(mi.Vector3f, a, view) for a in (self.left, self.up, self.forward, self.origin)]
        return axes[0], axes[1], axes[2], axes[3], dr.gather(mi.Float, self.half, view)

    def rays(self, view: Any, position: Any) -> Any:
        """Return rays through image `position` in [0, 1]^2, x to the right and y down."""
        import drjit as dr
        import mitsuba as mi

        left, up, forward, origin, half = self.select(view)
        aspect = self.width / self.height
        across, down = (1.0 - 2.0 * position.x) * half, (1.0 - 2.0 * position.y) * half / aspect
        return mi.Ray3f(mi.Point3f(origin), dr.normalize(forward + left * across + up * down))


def render_views(
    scene: Any, integrator: Any, pinholes: Pinholes, views: Sequence[int], seed: int, spp: int
) -> Any:
    """Return radiance as a flat `mi.Float` of (len(views), height, width, 3). Nothing is differentiated."""
    import drjit as dr
    import mitsuba as mi

    with dr.suspend_grad():
        view, position, sampler = _pixel_samples(pinholes, views, seed, spp)
        radiance = _radiance(integrator, scene, sampler, pinholes.rays(view, position), dr.ADMode.Primal)
        dr.eval(radiance)  # once, and not once a channel
        sums = [dr.block_sum(radiance[c], spp) / spp for c in range(3)]
        return dr.ravel(mi.Color3f(*sums))


def backward_views(
    scene: Any,
    integrator: Any,
    pinholes: Pinholes,
    views: Sequence[int],
    seed: int,
    samples: ViewSamples,
    gradient: Any,
) -> None:
    """Carry `gradient`, flat like the radiance, to the scene parameters whose gradients are enabled."""
    import drjit as dr

    count = samples.edges(pinholes.width * pinholes.height)
    with dr.suspend_grad():
        inside = _interior(scene, integrator, pinholes, views, seed + INTERIOR, samples.adjoint, gradient)
        edge = _boundary(scene, integrator, pinholes, views, seed + BOUNDARY, count, gradient)
    for part in (inside, edge):
        if part is not None and dr.grad_enabled(part):
            dr.set_grad(part, 1.0)
            dr.enqueue(dr.ADMode.Backward, part)
    dr.traverse(dr.ADMode.Backward)
    dr.eval()


def _interior(
    scene: Any,
    integrator: Any,
    pinholes: Pinholes,
    views: Sequence[int],
    seed: int,
    spp: int,
    gradient: Any,
) -> Any:
    """Return sum of radiance times gradient with the shading attached to the scene."""
    import drjit as dr
    import mitsuba as mi

    view, position, sampler = _pixel_samples(pinholes, views, seed, spp)
    weight = dr.repeat(dr.unravel(mi.Color3f, gradient), spp) / spp
    radiance = _radiance(integrator, scene, sampler, pinholes.rays(view, position), dr.ADMode.Backward)
    with dr.resume_grad():
        return dr.dot(radiance, weight)


def _boundary(
    scene: Any,
    integrator: Any,
    pinholes: Pinholes,
    views: Sequence[int],
    seed: int,
    count: int,
    gradient: Any,
) -> Any:
    """Return the silhouettes' part, `count` samples a view, as a sum with the edges' motion attached."""
    import drjit as dr
    import mitsuba as mi

    shapes = scene.silhouette_shapes()
    if not shapes:
        return None
    if len(shapes) > 1:
        raise ValueError(f"one moving mesh is supported, there are {len(shapes)}")
    shape, width, height = shapes[0], pinholes.width, pinholes.height
    table = _visible_edges(shape, [pinholes.origins[view] for view in views])

    lane = dr.arange(mi.UInt32, count * len(views))
    slot = lane // count
    view = dr.gather(mi.UInt32, mi.UInt32(list(views)), slot)
    sampler = _sampler(seed, 1, count * len(views))
    left, up, forward, origin, half = pinholes.select(view)

    # stratified along the silhouette: edges of a view lie one after the other in its part of the table
    stratum = (mi.Float(lane - slot * count) + sampler.next_1d()) / count
    index = dr.binary_search(0, table.length, lambda i: dr.gather(mi.Float, table.ends, i) < stratum + slot)
    valid = dr.gather(mi.UInt32, table.views, index) == slot
    share = dr.gather(mi.Float, table.shares, index)
    along = 1.0 - dr.clip((dr.gather(mi.Float, table.ends, index) - slot - stratum) / share, 0.0, 1.0)
    sample = shape.sample_precomputed_silhouette(
        mi.Point3f(origin), dr.gather(mi.UInt32, table.edges, index, valid), along, valid
    )
    density = sample.pdf * share

    aspect = width / height

    def project(point: Any) -> tuple[Any, Any]:
        local = point - origin
        depth = dr.dot(local, forward)
        scale = 0.5 / (depth * half)
        return mi.Point2f(0.5 - dr.dot(local, left) * scale, 0.5 - dr.dot(local, up) * scale * aspect), depth

    def moved(direction: Any) -> Any:
        """Derivative of the projection along a world direction."""
        local = sample.p - origin
        depth, away = dr.dot(local, forward), dr.dot(direction, forward)
        x = dr.dot(direction, left) * depth - dr.dot(local, left) * away
        y = dr.dot(direction, up) * depth - dr.dot(local, up) * away
        return mi.Vector2f(x, y * aspect) * (-0.5 / (half * depth * depth))

    where, depth = project(sample.p)
    tangent, outwards = moved(sample.silhouette_d), moved(sample.n)
    length = dr.norm(tangent)
    normal = mi.Vector2f(tangent.y, -tangent.x) / length
    normal = dr.select(dr.dot(normal, outwards) < 0.0, -normal, normal)

    valid &= sample.is_valid() & (density > 0.0) & (depth > 0.0) & (length > 0.0)
    valid &= dr.all((where >= 0.0) & (where < 1.0))
    towards = mi.SilhouetteSample3f(sample)
    towards.d = -towards.d
    test = towards.spawn_ray()
    test.maxt = dr.norm(origin - test.o) * (1.0 - mi.math.ShadowEpsilon)
    valid &= ~scene.ray_test(test, valid)
    difference, _ = integrator.sample_radiance_difference(scene, sample, 0, sampler, [], valid)

    column = dr.minimum(mi.UInt32(where.x * width), width - 1)
    row = dr.minimum(mi.UInt32(where.y * height), height - 1)
    at = (slot * height + row) * width + column
    weight = dr.dot(difference, dr.gather(mi.Color3f, gradient, at, valid))
    # a pixel is the mean over its area, which is 1 / (width * height)
    weight *= length / density * (width * height / count)
    weight = dr.select(valid & dr.isfinite(weight), weight, 0.0)

    hit = dr.zeros(mi.SurfaceInteraction3f)
    hit.p, hit.prim_index, hit.uv = sample.p, sample.prim_index, sample.uv
    with dr.resume_grad():
        attached, _ = project(sample.shape.differential_motion(dr.detach(hit), valid))
        return dr.dot(attached, normal) * weight


@dataclass(frozen=True)
class _Edges:
    """Silhouette edges of several views, view after view: number, view, share of its view, and end.

    An edge of view k ends at k plus the running sum of the view's shares. The last entries belong to no view.
    """

    edges: Any
    views: Any
    shares: Any
    ends: Any
    length: int


def _visible_edges(shape: Any, origins: Sequence[tuple[float, ...]]) -> _Edges:
    """Return the silhouette edges as seen from each origin."""
    import mitsuba as mi

    edges, views, shares, ends = [], [], [], []
    for view, origin in enumerate(origins):
        indices, weights = shape.precompute_silhouette(mi.ScalarPoint3f(*origin))
        share = np.array(weights, dtype=np.float64)
        share /= max(share.sum(), np.finfo(np.float64).tiny)
        edges.append(np.array(indices))
        views.append(np.full(len(share), view))
        shares.append(share)
        ends.append(view + np.cumsum(share))
    # padded, so that the compiled kernel does not depend on the exact number of edges; nothing samples the padding
    count = sum(map(len, shares))
    length = max(1024, 1 << count.bit_length())
    rest, none = length - count, len(origins)
    return _Edges(
        mi.UInt32(np.concatenate([*edges, np.zeros(rest)]).astype(np.uint32)),
        mi.UInt32(np.concatenate([*views, np.full(rest, none)]).astype(np.uint32)),
        mi.Float(np.concatenate([*shares, np.ones(rest)]).astype(np.float32)),
        mi.Float(np.concatenate([*ends, np.full(rest, none + 1.0)]).astype(np.float32)),
        length,
    )


def _pixel_samples(pinholes: Pinholes, views: Sequence[int], seed: int, spp: int) -> tuple[Any, Any, Any]:
    """Return view, image position and sampler of every sample; those of a pixel are neighbours."""
    import drjit as dr
    import mitsuba as mi

    width, height = pinholes.width, pinholes.height
    total = len(views) * height * width * spp
    sampler = _sampler(seed, spp, total)
    pixel = dr.arange(mi.UInt32, total) // spp
    slot = pixel // (height * width)
    inside = pixel - slot * (height * width)
    row = inside // width
    within = sampler.next_2d()
    position = mi.Point2f((inside - row * width + within.x) / width, (row + within.y) / height)
    return dr.gather(mi.UInt32, mi.UInt32(list(views)), slot), position, sampler


def _sampler(seed: int, spp: int, total: int) -> Any:
    import mitsuba as mi

    sampler = mi.load_dict({"type": "independent", "sample_count": spp})
    sampler.seed(seed & 0xFFFFFFFF, total)
    return sampler


def _radiance(integrator: Any, scene: Any, sampler: Any, ray: Any, mode: Any) -> Any:
    """Return the radiance along rays by emitter and BSDF sampling."""
    import mitsuba as mi

    found, *_ = integrator.sample(
        mode=mode,
        scene=scene,
        sampler=sampler,
        ray=ray,
        depth=0,
        δL=None,
        state_in=None,
        active=mi.Bool(True),
        project=False,
        si_shade=None,
    )
    return found


@cache
def operation() -> Any:
    """Return the Dr.Jit operation whose value is `render_views` and whose adjoint is `backward_views`."""
    import drjit as dr

    class DirectViews(dr.CustomOp):  # type: ignore[name-defined, misc]
        def eval(
            self,
            values: Any,
            scene: Any,
            integrator: Any,
            pinholes: Pinholes,
            views: Any,
            seed: int,
            samples: Any,
        ) -> Any:
            self.call = (scene, integrator, pinholes, views, seed, samples)
            return render_views(scene, integrator, pinholes, views, seed, samples.primal)

        def backward(self) -> None:
            backward_views(*self.call, self.grad_out())

        def name(self) -> str:
            return "direct views"

    return DirectViews
