"""The material problem: a `principled` BSDF becomes a metamer of the target's (section 5).

One step visits every view and adds up their gradients; bounds apply once, after the step.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from rerender.catalogue.specs import FreeParameter
from rerender.core.files import Tree
from rerender.core.seeds import SeedStream
from rerender.fitting.problem import Observation, Parameter, StepResult
from rerender.papers.metamers.frozen import FrozenSeeds
from rerender.papers.metamers.objective import Objective
from rerender.papers.metamers.pixel_gradients import PixelGradients
from rerender.papers.metamers.settings import MaterialRun, samples_at
from rerender.papers.metamers.strips import strip, strip_views, texture_picture
from rerender.papers.metamers.switches import DUAL_BUFFER_LR
from rerender.papers.metamers.world import OBJECT, World, bsdf_plugin, build, training_cameras
from rerender.rendering.differentiable import Renderer

_SCALAR_KEYS = ("eta", "specular")
"""Parameters that the principled BSDF holds as plain numbers rather than as textures."""
GRADIENTS = "pixel_gradients"
"""What a state holds beside the parameters."""


def scene_key(free: FreeParameter) -> str:
    """Return the scene parameter of a BSDF parameter."""
    ending = "" if free.name in _SCALAR_KEYS else ".data" if free.textured else ".value"
    return f"{OBJECT}.bsdf.{free.name}{ending}"


def start_values(world: World, settings: MaterialRun, changes: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Return the start of every optimised parameter, clipped to its bounds; `changes` replace values by name."""
    bsdf = world.scene.start_bsdf
    assert bsdf is not None and not isinstance(bsdf.base_color, str)
    known = {"base_color": bsdf.base_color, **bsdf.scalars, **changes}
    values: dict[str, np.ndarray] = {}
    for free in world.scene.optimised:
        shape = (*settings.texture_size, 3) if free.textured else (1,)
        values[free.name] = np.full(shape, known[free.name]).clip(free.low, free.high).astype(np.float32)
    return values


class MaterialProblem:
    """One material run from one start."""

    def __init__(
        self,
        world: World,
        objective: Objective,
        settings: MaterialRun,
        changes: Mapping[str, float] | None = None,
        frozen: FrozenSeeds | None = None,
    ) -> None:
        self.world, self.objective, self.settings = world, objective, settings
        self.frozen = frozen
        self.free: tuple[FreeParameter, ...] = world.scene.optimised
        self.cameras = training_cameras(world, settings.n_views)
        self.device = objective.target[0].device
        self.gradients = PixelGradients(strip_views(settings.n_views), settings.image_size)
        start = start_values(world, settings, changes or {})
        self.tensors = {name: self._leaf(value) for name, value in start.items()}
        assert world.scene.start_bsdf is not None
        textures = {free.name: start[free.name] for free in self.free if free.textured}
        plugin = bsdf_plugin(world.scene.start_bsdf, textures)
        integrator = {
            "type": settings.integrator,
            "max_depth": settings.max_depth,
            "rr_depth": max(world.scene.rr_depth, 1),
        }
        scene = build(
            world,
            self.cameras,
            settings.image_size,
            bsdf=plugin,
            integrator=integrator,
            batched=settings.batched_views,
        )
        self.renderer = Renderer(scene, [scene_key(free) for free in self.free])

    def parameters(self) -> Mapping[str, Parameter]:
        """Return the optimised parameters with plain Adam and their bounds."""
        return {
            free.name: Parameter(self.tensors[free.name], lr=self._lr(free), low=free.low, high=free.high)
            for free in self.free
        }

    def _lr(self, free: FreeParameter) -> float:
        raised = self.settings.switches.dual_buffer_lr and self.objective.paired and not free.textured
        return DUAL_BUFFER_LR if raised else self.settings.lr

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        """Render all views once, or twice for a paired loss, and add up the gradients."""
        views = range(len(self.cameras))
        rounds = 2 if self.objective.paired else 1
        radiance = self._render(seeds.child("optimise"), *samples_at(self.settings, iteration), rounds)
        display = self.objective.display(radiance)
        display.retain_grad()
        loss, similarity = self._compare(display, views)
        driving = self._compare(display, views[-1:])[0] if self.settings.switches.last_view_only else loss
        driving.backward()  # type: ignore[no-untyped-call]
        self.gradients.keep(display, views)
        scalars = {name: float(t.detach()) for name, t in self.tensors.items() if t.numel() == 1}
        return StepResult(float(loss.detach()), {"similarity": similarity, **scalars})

    def _compare(self, display: torch.Tensor, views: range) -> tuple[torch.Tensor, float]:
        """Return loss and similarity of some of the views of one or two rounds of display images."""
        chosen = slice(views.start, views.stop)
        first, *second = (
            self.objective.features_of(part[chosen]) for part in torch.split(display, len(self.cameras))
        )
        return self.objective.compare(first, views, *second)

    def project(self, iteration: int) -> bool:
        """Nothing to do: the loop clips to the bounds."""
        return False

    def observe(self, iteration: int) -> Observation:
        """Render the strip of views with seeds of its own, beside the latest gradients of their pixels, and the textures."""
        with torch.no_grad():
            radiance = self._render(SeedStream(("observe",)), 16, 1)
        gradients, scale = self.gradients.strip()
        textures = {free.name: self.tensors[free.name] for free in self.free if free.textured}
        pictures = {"gradients": gradients, **{name: texture_picture(x) for name, x in textures.items()}}
        frame = strip(radiance[strip_views(len(self.cameras))])
        return Observation(frame, {"gradient_scale": scale}, pictures)

    def state(self) -> Tree:
        """Return all optimised parameters by name, and the latest gradients of pixels."""
        parameters = {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.tensors.items()}
        return {**parameters, GRADIENTS: self.gradients.array()}

    def load_state(self, tree: Tree) -> None:
        """Take over parameters."""
        self.tensors = {name: self._leaf(np.asarray(tree[name])) for name in self.tensors}
        self.gradients.load(np.asarray(tree[GRADIENTS]))

    def _leaf(self, value: np.ndarray) -> torch.Tensor:
        return torch.tensor(value, dtype=torch.float32, device=self.device, requires_grad=True)

    def _render(self, seeds: SeedStream, spp: int, spp_grad: int, rounds: int = 1) -> torch.Tensor:
        """Render all views, `rounds` times with independent noise: (rounds * N, H, W, 3)."""
        views = list(range(len(self.cameras))) * rounds
        return self.renderer.render(
            {scene_key(free): self.tensors[free.name] for free in self.free},
            views=views,
            seeds=[
                self.frozen.seed(view, k // len(self.cameras))
                if self.frozen
                else seeds.seed(k // len(self.cameras), view)
                for k, view in enumerate(views)
            ],
            spp=spp,
            spp_grad=spp_grad,
            # the dual buffer multiplies the derivative of one render with the residual of the other
            replay=rounds == 2 and self.renderer.replayable,
        )
