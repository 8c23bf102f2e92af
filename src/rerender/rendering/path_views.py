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

from rerender.rendering.pinholes import Pinholes, first_samples, pixel_means, pixel_samples, sample_gradients
from rerender.rendering.recording import Recorded, owned, variable

OTHER_PATHS = 1  # seed offset of an adjoint with paths of its own


class PathViews:
    """Images of any views of a scene, and their adjoint along the same paths."""

    def __init__(self, scene: Any, integrator: Any, pinholes: Pinholes) -> None:
        self.scene, self.integrator, self.pinholes = scene, integrator, pinholes
        self._trace = Recorded(_trace)
        self._replay = Recorded(_replay, primal=self._trace)

    def trace(self, views: Sequence[int], seed: int, spp: int) -> tuple[Any, Any]:
        """Return radiance as a flat `mi.Float` of (len(views), height, width, 3), and that of every path."""
        arrays = (self.scene, self.integrator, self.pinholes, *variable(views, seed))
        found: tuple[Any, Any] = self._trace(arrays, (len(views), spp))
        return found

    def replay(self, views: Sequence[int], seed: int, spp: int, paths: Any, gradient: Any) -> None:
        """Carry `gradient`, flat like the radiance, to the scene parameters along the first `spp` paths of each pixel."""
        import drjit as dr

        arrays = (self.scene, self.integrator, self.pinholes, *variable(views, seed), paths, owned(gradient))
        spp_traced = dr.width(paths) // (len(views) * self.pinholes.height * self.pinholes.width)
        self._replay(arrays, (len(views), spp, spp_traced))
        dr.eval()


def _trace(
    scene: Any, integrator: Any, pinholes: Pinholes, views: Any, seed: Any, count: int, spp: int
) -> tuple[Any, Any]:
    """Return the images of `count` views, and the radiance of every path."""
    import drjit as dr

    with dr.suspend_grad():  # type: ignore[no-untyped-call]
        paths = _follow(scene, integrator, pinholes, views, seed, spp, dr.ADMode.Primal)
        return pixel_means(paths, spp), paths


def _replay(
    scene: Any,
    integrator: Any,
    pinholes: Pinholes,
    views: Any,
    seed: Any,
    paths: Any,
    gradient: Any,
    count: int,
    spp: int,
    spp_traced: int,
) -> None:
    """Carry the gradient of the images of `count` views to the scene; `paths` has `spp_traced` a pixel."""
    import drjit as dr

    with dr.suspend_grad():  # type: ignore[no-untyped-call]
        weight = sample_gradients(gradient, spp)
        known = first_samples(paths, spp_traced, spp)
        _follow(scene, integrator, pinholes, views, seed, spp, dr.ADMode.Backward, weight, known)


def _follow(
    scene: Any,
    integrator: Any,
    pinholes: Pinholes,
    views: Any,
    seed: Any,
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
    """Return the Dr.Jit operation whose value is `PathViews.trace` and whose adjoint is `PathViews.replay`, of the same or of other paths."""
    import drjit as dr

    class Images(dr.CustomOp):
        def eval(
            self,
            values: Any,  # the driven parameters: the scene reads them
            followed: PathViews,
            views: Any,
            seed: int,
            spp: int,
            spp_grad: int,
            same_paths: bool,
        ) -> Any:
            image, paths = followed.trace(views, seed, spp)
            self.paths = paths if same_paths else None
            self.call = (followed, views, seed, min(spp, spp_grad) if same_paths else spp_grad)
            return image

        def backward(self) -> None:
            followed, views, seed, spp = self.call
            if self.paths is None:
                seed += OTHER_PATHS
                _, self.paths = followed.trace(views, seed, spp)
            followed.replay(views, seed, spp, self.paths, self.grad_out())

        def name(self) -> str:
            return "path views"

    return Images
