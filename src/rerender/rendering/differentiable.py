"""Rendering as one differentiable PyTorch operation.

Mitsuba computes radiance and its adjoint; everything in image space (tone curve, network, loss) is
PyTorch. So a problem calls `render(...)`, then `loss.backward()`, and gradients land in its tensors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from rerender.rendering import direct_views, path_views
from rerender.rendering.direct_views import DirectViews
from rerender.rendering.path_views import PathViews
from rerender.rendering.pinholes import Pinholes
from rerender.rendering.recording import owned
from rerender.rendering.scenes import Scene, build_scene

SHAPE_INTEGRATOR = "direct_projective"


class Renderer:
    """A Mitsuba scene with a few of its parameters driven by PyTorch tensors.

    The adjoint pass reads the scene as it is then. So gradients must be taken before the next `render`; a later
    `backward` raises, rather than give the gradient to the wrong call. Several renders for one loss go
    into one call.

    `keys` are names of Mitsuba scene parameters. Only their values change between calls; a mesh with a
    new number of vertices needs a new `Renderer`.
    """

    def __init__(self, scene: Scene, keys: Sequence[str] = ()) -> None:
        import mitsuba as mi

        self.view_count = len(scene.cameras)
        # a batch sensor has no silhouettes: moving shapes take `direct_views`, which renders any subset of the views
        shapes_move = scene.integrator["type"] == SHAPE_INTEGRATOR
        self.batched = scene.batched and not shapes_move
        self.replayable = (
            self.batched and scene.integrator["type"] == "prb" and scene.film.reconstruction_filter == "box"
        )
        joint = (scene.batched and shapes_move) or self.replayable
        self.renders = 0
        self.scene = build_scene(replace(scene, batched=self.batched))
        self.joint = _joint(self.scene, Pinholes(scene.cameras, scene.film), shapes_move) if joint else None
        self.parameters = mi.traverse(self.scene)
        self.keys = tuple(keys)
        missing = [key for key in self.keys if key not in self.parameters]
        if missing:
            raise KeyError(f"no scene parameter {missing}; there are {sorted(self.parameters.keys())}")
        if self.keys:
            # every update looks at all parameters that are there, more than a hundred of a small scene
            self.parameters.keep([f"{re.escape(key)}$" for key in self.keys])

    def shape(self, key: str) -> tuple[int, ...]:
        """Return the shape of a scene parameter; scalars and flat arrays have one axis."""
        value = self.parameters[key]
        return tuple(getattr(value, "shape", ())) or (1,)

    def render(
        self,
        values: Mapping[str, torch.Tensor],
        *,
        views: Sequence[int],
        seeds: Sequence[int],
        spp: int,
        spp_grad: int | None = None,
        replay: bool = False,
    ) -> torch.Tensor:
        """Render the views and return linear radiance, shape (len(views), H, W, 3).

        A view may come several times, for independent renders of it. `values` maps scene parameter keys to tensors (any shape of the right size); gradients flow back
        to those that require them. `spp` and `spp_grad` are samples per pixel of the primal and of the
        adjoint pass. Each entry takes its own seed; a batched scene renders any views, all with the seed of the first. Only
        one with an integrator or a filter that the batch sensor of Mitsuba has to serve renders all of its views in order,
        once or several times.

        With `replay` the adjoint pass follows the very paths of the images, the first `spp_grad` of each pixel: cheaper and less
        noisy, but right only for losses that multiply an image's derivative by something independent of that
        image's noise. It needs a batched `prb` scene with a box filter.
        """
        if replay and not self.replayable:
            raise ValueError("replay needs a batched scene with the integrator prb and a box filter")
        keys = tuple(values)
        unknown = [key for key in keys if key not in self.keys]
        if unknown:
            raise KeyError(f"{unknown} not among the driven parameters {self.keys}")
        calls = list(zip(views, seeds, strict=True))
        by_sensor = self.batched and self.joint is None
        if by_sensor:
            rounds = len(calls) // self.view_count
            if rounds < 1 or list(views) != list(range(self.view_count)) * rounds:
                raise ValueError("a batched scene renders all of its views at once")
            calls = calls[:: self.view_count]
        flat = [values[key].reshape(-1).to(torch.float32) for key in keys]
        images = self._call(keys, flat, calls, spp, spp_grad or spp, replay)
        if not by_sensor:
            return images
        rounds, height, total = images.shape[:3]
        split = images.reshape(rounds, height, self.view_count, total // self.view_count, 3)
        return split.transpose(1, 2).flatten(0, 1)

    def _call(
        self,
        keys: tuple[str, ...],
        flat: list[torch.Tensor],
        calls: Sequence[tuple[int, int]],
        spp: int,
        spp_grad: int,
        replay: bool,
    ) -> torch.Tensor:
        """Render the (sensor, seed) pairs. Scene parameters are set once, so an acceleration structure is built once."""
        import drjit as dr
        import mitsuba as mi

        parameters, scene = self.parameters, self.scene
        joint = self.joint

        def render_all(driven: Any) -> Any:
            if joint is not None:
                return self._joint_views(joint, driven, calls, spp, spp_grad, replay)
            images = [
                mi.render(scene, driven, sensor=view, spp=spp, spp_grad=spp_grad, seed=seed)
                for view, seed in calls
            ]
            joined = dr.concat([image.array for image in images]) if len(images) > 1 else images[0].array
            return mi.TensorXf(joined, (len(images), *images[0].shape))

        @dr.wrap(source="torch", target="drjit")
        def traced(*tensors: Any) -> Any:
            for key, tensor in zip(keys, tensors, strict=True):
                parameters[key] = _as_parameter(
                    parameters[key], owned(tensor.array) if joint else tensor.array
                )
            parameters.update()
            return render_all(parameters)

        if flat:
            result: torch.Tensor = traced(*flat)
            self._guard(result)
            return result
        return radiance_tensor(render_all(None))

    def _joint_views(
        self,
        joint: DirectViews | PathViews,
        driven: Any,
        calls: Sequence[tuple[int, int]],
        spp: int,
        spp_grad: int,
        replay: bool,
    ) -> Any:
        """Render the views of all calls in one kernel."""
        import drjit as dr
        import mitsuba as mi

        views, seed = tuple(view for view, _ in calls), calls[0][1]
        values = {} if driven is None else dict(driven)
        if isinstance(joint, PathViews):
            flat = dr.custom(path_views.operation(), values, joint, views, seed, spp, spp_grad, replay)
        else:
            samples = direct_views.ViewSamples(spp, spp_grad)
            flat = dr.custom(direct_views.operation(), values, joint, views, seed, samples)
        return mi.TensorXf(flat, (len(calls), joint.pinholes.height, joint.pinholes.width, 3))

    def _guard(self, result: torch.Tensor) -> None:
        """Refuse gradients of a render that is no longer the last one."""
        self.renders += 1
        this = self.renders
        if not result.requires_grad:
            return

        def check(gradient: torch.Tensor) -> None:
            if self.renders != this:
                raise RuntimeError("take the gradients of a render before the next one of the same Renderer")

        result.register_hook(check)  # type: ignore[no-untyped-call]

    def set(self, values: Mapping[str, np.ndarray]) -> None:
        """Set scene parameters from arrays, outside of any gradient."""
        import mitsuba as mi

        for key, value in values.items():
            flat = mi.Float(np.ascontiguousarray(value, np.float32).ravel())
            self.parameters[key] = _as_parameter(self.parameters[key], owned(flat))
        self.parameters.update()


def radiance_tensor(image: Any) -> torch.Tensor:
    """Return a Mitsuba image as a detached float32 tensor."""
    return torch.from_numpy(np.array(image, dtype=np.float32, copy=True))


def _joint(scene: Any, pinholes: Pinholes, shapes_move: bool) -> DirectViews | PathViews:
    """Return what renders all views of a call in one kernel."""
    kind = DirectViews if shapes_move else PathViews
    return kind(scene, scene.integrator(), pinholes)


def _as_parameter(current: Any, flat: Any) -> Any:
    """Give a flat array the type and shape of the scene parameter that it replaces."""
    import drjit as dr

    kind = type(current)
    if dr.is_tensor_v(kind):
        return kind(flat, current.shape)
    if dr.depth_v(kind) > 1:  # colours and vectors
        return dr.unravel(kind, flat)
    return kind(flat)
