"""Which view shows a labelled segment best: a score without network weights, its search, and several views that complete each other.

Fact sheet, section 3.3. The score counts pixels, so it has no gradient: a grid of cameras, then an evolution
strategy from the best three.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerender.core.cameras import project
from rerender.core.meshes import Mesh, drop_unused, face_areas
from rerender.core.orbits import Orbit
from rerender.core.painted import PaintedMesh
from rerender.papers.viewpoints.evolution import Range, evolved
from rerender.rendering.painted_views import PaintedViews

WITHIN = Range(
    np.array([1.5, 2.0, -np.inf, 25.0]), np.array([9.0, 80.0, np.inf, 75.0]), np.array([1.0, 10.0, 15.0, 8.0])
)
"""Distance, elevation, azimuth, field of view."""
GRID = np.array(
    [(5.0, e, a, 60.0) for e in (8.0, 23.0, 38.0, 53.0, 68.0) for a in np.arange(0.0, 360.0, 30.0)]
)
"""Cameras that every search begins with: distance, elevation, azimuth, field of view."""
REFINED = 3
AREA = 0.15  # of the picture, where the framing term is largest
EMPTY_OFFSET = 0.7
AROUND = tuple(itertools.product((12.0, 35.0, 58.0, 78.0), np.arange(0.0, 360.0, 30.0).tolist()))
SEEN_ENOUGH = 0.6
START_OFF, END_OFF = 2e-3, 4e-3
"""A ray from a face to a camera begins so far from it, and ends so much earlier [scene units]."""


@dataclass(frozen=True)
class Look:
    """What a camera sees of a segment: `seen` of what nothing hid, `inside` the picture, `area` of it, and off centre."""

    seen: float
    inside: float
    area: float
    offset: float

    @property
    def score(self) -> float:
        """seen x inside + 0.6 x framing - 0.5 x offset; the framing is best at an area of 15 %."""
        framing = 1.0 - (float(np.clip(np.log((self.area + 1e-4) / AREA), -5.0, 5.0)) / 5.0) ** 2
        return self.seen * self.inside + 0.6 * framing - 0.5 * self.offset


class SegmentViews:
    """Looks at one segment of a painted mesh from any camera; square pictures of `size` pixels.

    `whole` are pictures of the mesh at that size, which the segments of a room share.
    """

    def __init__(
        self, painted: PaintedMesh, label: str, size: int, whole: PaintedViews | None = None
    ) -> None:
        self.size, self.is_target = size, painted.faces_of(label)
        self.mesh = painted.mesh
        self.areas = face_areas(painted.mesh)
        alone = drop_unused(Mesh(painted.mesh.vertices, painted.mesh.faces[self.is_target]))
        self.points = alone.vertices
        low, high = alone.vertices.min(axis=0), alone.vertices.max(axis=0)
        self.centre = tuple(float(x) for x in 0.5 * (low + high))
        self.extent = high - low
        self.whole = whole or PaintedViews(painted, size)
        self.alone = PaintedViews(PaintedMesh(alone, np.zeros_like(alone.vertices)), size)

    def orbit(self, values: Sequence[float] | np.ndarray) -> Orbit:
        """Return the camera that looks at the segment's centre, within the bounds."""
        distance, elevation, azimuth, fov = WITHIN.clip(np.asarray(values, dtype=np.float64)).tolist()
        return Orbit(distance, elevation, azimuth, fov, self.centre)  # type: ignore[arg-type]

    def look(self, orbit: Orbit) -> Look:
        """Return what a camera sees of the segment."""
        return self.looks([orbit])[0]

    def looks(self, orbits: Sequence[Orbit]) -> list[Look]:
        """Return what each camera sees of the segment; all pictures in two kernels."""
        cameras = [orbit.camera() for orbit in orbits]
        faces = self.whole.first_faces_of(cameras)
        masks = (faces >= 0) & self.is_target[faces]
        free = (self.alone.first_faces_of(cameras) >= 0).sum(axis=(1, 2))
        found = []
        for camera, mask, count in zip(cameras, masks, free, strict=True):
            where = project(camera, self.points, self.size, self.size)
            inside = ((where[:, :2] >= 0) & (where[:, :2] < self.size)).all(axis=1) & (where[:, 2] > 0)
            rows, columns = np.nonzero(mask)
            offset = EMPTY_OFFSET
            if len(rows):
                middle = np.array([columns.mean() + 0.5, rows.mean() + 0.5]) / self.size - 0.5
                offset = float(np.linalg.norm(middle))
            found.append(
                Look(float(mask.sum() / max(count, 1)), float(inside.mean()), float(mask.mean()), offset)
            )
        return found

    def scores(self, cameras: np.ndarray) -> np.ndarray:
        """Return the score of each camera, (N,); rows of `cameras` (N, 4) are distance, elevation, azimuth, field of view."""
        return np.array([look.score for look in self.looks([self.orbit(row) for row in cameras])])

    def best(self, evaluations: int, seed: int = 0) -> tuple[Orbit, float]:
        """Return the best camera that looks at the segment's centre, and its score."""
        scores = self.scores(GRID)
        first = np.argsort(scores)[::-1][:REFINED]
        cameras, values = self.refined(GRID[first], evaluations, np.random.default_rng(seed), scores[first])
        winner = int(np.argmax(values))
        return self.orbit(cameras[winner]), float(values[winner])

    def refined(
        self,
        cameras: np.ndarray,
        evaluations: int,
        rng: np.random.Generator,
        scores: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Improve each of the cameras (N, 4) on its own; return them and their scores (N,).

        `evaluations` pictures are made for each camera, besides its own.
        """
        scores = self.scores(WITHIN.clip(cameras)) if scores is None else scores
        return evolved(self.scores, cameras, scores, evaluations, WITHIN, rng)

    def complete(self, first: Orbit, count: int) -> list[Orbit]:
        """Return `first` and views around the segment that add the most newly visible area, one after the other.

        They have its distance and field of view, and see most of the segment themselves.
        """
        around = self.around(first)
        good = [one for one, look in zip(around, self.looks(around), strict=True) if look.seen > SEEN_ENOUGH]
        return self.covering([first, *good], count, start=first)

    def around(self, first: Orbit) -> list[Orbit]:
        """Return cameras around the segment at the distance and field of view of `first`."""
        return [self.orbit((first.distance, e, a, first.fov)) for e, a in AROUND]

    def covering(self, candidates: Sequence[Orbit], count: int, start: Orbit | None = None) -> list[Orbit]:
        """Return up to `count` of the candidates, one after the other the one that adds the most newly visible area.

        `start`, if given, is a candidate that comes first whatever it sees.
        """
        left = list(candidates)
        sees = self.visible(left)
        areas = self.areas[self.is_target]
        views: list[Orbit] = []
        seen = np.zeros(len(areas), dtype=bool)
        while len(views) < count and left:
            gains = (sees & ~seen) @ areas
            index = left.index(start) if start is not None and not views else int(np.argmax(gains))
            seen = seen | sees[index]
            views.append(left.pop(index))
            sees = np.delete(sees, index, axis=0)
        return views

    def visible(self, orbits: Sequence[Orbit]) -> np.ndarray:
        """Return which faces of the segment each camera sees, boolean (N, faces of the segment)."""
        return visible_faces(self.whole, self.mesh, orbits, np.flatnonzero(self.is_target))[0]


def visible_faces(
    views: PaintedViews, mesh: Mesh, orbits: Sequence[Orbit], faces: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return which faces each camera sees, boolean (N, F), and their pixels, int (N, F), as indices into flat pictures.

    Visible: the middle lies in the picture and has a free way to the camera. Faces are tested one by one, since small ones may get
    no pixel. With `faces`, indices, only these are tested.
    """
    import mitsuba as mi

    corners = mesh.faces if faces is None else mesh.faces[faces]
    middles = mesh.vertices[corners].mean(axis=1)
    size = np.array([views.width, views.height])
    begins, ways, lengths, insides, pixels = [], [], [], [], []
    for orbit in orbits:
        camera = orbit.camera()
        where = project(camera, middles, views.width, views.height)
        insides.append(((where[:, :2] >= 0) & (where[:, :2] < size)).all(axis=1) & (where[:, 2] > 0))
        pixel = np.clip(where[:, :2], 0, size - 1).astype(np.int64)
        pixels.append(pixel[:, 1] * views.width + pixel[:, 0])
        way = np.asarray(camera.origin) - middles
        length = np.linalg.norm(way, axis=1)
        way /= length[:, None]
        begins.append(middles + START_OFF * way)
        ways.append(way)
        lengths.append(length)
    inside = np.stack(insides)

    def vector(parts: list[np.ndarray]) -> np.ndarray:
        # only rays of faces in the picture
        return np.ascontiguousarray(np.stack(parts)[inside].T, dtype=np.float32)

    found = np.zeros(inside.shape, dtype=bool)
    if inside.any():
        ray = mi.Ray3f(mi.Point3f(vector(begins)), mi.Vector3f(vector(ways)))
        ray.maxt = type(ray.maxt)(np.maximum(vector(lengths) - END_OFF, 0.0).astype(np.float32))
        found[inside] = ~np.array(views.scene.ray_test(ray)).astype(bool)
    return found, np.stack(pixels)
