"""Which view fits words best: CLIP's score of a picture, its gradient with respect to the camera, and a search (section 3.5).

The chain rule joins two differentiators: the network's gradient of the score with respect to the picture, and the pictures'
derivatives J_k with respect to the camera (forward mode). Neither knows the other, so any torch scorer serves. The camera's
distance, elevation and azimuth are searched for, and the point that it looks at, so that the words alone say where.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from rerender.core.blurring import blurred
from rerender.core.meshes import bounding_box
from rerender.core.orbits import POSE, TARGET, Orbit, Unknown, view_angle
from rerender.core.painted import PaintedMesh
from rerender.core.seeds import SeedStream
from rerender.fitting.schedules import Cosine
from rerender.papers.viewpoints.evolution import Range, evolved
from rerender.papers.viewpoints.settings import WordSettings
from rerender.perception.preprocessing import to_nchw
from rerender.rendering.painted_views import PaintedViews

UNKNOWNS: tuple[Unknown, ...] = (*POSE, *TARGET)
SCALE = np.array([1.0, 10.0, 10.0, 0.5, 0.5, 0.5])
"""One scaled unit of each unknown [scene units, degrees]."""
GRID_DISTANCES = (2.5, 5.0)
GRID_ELEVATIONS = (15.0, 40.0, 65.0)
GRID_AZIMUTHS = 8
LAST_RATE = 0.1  # of the first one
CROP = (0.75, 1.0)
"""Sides of random crops, as shares of the picture's."""
APART = 30.0
"""View directions of further views differ at least by this [deg] from the ones before."""
BATCH = 8


class Embedder(Protocol):
    """What says how well pictures fit words, such as `perception.image_text.ImageText`."""

    def pictures(self, images: Tensor) -> Tensor:
        """Return directions (N, D) of images (N, 3, H, W)."""

    def words(self, words: str, templates: Sequence[str]) -> Tensor:
        """Return the direction (D,) of words."""


