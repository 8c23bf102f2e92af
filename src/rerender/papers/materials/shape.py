"""Geometry from outlines alone: a signed distance on tetrahedra whose soft masks are fitted to the given ones, as a fitting problem.

What is left of the released code's coarse stage when materials are found afterwards, on a mesh that then stays fixed:
DMTet's surface (fact sheet, section 2.1), its mask loss and its sign-change regulariser (2.6), without colour. Concavities that no
outline shows stay filled.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rerender.core.cameras import Camera
from rerender.core.files import Tree
from rerender.core.meshes import Mesh, component_labels, drop_unused
from rerender.core.seeds import SeedStream
from rerender.fitting.problem import Observation, Parameter, StepResult
from rerender.papers.materials.settings import ShapeSettings
from rerender.rendering.isosurface import as_mesh, extract, sign_changes, tet_grid
from rerender.rendering.soft_masks import soft_masks

SIGN_FIRST, SIGN_LAST, SIGN_SHARE = 0.2, 0.01, 0.25
"""Weight of the sign-change term at the start and after this share of the steps, linear between (section 2.6)."""


class ShapeFit:
    """The distances of one object: a `Problem`. `masks` (V, S, S) in [0, 1] belong to `cameras`.

    `start` (cells + 1)^3 distances take the place of the sphere.
    """

    def __init__(
        self,
        masks: Tensor,
        cameras: Sequence[Camera],
        settings: ShapeSettings,
        seeds: SeedStream,
        start: Tensor | None = None,
    ) -> None:
        if len(masks) != len(cameras) or masks.ndim != 3 or masks.shape[1] != masks.shape[2]:
            raise ValueError(f"{len(cameras)} cameras need as many square masks, not {tuple(masks.shape)}")
        self.masks, self.cameras, self.settings, self.seeds = masks, tuple(cameras), settings, seeds
        self.grid = tet_grid(settings.cells, settings.extent)
        sphere = self.grid.vertices.norm(dim=-1) - settings.radius
        self.distance = (sphere if start is None else start.clone()).requires_grad_()
        self.border = (self.grid.vertices.abs() > 0.499 * settings.extent).any(dim=-1)

    def parameters(self) -> dict[str, Parameter]:
        """Return the distances."""
        return {"distance": Parameter(self.distance, self.settings.lr)}

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        """Compare the masks of some views, and leave the gradient."""
        chosen = self.drawn(iteration)
        vertices, faces = extract(self.grid, self.distance)
        size = self.masks.shape[1]
        found = soft_masks(
            vertices, faces, [self.cameras[view] for view in chosen], size, sigma=self.settings.sigma
        )
        mask_loss = (found - self.masks[chosen]).square().mean()
        done = min(1.0, iteration / max(1.0, SIGN_SHARE * self.settings.steps))
        weight = SIGN_FIRST + (SIGN_LAST - SIGN_FIRST) * done
        signs = sign_changes(self.grid, self.distance)
        total = mask_loss + weight * signs
        total.backward()  # type: ignore[no-untyped-call]
        return StepResult(
            float(total.detach()), {"mask": float(mask_loss.detach()), "signs": float(signs.detach())}
        )

    def drawn(self, iteration: int) -> list[int]:
        """Return the views of a step."""
        rng = np.random.default_rng(self.seeds.seed("views", iteration))
        count = min(self.settings.batch, len(self.cameras))
        return sorted(map(int, rng.choice(len(self.cameras), count, replace=False)))

    @torch.no_grad()
    def project(self, iteration: int) -> bool:
        """Keep the border of the grid outside, so that the surface is closed."""
        self.distance[self.border] = self.distance[self.border].clamp_min(0.01)
        return False

    def observe(self, iteration: int) -> Observation:
        """Show nothing."""
        return Observation()

    def state(self) -> Tree:
        """Return the distances."""
        return {"distance": self.distance.detach().numpy().copy()}

    @torch.no_grad()
    def load_state(self, tree: Tree) -> None:
        """Take over `state()`, in place."""
        self.distance.copy_(torch.from_numpy(np.asarray(tree["distance"])))

    def mesh(self) -> Mesh:
        """Return the surface found so far: its largest body."""
        return largest_body(as_mesh(*extract(self.grid, self.distance.detach())))


def largest_body(mesh: Mesh) -> Mesh:
    """Return the connected body with the most faces."""
    labels = component_labels(mesh)[mesh.faces[:, 0]]
    names, counts = np.unique(labels, return_counts=True)
    return drop_unused(Mesh(mesh.vertices, mesh.faces[labels == names[counts.argmax()]]))
