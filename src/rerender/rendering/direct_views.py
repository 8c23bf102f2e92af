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

from rerender.rendering.pinholes import Pinholes, lane_sampler, pixel_means, pixel_samples, sample_gradients
from rerender.rendering.recording import Recorded, owned, variable

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


class DirectViews:
    """Images of any views of a scene, and their adjoint."""

    def __init__(self, scene: Any, integrator: Any, pinholes: Pinholes) -> None:
        self.scene, self.integrator, self.pinholes = scene, integrator, pinholes
        self.origins = [tuple(float(x) for x in origin) for origin in np.array(pinholes.origin).T]
        self._render = Recorded(_render)
        self._backward = Recorded(_backward, primal=self._render)

    def render(self, views: Sequence[int], seed: int, spp: int) -> Any:
        """Return radiance as a flat `mi.Float` of (len(views), height, width, 3). Nothing is differentiated."""
        arrays = (self.scene, self.integrator, self.pinholes, *variable(views, seed))
        return self._render(arrays, (len(views), spp))

    def backward(self, views: Sequence[int], seed: int, samples: ViewSamples, gradient: Any) -> None:
        """Carry `gradient`, flat like the radiance, to the scene parameters whose gradients are enabled."""
        import drjit as dr

        shapes = self.scene.silhouette_shapes()
        if len(shapes) > 1:
            raise ValueError(f"one moving mesh is supported, there are {len(shapes)}")
        edges = _visible_edges(shapes[0], [self.origins[view] for view in views]) if shapes else None
        arrays = (self.scene, self.integrator, self.pinholes, *variable(views, seed), owned(gradient), edges)
        self._backward(arrays, (len(views), edges.length if edges else 0, samples))
        dr.eval()


def _render(
    scene: Any, integrator: Any, pinholes: Pinholes, views: Any, seed: Any, count: int, spp: int
) -> Any:
    """Return the images of `count` views."""
    import drjit as dr

    with dr.suspend_grad():  # type: ignore[no-untyped-call]
        rays, sampler = pixel_samples(pinholes, views, seed, spp)
        return pixel_means(_radiance(integrator, scene, sampler, rays, dr.ADMode.Primal), spp)


def _backward(
    scene: Any,
    integrator: Any,
    pinholes: Pinholes,
    views: Any,
    seed: Any,
    gradient: Any,
    edges: _Edges | None,
    count: int,
    edge_count: int,
    samples: ViewSamples,
) -> None:
    """Carry the gradient of the images of `count` views to the scene; `edges` has `edge_count` entries."""
    import drjit as dr

    with dr.suspend_grad():  # type: ignore[no-untyped-call]
        common = (scene, integrator, pinholes, views)
        parts = [_interior(*common, seed + INTERIOR, samples.adjoint, gradient)]
        if edges is not None:
            number = samples.edges(pinholes.width * pinholes.height)
            parts.append(_boundary(*common, seed + BOUNDARY, number, gradient, edges))
    for part in parts:
        if dr.grad_enabled(part):
            dr.set_grad(part, 1.0)
            dr.enqueue(dr.ADMode.Backward, part)
    dr.traverse(dr.ADMode.Backward)


def _interior(
    scene: Any,
    integrator: Any,
    pinholes: Pinholes,
    views: Any,
    seed: Any,
    spp: int,
    gradient: Any,
) -> Any:
    """Return sum of radiance times gradient with the shading attached to the scene."""
    import drjit as dr

    rays, sampler = pixel_samples(pinholes, views, seed, spp)
    weight = sample_gradients(gradient, spp)
    radiance = _radiance(integrator, scene, sampler, rays, dr.ADMode.Backward)
    with dr.resume_grad():  # type: ignore[no-untyped-call]
        return dr.dot(radiance, weight)