class WordViews:
    """Searches a painted mesh for views that fit words. The grid's pictures are read once, for all words."""

    def __init__(
        self, painted: PaintedMesh, embedder: Embedder, settings: WordSettings, seeds: SeedStream
    ) -> None:
        self.embedder, self.settings, self.seeds = embedder, settings, seeds
        self.views = PaintedViews(painted, settings.size)
        low, high = bounding_box(painted.mesh)
        self.within = Range(
            np.array([1.0, 2.0, -np.inf, *low]) / SCALE,
            np.array([9.0, 80.0, np.inf, *high]) / SCALE,
            np.array([1.0, 1.0, 1.5, 1.0, 1.0, 1.0]),
        )
        turns = np.arange(GRID_AZIMUTHS) * 360.0 / GRID_AZIMUTHS
        places = itertools.product(GRID_DISTANCES, GRID_ELEVATIONS, turns.tolist())
        middle = tuple(float(x) for x in 0.5 * (low + high))
        self.grid = [Orbit(*place, target=middle) for place in places]  # type: ignore[arg-type]
        self.seen = self._directions(self.grid)

    def goal(self, words: str) -> Tensor:
        """Return the direction of words."""
        return self.embedder.words(words, self.settings.templates)

    def scores(self, orbits: Sequence[Orbit], goal: Tensor) -> np.ndarray:
        """Return how well each camera's whole picture fits, (N,): cosines."""
        return np.asarray((self._directions(orbits) @ goal).double().cpu().numpy())

    def slope(self, orbit: Orbit, goal: Tensor, seed: int) -> tuple[float, np.ndarray]:
        """Return the score of a picture, and the derivatives of the mean over it and its random crops, (6,) in scaled units."""
        picture, jacobian = self.views.jacobian(orbit, UNKNOWNS, spp=self.settings.spp, seed=seed)
        image = torch.tensor(blurred(picture, self.settings.blur), requires_grad=True)
        shown = to_nchw(image[None]).to(goal.dtype)
        windows = [shown, *(shown[..., rows, columns] for rows, columns in self._crops(seed))]
        scores = torch.stack([(self.embedder.pictures(window) @ goal).mean() for window in windows])
        (gradient,) = torch.autograd.grad(scores.mean(), image)
        change = blurred(jacobian, self.settings.blur) * gradient.numpy()
        return float(scores[0].detach()), SCALE * change.sum(axis=(1, 2, 3), dtype=np.float64)

    def best(self, goal: Tensor) -> tuple[Orbit, dict[str, float]]:
        """Return the view that gradients lead to, and the scores of the searches of `methods.WORD_SEARCHES`."""
        scores = np.asarray((self.seen @ goal).double().cpu().numpy())
        first = np.argsort(scores)[::-1][: self.settings.starts]
        starts = [self.grid[index] for index in first]
        climbed = [self.climb(start, goal, number) for number, start in enumerate(starts)]
        winner = climbed[int(np.argmax([score for _, score in climbed]))]
        cameras = np.stack([start.values(UNKNOWNS) / SCALE for start in starts])
        _, values = evolved(
            lambda rows: self.scores([self._orbit(row) for row in rows], goal),
            cameras,
            scores[first],
            self.settings.steps,
            self.within,
            np.random.default_rng(self.seeds.seed("evolution")),
        )
        found = {
            "words": winner[1],
            "words_evolution": float(values.max()),
            "words_grid": float(scores.max()),
        }
        return winner[0], found

    def climb(self, start: Orbit, goal: Tensor, number: int) -> tuple[Orbit, float]:
        """Follow the gradient by Adam; return the best camera on the way, the start included, and its score."""
        x = torch.tensor(start.values(UNKNOWNS) / SCALE, requires_grad=True)
        optimiser = torch.optim.Adam([x], lr=self.settings.lr, maximize=True)
        rate = Cosine(self.settings.steps, 1.0, LAST_RATE)
        path, passed = [start], list[float]()
        for step in range(self.settings.steps):
            score, slope = self.slope(path[-1], goal, self.seeds.seed("climb", number, step))
            passed.append(score)
            optimiser.param_groups[0]["lr"] = self.settings.lr * rate(step)
            x.grad = torch.tensor(slope)
            optimiser.step()
            with torch.no_grad():
                x.copy_(torch.tensor(self.within.clip(x.numpy())))
            path.append(self._orbit(x.detach().numpy()))
        # each score on the way had samples of its own; the ends and the best one are compared with common ones
        ends = list(dict.fromkeys((start, path[int(np.argmax(passed))], path[-1])))
        scores = self.scores(ends, goal)
        return ends[int(scores.argmax())], float(scores.max())

    def several(self, first: Orbit, goal: Tensor, count: int) -> list[Orbit]:
        """Return `first` and the best cameras of the grid from other sides, at most `count`."""
        scores = np.asarray((self.seen @ goal).double().cpu().numpy())
        views = [first]
        for index in np.argsort(scores)[::-1]:
            one = self.grid[index]
            if len(views) < count and min(view_angle(one, other) for other in views) > APART:
                views.append(one)
        return views

    def _orbit(self, scaled: np.ndarray) -> Orbit:
        return self.grid[0].moved_to(UNKNOWNS, scaled * SCALE)

    def _directions(self, orbits: Sequence[Orbit]) -> Tensor:
        """Return the directions of the cameras' pictures, (N, D), a few at a time."""
        found = []
        for begin in range(0, len(orbits), BATCH):
            # one by one: in one wavefront each camera would have its own samples
            pictures = [
                self.views.images([orbit.camera()], spp=self.settings.spp, seed=self.seeds.seed("score"))[0]
                for orbit in orbits[begin : begin + BATCH]
            ]
            images = to_nchw(torch.tensor(blurred(np.stack(pictures), self.settings.blur)))
            with torch.no_grad():
                found.append(self.embedder.pictures(images))
        return torch.cat(found)

    def _crops(self, seed: int) -> list[tuple[slice, slice]]:
        """Draw rows and columns of random square crops."""
        rng, size = np.random.default_rng(seed), self.settings.size
        found = []
        for _ in range(self.settings.crops):
            side = round(size * rng.uniform(*CROP))
            row, column = rng.integers(0, size - side + 1, 2).tolist()
            found.append((slice(row, row + side), slice(column, column + side)))
        return found
