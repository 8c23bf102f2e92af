"""Several pinhole views of a fixed scene by path tracing in one kernel, differentiated by replaying the same paths.

Path replay (Vicini et al. 2021) runs a primal pass to learn each path's radiance, then one that follows the path again
with derivatives. A render and its adjoint with seeds of their own are therefore three passes. Where the loss is built so
that a render's own noise does not bias its gradient (the dual buffer multiplies the derivative of one render with the residual of
another), the render itself is the adjoint's primal pass: two passes, and the exact derivative of the images at hand.

Of a render's samples the first `adjoint` a pixel may be replayed alone; they are an unbiased sample of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from rerender.rendering.pinholes import Pinholes, pixel_means, pixel_samples, sample_gradients


def trace(
    scene: Any, integrator: Any, pinholes: Pinholes, views: Sequence[int], seed: int, spp: int
) -> tuple[Any, Any]:
    """Return radiance as a flat `mi.Float` of (len(views), height, width, 3), and that of every path."""
    import drjit as dr

    with dr.suspend_grad():  # type: ignore[no-untyped-call]
        paths = _follow(scene, integrator, pinholes, views, seed, spp, dr.ADMode.Primal)
        return pixel_means(paths, spp), paths


def replay(
    scene: Any,
    integrator: Any,
    pinholes: Pinholes,
    views: Sequence[int],
    seed: int,
    spp: int,
    paths: Any,
    gradient: Any,
) -> None:
    """Carry `gradient`, flat like the radiance, to the scene parameters along the first `spp` paths of each pixel."""
    import drjit as dr
    import mitsuba as mi

    with dr.suspend_grad():  # type: ignore[no-untyped-call]
        weight = sample_gradients(gradient, spp)
        first = dr.arange(mi.UInt32, dr.width(weight))
        known = dr.gather(type(paths), paths, first)
        _follow(scene, integrator, pinholes, views, seed, spp, dr.ADMode.Backward, weight, known)
    dr.eval()


def _follow(
    scene: Any,
    integrator: Any,
    pinholes: Pinholes,
    views: Sequence[int],
    seed: int,
    spp: int,
    mode: Any,
    weight: Any = None,
    known: Any = None,
) -> Any:
    """Trace or replay `spp` paths a pixel; return their radiance."""
    import mitsuba as mi

    rays, sampler = pixel_samples(pinholes, views, seed, spp)
    radiance, *_ = integrator.sample(
        mode=mode,
        scene=scene,
        sampler=sampler,
        ray=rays,
        depth=mi.UInt32(0),
        δL=weight,
        δaovs=None,
        state_in=known,
        active=mi.Bool(True),
    )
    return radiance


@cache
def operation() -> Any:
    """Return the Dr.Jit operation whose value is `trace` and whose adjoint is `replay`."""
    import drjit as dr

    class PathViews(dr.CustomOp):
        def eval(
            self,
            values: Any,  # the driven parameters: the scene reads them
            scene: Any,
            integrator: Any,
            pinholes: Pinholes,
            views: Any,
            seed: int,
            spp: int,
            spp_grad: int,
        ) -> Any:
            self.call = (scene, integrator, pinholes, views, seed, min(spp, spp_grad))
            image, self.paths = trace(scene, integrator, pinholes, views, seed, spp)
            return image

        def backward(self) -> None:
            replay(*self.call, self.paths, self.grad_out())

        def name(self) -> str:
            return "path views"

    return PathViews
