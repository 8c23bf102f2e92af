"""The shape problem: vertices of a sphere, in the Large Steps latent, become a metamer of a target mesh (section 4)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from rerender.core.files import Tree
from rerender.core.meshchecks import check_closed, check_finite
from rerender.core.meshes import Mesh
from rerender.core.seeds import SeedStream
from rerender.fitting.problem import Observation, Parameter, StepResult
from rerender.papers.metamers.classification import Classification
from rerender.papers.metamers.frozen import FrozenSeeds
from rerender.papers.metamers.objective import Objective
from rerender.papers.metamers.pixel_gradients import PixelGradients
from rerender.papers.metamers.remeshing import remesh
from rerender.papers.metamers.settings import GeometryRun, samples_at
from rerender.papers.metamers.strips import strip, strip_views
from rerender.papers.metamers.world import OBJECT, World, build, training_cameras
from rerender.rendering.compat import VERTEX_POSITIONS
from rerender.rendering.differentiable import Renderer
from rerender.rendering.large_steps import LargeSteps
from rerender.rendering.mesh_priors import MeshPriors

KEY = f"{OBJECT}.{VERTEX_POSITIONS}"


class GeometryProblem:
    """One shape run: renders a few views a step, compares them through a vision model, remeshes at times."""

    def __init__(
        self,
        world: World,
        start: Mesh,
        objective: Objective,
        settings: GeometryRun,
        frozen: FrozenSeeds | None = None,
    ) -> None:
        check_finite(start, "start mesh")
        check_closed(start, "start mesh", role="start")
        self.world, self.objective, self.settings = world, objective, settings
        self.cameras = training_cameras(world, settings.n_views)
        self.device = objective.target[0].device
        self.lr = settings.lr
        self.frozen = frozen
        self.regularisers = settings.regularisers.model_dump()
        self.classification = (
            Classification(objective.model, settings.classify, settings.imagenet_class)
            if settings.classify is not None
            else None
        )
        self.gradients = PixelGradients(strip_views(settings.n_views), settings.image_size)
        self.rejected = 0  # remeshings whose result was not sound
        self._adopt(start)

    def parameters(self) -> Mapping[str, Parameter]:
        """Return the latent u, shape (V, 3), with AdamUniform."""
        return {"latent": Parameter(self.latent, lr=self.lr, optimiser="adam_uniform")}

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        """Render the next views of the sweep, and leave the loss's gradient in the latent."""
        first = iteration * self.settings.views_per_step
        views = [(first + j) % len(self.cameras) for j in range(self.settings.views_per_step)]
        drawn = [self.frozen.seed(view) if self.frozen else seeds.seed("optimise", view) for view in views]
        vertices = self.large_steps.to_vertices(self.latent)
        radiance = self._render(vertices, views, drawn, *samples_at(self.settings, iteration))
        display = self.objective.display(radiance)
        display.retain_grad()
        features = self.objective.features_of(display)
        loss, similarity = self.objective.compare(features, views)
        scalars = {"similarity": similarity, "vertices": float(len(self.latent))}
        if any(self.regularisers.values()):
            loss = loss + self.priors.weighted(vertices, self.regularisers)
        if self.classification is not None:
            loss, parts = self.classification.mix(features, loss)
            scalars |= parts
        loss.backward()  # type: ignore[no-untyped-call]
        self.gradients.keep(display, views)
        return StepResult(float(loss.detach()), scalars)

    def project(self, iteration: int) -> bool:
        """Remesh after the listed steps; the learning rate falls and the optimiser starts afresh."""
        if iteration not in self.settings.remesh_steps:
            return False
        mesh, problem = remesh(self.mesh())
        self.rejected += bool(problem)
        self.lr *= self.settings.remesh_lr_factor
        self._adopt(mesh)
        return True

    def observe(self, iteration: int) -> Observation:
        """Render a strip of views with seeds of its own, beside the latest gradients of their pixels."""
        views = strip_views(len(self.cameras))
        with torch.no_grad():
            vertices = self.large_steps.to_vertices(self.latent)
            seeds = [SeedStream(("observe",)).seed(view) for view in views]
            radiance = self._render(vertices, views, seeds, 16, 1)
        gradients, scale = self.gradients.strip()
        return Observation(strip(radiance), {"gradient_scale": scale}, {"gradients": gradients})

    def state(self) -> Tree:
        """Return the latent, the mesh it belongs to, and the learning rate."""
        return {
            "latent": self.latent.detach().cpu().numpy().copy(),
            "vertices": self.rest.vertices,
            "faces": self.rest.faces,
            "lr": self.lr,
            "rejected": self.rejected,
            "gradients": self.gradients.array(),
        }

    def load_state(self, tree: Tree) -> None:
        """Take over a state, topology included."""
        rest = Mesh(np.asarray(tree["vertices"]), np.asarray(tree["faces"]))
        same = np.array_equal(rest.faces, self.rest.faces) and np.array_equal(
            rest.vertices, self.rest.vertices
        )
        if not same:
            self._adopt(rest)
        self.lr, self.rejected = float(tree["lr"]), int(tree["rejected"])
        self.latent = self._leaf(np.asarray(tree["latent"]))
        self.gradients.load(np.asarray(tree["gradients"]))

    def mesh(self) -> Mesh:
        """Return the present shape."""
        with torch.no_grad():
            vertices = self.large_steps.to_vertices(self.latent)
        return Mesh(vertices.cpu().numpy().astype(np.float64), self.rest.faces)

    def _adopt(self, mesh: Mesh) -> None:
        """Make the mesh the one whose connectivity and latent are optimised from now on."""
        s = self.settings
        self.rest = mesh
        self.large_steps = LargeSteps(mesh.vertices, mesh.faces, s.large_steps_lambda)
        self.latent = self._leaf(self.large_steps.to_latent(mesh.vertices))
        self.priors = MeshPriors(mesh, self.device)
        integrator = {"type": "direct_projective", "sppi": s.sppi, "guiding": s.guiding}
        scene = build(
            self.world,
            self.cameras,
            s.image_size,
            mesh=mesh,
            integrator=integrator,
            batched=s.batched_views,
        )
        self.renderer = Renderer(scene, [KEY])

    def _leaf(self, values: np.ndarray) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self.device, requires_grad=True)

    def _render(
        self, vertices: torch.Tensor, views: list[int], seeds: list[int], spp: int, spp_grad: int
    ) -> torch.Tensor:
        return self.renderer.render({KEY: vertices}, views=views, seeds=seeds, spp=spp, spp_grad=spp_grad)


def mesh_of(tree: Tree, large_steps_lambda: float) -> Mesh:
    """Return the mesh that a state describes."""
    vertices, faces = np.asarray(tree["vertices"]), np.asarray(tree["faces"])
    solver = LargeSteps(vertices, faces, large_steps_lambda)
    with torch.no_grad():
        solved = solver.to_vertices(torch.from_numpy(np.asarray(tree["latent"], np.float32)))
    return Mesh(solved.cpu().numpy().astype(np.float64), faces)