def _boundary(
    scene: Any,
    integrator: Any,
    pinholes: Pinholes,
    views: Any,
    seed: Any,
    count: int,
    gradient: Any,
    table: _Edges,
) -> Any:
    """Return the silhouettes' part, `count` samples a view, as a sum with the edges' motion attached."""
    import drjit as dr
    import mitsuba as mi

    width, height = pinholes.width, pinholes.height
    lane = dr.arange(mi.UInt32, count * len(views))
    slot = lane // count
    lens = pinholes.select(dr.gather(mi.UInt32, views, slot))
    sampler = lane_sampler(seed, lane)

    # stratified along the outline: edges of a view lie one after the other in its part of the table
    stratum = (mi.Float(lane - slot * count) + sampler.next_1d()) / count
    edge, share, along, valid = table.find(slot, stratum)
    (shape,) = scene.silhouette_shapes()
    sample = shape.sample_precomputed_silhouette(mi.Point3f(lens.origin), edge, along, valid)
    density = sample.pdf * share

    where, depth = lens.project(sample.p)
    tangent, outwards = lens.moved(sample.p, sample.silhouette_d), lens.moved(sample.p, sample.n)
    length = dr.norm(tangent)
    normal = mi.Vector2f(tangent.y, -tangent.x) / length
    normal = dr.select(dr.dot(normal, outwards) < 0.0, -normal, normal)

    valid &= sample.is_valid() & (density > 0.0) & (depth > 0.0) & (length > 0.0)
    valid &= dr.all((where >= 0.0) & (where < 1.0))
    valid &= _sees(scene, lens.origin, sample, valid)
    difference, _ = integrator.sample_radiance_difference(scene, sample, 0, sampler, [], valid)

    column = dr.minimum(mi.UInt32(where.x * width), width - 1)
    row = dr.minimum(mi.UInt32(where.y * height), height - 1)
    pixel = (slot * height + row) * width + column
    weight = dr.dot(difference, dr.gather(mi.Color3f, gradient, pixel, valid))
    # a pixel is the mean over its area, which is 1 / (width * height)
    weight *= length / density * (width * height / count)
    weight = dr.select(valid & dr.isfinite(weight), weight, 0.0)

    hit = dr.zeros(mi.SurfaceInteraction3f)
    hit.p, hit.prim_index, hit.uv = sample.p, sample.prim_index, sample.uv
    with dr.resume_grad():  # type: ignore[no-untyped-call]
        attached, _ = lens.project(sample.shape.differential_motion(dr.detach(hit), valid))
        return dr.dot(attached, normal) * weight


def _sees(scene: Any, origin: Any, sample: Any, active: Any) -> Any:
    """Return whether nothing stands between a camera and a silhouette point."""
    import drjit as dr
    import mitsuba as mi

    towards = mi.SilhouetteSample3f(sample)
    towards.d = -towards.d
    ray = towards.spawn_ray()
    ray.maxt = dr.norm(origin - ray.o) * (1.0 - mi.math.ShadowEpsilon)
    return ~scene.ray_test(ray, active)


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

    def find(self, slot: Any, stratum: Any) -> tuple[Any, Any, Any, Any]:
        """Return edge, its share, the place along it in [0, 1], and whether there is one, at `stratum` of view `slot`."""
        import drjit as dr
        import mitsuba as mi

        at = stratum + mi.Float(slot)
        index = dr.binary_search(  # type: ignore[no-untyped-call]
            0, self.length, lambda i: dr.gather(mi.Float, self.ends, i) < at
        )
        valid = dr.gather(mi.UInt32, self.views, index) == slot
        share = dr.gather(mi.Float, self.shares, index)
        left = dr.gather(mi.Float, self.ends, index) - at
        along = 1.0 - dr.clip(left / share, 0.0, 1.0)
        return dr.gather(mi.UInt32, self.edges, index, valid), share, along, valid & (share > 0.0)


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
        owned(mi.UInt32(np.concatenate([*edges, np.zeros(rest)]).astype(np.uint32))),
        owned(mi.UInt32(np.concatenate([*views, np.full(rest, none)]).astype(np.uint32))),
        owned(mi.Float(np.concatenate([*shares, np.ones(rest)]).astype(np.float32))),
        owned(mi.Float(np.concatenate([*ends, np.full(rest, none + 1.0)]).astype(np.float32))),
        length,
    )


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
    """Return the Dr.Jit operation whose value is `DirectViews.render` and whose adjoint is `DirectViews.backward`."""
    import drjit as dr

    class Images(dr.CustomOp):
        def eval(self, values: Any, direct: DirectViews, views: Any, seed: int, samples: Any) -> Any:
            self.call = (direct, views, seed, samples)
            return direct.render(views, seed, samples.primal)

        def backward(self) -> None:
            direct, views, seed, samples = self.call
            direct.backward(views, seed, samples, self.grad_out())

        def name(self) -> str:
            return "direct views"

    return Images
