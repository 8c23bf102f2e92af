"""A picture to match, at several sizes, and how far a camera's picture is from it.

Pictures are blurred before they are compared (section 4.4): a wide blur makes the error smooth enough to lead to the
camera from afar, none makes it exact.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rerender.core.blurring import blurred
from rerender.core.errors import UserError
from rerender.core.images import resize_area
from rerender.core.orbits import POSE, Orbit, Unknown
from rerender.core.seeds import SeedStream
from rerender.fitting.levenberg import Normal
from rerender.papers.viewpoints.methods import Gradient
from rerender.papers.viewpoints.settings import SearchSettings
from rerender.rendering.painted_views import PaintedViews, Part

SCALES: Mapping[Unknown, float] = {"distance": 1.0, "elevation": 10.0, "azimuth": 10.0, "fov": 10.0}
"""One scaled unit of an unknown [scene units, degrees]."""
BOUNDS: Mapping[Unknown, tuple[float, float]] = {
    "distance": (1.0, 20.0),
    "elevation": (-89.0, 89.0),
    "azimuth": (-np.inf, np.inf),
    "fov": (20.0, 110.0),
}
DIFFERENCE_STEPS: Mapping[Unknown, float] = {"distance": 0.03, "elevation": 0.4, "azimuth": 0.4, "fov": 0.3}

BLANK = 0.01
"""Pictures that vary less than this in every channel show nothing."""


@dataclass(frozen=True)
class Stage:
    """One stage of a search: picture size and blur [px]."""

    size: int
    blur: float


@dataclass
class Counter:
    """What a search has cost: pictures, and pictures with derivatives."""

    renders: int = 0
    jacobians: int = 0


class Matcher:
    """A picture (H, W, 3) to match by views of a mesh; square. `unknowns` are searched for, in scaled units."""

    def __init__(
        self,
        views: PaintedViews,
        target: np.ndarray,
        settings: SearchSettings,
        *,
        unknowns: tuple[Unknown, ...] = POSE,
    ) -> None:
        self.settings, self.unknowns = settings, unknowns
        sizes = dict.fromkeys((*settings.ladder, settings.grid_size))
        self.views = {size: views.at_size(size) for size in sizes}
        self.targets = {size: resize_area(target.astype(np.float32), size, size) for size in sizes}
        self.scale = np.array([SCALES[name] for name in unknowns])
        low, high = np.array([BOUNDS[name] for name in unknowns]).T
        self.low, self.high = low / self.scale, high / self.scale
        self.count = Counter()

    def with_target(self, target: np.ndarray) -> Matcher:
        """Return a matcher of another picture by the same mesh; it counts its own pictures."""
        other = copy.copy(self)
        other.targets = {size: resize_area(target.astype(np.float32), size, size) for size in self.views}
        other.count = Counter()
        return other

    def scaled(self, orbit: Orbit) -> np.ndarray:
        """Return the unknowns of a camera in scaled units."""
        return np.asarray(orbit.values(self.unknowns) / self.scale)

    def orbit(self, like: Orbit, scaled: np.ndarray) -> Orbit:
        """Return the camera with these unknowns, the rest as in `like`."""
        return like.moved_to(self.unknowns, np.clip(scaled, self.low, self.high) * self.scale)

    def error(self, orbit: Orbit, stage: Stage, seed: int) -> float:
        """Return the mean squared error of the blurred picture."""
        self.count.renders += 1
        picture = self.views[stage.size].images([orbit.camera()], spp=self.settings.spp, seed=seed)[0]
        return float(np.square(blurred(picture - self.targets[stage.size], stage.blur)).mean())

    def errors(self, orbits: Sequence[Orbit], size: int, blur: float, spp: int, seed: int) -> np.ndarray:
        """Return the errors of many cameras, rendered together."""
        self.count.renders += len(orbits)
        pictures = self.views[size].images([orbit.camera() for orbit in orbits], spp=spp, seed=seed)
        return np.asarray(np.square(blurred(pictures - self.targets[size], blur)).mean(axis=(1, 2, 3)))

    def normal(self, orbit: Orbit, stage: Stage, seed: int, gradient: Gradient) -> Normal:
        """Return the normal equations of the mean squared error, in scaled units."""
        picture, jacobian = self.derivatives(orbit, stage, seed, gradient)
        residual = blurred(picture - self.targets[stage.size], stage.blur).ravel().astype(np.float64)
        rows = (
            blurred(jacobian, stage.blur).reshape(len(jacobian), -1).astype(np.float64) * self.scale[:, None]
        )
        count = residual.size
        return Normal(float(residual @ residual) / count, rows @ residual / count, rows @ rows.T / count)

    def derivatives(
        self, orbit: Orbit, stage: Stage, seed: int, gradient: Gradient
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a picture and its derivatives, per scene unit or degree."""
        self.count.jacobians += 1
        views = self.views[stage.size]
        if gradient == "differences":
            # coarse stages take long steps, which widens the basin
            steps = [DIFFERENCE_STEPS[name] * max(1.0, stage.blur / 2.0) for name in self.unknowns]
            return views.differences(orbit, self.unknowns, steps, spp=self.settings.spp, seed=seed)
        part: Part = "interior" if gradient == "interior" else "full"
        return views.jacobian(orbit, self.unknowns, spp=self.settings.spp, seed=seed, part=part)

    def noise(self, orbit: Orbit, size: int, seeds: tuple[int, int]) -> float:
        """Return the mean squared error that sampling noise alone causes, for this camera's picture."""
        self.count.renders += 2
        views, spp = self.views[size], self.settings.spp
        one, two = (views.images([orbit.camera()], spp=spp, seed=seed)[0] for seed in seeds)
        variance = 0.5 * float(np.square(one - two).mean())
        return max(variance * (1.0 + spp / self.settings.target_spp), 1e-9)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of the whole search."""
        first, *rest = self.settings.ladder
        blurs = self.settings.blurs
        return (
            *(Stage(first, blur) for blur in blurs),
            *(Stage(size, blur) for size in rest for blur in blurs[-2:]),
        )


def render_target(views: PaintedViews, truth: Orbit, settings: SearchSettings, number: int) -> np.ndarray:
    """Return the picture (H, W, 3) that is to be matched, at the last size; its samples are its own.

    Raises `UserError` for a camera that sees one colour only: no other camera's picture could be told from it.
    """
    seed = SeedStream(("viewpoints", "target")).seed(number)
    largest = views.at_size(max(settings.ladder))
    pictures: np.ndarray = largest.images([truth.camera()], spp=settings.target_spp, seed=seed)
    if float(np.ptp(pictures[0], axis=(0, 1)).max()) < BLANK:
        raise UserError(
            f"the camera at distance {truth.distance:g}, elevation {truth.elevation:g}, azimuth {truth.azimuth:g} sees one colour only",
            "It stands inside a body, close to a wall, or the scene is out of its sight. Set another viewpoints.camera or run target.",
        )
    return np.asarray(pictures[0])
