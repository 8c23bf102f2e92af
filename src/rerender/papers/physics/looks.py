"""How an object is filmed: by the soft rasteriser, which has derivatives, or by Mitsuba, and what a camera stores of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from rerender.core.cameras import Camera
from rerender.papers.physics.grid import PROJECTIVE
from rerender.papers.physics.specs import Backend, RasterSettings, ViewSettings
from rerender.rendering import projective_films
from rerender.rendering.mesh_films import film_mesh
from rerender.rendering.projective_films import ProjectiveFilm
from rerender.rendering.soft_rasteriser import SoftSettings, look_from, rasterise
from rerender.rendering.variants import start_variant

IDEAL = ("ideal", "fine")
"""Variants whose frames are compared as they were rendered."""
TRACED = ("raytraced", PROJECTIVE)
"""Variants whose frames are Mitsuba's."""
GOAL_SEED = 1 << 20
"""Of the noise of a goal's picture; frames that are compared count theirs from 0."""
FINER, LARGEST = 4, 256
YELLOW = (1.0, 1.0, 0.0)
"""The colour of the released cube."""


def for_display(raster: RasterSettings) -> RasterSettings:
    """Return how pictures for people are rendered: finer than what is compared, as far as it is not fine already."""
    return raster.model_copy(update={"size": display_size(raster.size), "factor": 1})


def display_size(size: int) -> int:
    """Return the side of pictures for people [px], where frames of a size are compared."""
    return max(size, min(FINER * size, LARGEST))


@dataclass(frozen=True, eq=False)
class Look:
    """An object's triangles (F, 3) and colour (3,), the camera, how frames are rendered, and the height of the ground, if any [m]."""

    faces: torch.Tensor
    colour: torch.Tensor
    view: ViewSettings
    raster: RasterSettings
    backend: Backend = "soft"
    ground: float | None = None

    @property
    def camera(self) -> Camera:
        """The camera."""
        return look_from(self.view.distance, self.view.elevation, self.view.azimuth)

    def film(self, vertices: torch.Tensor, seed: int = 0) -> torch.Tensor:
        """Return RGBA frames (T, S, S, 4) of vertices (T, V, 3) [m], premultiplied, so that outlines have a gradient.

        `seed` is that of the noise of the back end `projective`: with the same, the same vertices look the same.
        """
        if self.backend == PROJECTIVE:
            seen = projective_films.film(vertices, self._projective, seed)
            return torch.cat([seen[..., :1] * self.colour, seen[..., 1:]], dim=-1)
        soft = SoftSettings(self.raster.size, factor=self.raster.factor)
        return rasterise(vertices, self.faces, self.colour, self.camera, soft)

    def goal(self, vertices: torch.Tensor) -> torch.Tensor:
        """Return the RGBA picture (S, S, 4) of a goal, vertices (V, 3) [m]; its noise is not that of the frames compared with it."""
        return self.film(vertices[None], GOAL_SEED)[0]

    @cached_property
    def _projective(self) -> ProjectiveFilm:
        start_variant("auto", threads=1)
        raster = self.raster
        return ProjectiveFilm(self.faces.cpu().numpy(), self.camera, raster.size, raster.projective_spp)

    def traced(
        self,
        vertices: torch.Tensor,
        seed: int,
        *,
        size: int | None = None,
        spp: int | None = None,
        camera: Camera | None = None,
        ground: float | None = None,
    ) -> torch.Tensor:
        """Return the frames as Mitsuba renders them, with shadows and noise; `ground` is the height of a ground to show [m]."""
        start_variant("auto", threads=1)
        frames = film_mesh(
            vertices.detach().cpu().numpy(),
            self.faces.cpu().numpy(),
            self.colour.cpu().numpy(),
            camera or self.camera,
            size=size or self.raster.size,
            spp=spp or self.raster.spp,
            seed=seed % 2**31,
            ground=ground,
        )
        return torch.as_tensor(frames, dtype=vertices.dtype)

    def recorded(self, vertices: torch.Tensor, variant: str, noise: float, seed: int) -> torch.Tensor:
        """Return the frames that an estimate is given."""
        seen = self.traced(vertices, seed) if variant in TRACED else self.film(vertices, seed)
        return as_recorded(seen, variant, noise, seed)


def as_recorded(video: torch.Tensor, variant: str, noise: float, seed: int) -> torch.Tensor:
    """Return what a camera would have stored of a rendered video: everything, noise, or 8 bits."""
    if variant == "noise":
        drawn = np.random.default_rng(seed).normal(0.0, noise, size=tuple(video.shape))
        return video + torch.as_tensor(drawn, dtype=video.dtype, device=video.device)
    if variant in IDEAL:
        return video
    return (video.clamp(0.0, 1.0) * 255.0).round() / 255.0
