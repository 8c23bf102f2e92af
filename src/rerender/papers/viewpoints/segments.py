"""Which view shows a labelled segment best: a score without network weights, its search, and several views that complete each other.

Fact sheet, section 3.3. The score counts pixels, so it has no gradient: a grid of cameras, then Nelder-Mead from the best three.
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
from rerender.rendering.painted_views import PaintedViews

BOUNDS = ((1.5, 9.0), (2.0, 80.0), (-np.inf, np.inf), (25.0, 75.0))  # distance, elevation, azimuth, fov
EDGES = (1.0, 10.0, 15.0, 8.0)
"""Edges of the first simplex."""
GRID = tuple(itertools.product((8.0, 23.0, 38.0, 53.0, 68.0), np.arange(0.0, 360.0, 30.0).tolist()))
GRID_DISTANCE, GRID_FOV = 5.0, 60.0
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
    """Looks at one segment of a painted mesh from any camera; square pictures of `size` pixels."""

    def __init__(self, painted: PaintedMesh, label: str, size: int) -> None:
        self.size, self.is_target = size, painted.faces_of(label)
        self.mesh = painted.mesh
        self.areas = face_areas(painted.mesh)
        alone = drop_unused(Mesh(painted.mesh.vertices, painted.mesh.faces[self.is_target]))
        self.points = alone.vertices
        low, high = alone.vertices.min(axis=0), alone.vertices.max(axis=0)
        self.centre = tuple(float(x) for x in 0.5 * (low + high))
        self.whole = PaintedViews(painted, size)
        self.alone = PaintedViews(PaintedMesh(alone, np.zeros_like(alone.vertices)), size)

    def orbit(self, values: Sequence[float] | np.ndarray) -> Orbit:
        """Return the camera that looks at the segment's centre, within the bounds."""
        low, high = np.array(BOUNDS).T
        distance, elevation, azimuth, fov = np.clip(np.asarray(values, dtype=np.float64), low, high).tolist()
        return Orbit(distance, elevation, azimuth, fov, self.centre)  # type: ignore[arg-type]

    def mask(self, orbit: Orbit) -> np.ndarray:
        """Return which pixels see the segment, boolean (H, W)."""
        faces = self.whole.first_faces(orbit.camera())
        return np.asarray((faces >= 0) & self.is_target[faces])

    def look(self, orbit: Orbit) -> Look:
        """Return what a camera sees of the segment."""
        mask, camera = self.mask(orbit), orbit.camera()
        free = self.alone.first_faces(camera) >= 0
        where = project(camera, self.points, self.size, self.size)
        inside = ((where[:, :2] >= 0) & (where[:, :2] < self.size)).all(axis=1) & (where[:, 2] > 0)
        rows, columns = np.nonzero(mask)
        offset = EMPTY_OFFSET
        if len(rows):
            middle = np.array([columns.mean() + 0.5, rows.mean() + 0.5]) / self.size - 0.5
            offset = float(np.linalg.norm(middle))
        return Look(float(mask.sum() / max(free.sum(), 1)), float(inside.mean()), float(mask.mean()), offset)

    def best(self, evaluations: int) -> tuple[Orbit, float]:
        """Return the best camera that looks at the segment's centre, and its score."""
        from scipy.optimize import minimize

        starts = [np.array([GRID_DISTANCE, e, a, GRID_FOV]) for e, a in GRID]
        scores = [self.look(self.orbit(start)).score for start in starts]
        found = []
        for index in np.argsort(scores)[::-1][:REFINED]:
            corners = np.concatenate([starts[index][None], starts[index][None] + np.diag(EDGES)])
            result = minimize(
                lambda x: -self.look(self.orbit(x)).score,
                starts[index],
                method="Nelder-Mead",
                options={"initial_simplex": corners, "maxfev": evaluations, "xatol": 1e-2, "fatol": 1e-4},
            )
            found.append((float(-result.fun), self.orbit(result.x)))
        score, orbit = max(found, key=lambda pair: pair[0])
        return orbit, score

    def complete(self, first: Orbit, count: int) -> list[Orbit]:
        """Return `first` and views around the segment that add the most newly visible area, one after the other.

        They have its distance and field of view, and see most of the segment themselves.
        """
        around = [self.orbit((first.distance, e, a, first.fov)) for e, a in AROUND]
        good = [orbit for orbit in around if self.look(orbit).seen > SEEN_ENOUGH]
        views, seen = [first], self.visible(first)
        candidates = [(orbit, self.visible(orbit)) for orbit in good]
        while len(views) < count and candidates:
            gains = [float(self.areas[new & ~seen].sum()) for _, new in candidates]
            orbit, new = candidates.pop(int(np.argmax(gains)))
            views.append(orbit)
            seen = seen | new
        return views

    def visible(self, orbit: Orbit) -> np.ndarray:
        """Return which faces of the segment a camera sees, boolean (F,): middle in the picture, and a free way to the camera."""
        return np.asarray(visible_faces(self.whole, self.mesh, orbit) & self.is_target)


def visible_faces(views: PaintedViews, mesh: Mesh, orbit: Orbit) -> np.ndarray:
    """Return which faces a camera sees, boolean (F,): middle in the picture, and a free way from there to the camera.

    Faces are tested one by one, since small ones may get no pixel.
    """
    import mitsuba as mi

    camera = orbit.camera()
    middles = mesh.vertices[mesh.faces].mean(axis=1)
    where = project(camera, middles, views.width, views.height)
    size = np.array([views.width, views.height])
    inside = ((where[:, :2] >= 0) & (where[:, :2] < size)).all(axis=1) & (where[:, 2] > 0)
    way = np.asarray(camera.origin) - middles
    length = np.linalg.norm(way, axis=1)
    way /= length[:, None]
    begin = middles + START_OFF * way

    def vector(values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(values.T, dtype=np.float32)

    ray = mi.Ray3f(mi.Point3f(vector(begin)), mi.Vector3f(vector(way)))
    ray.maxt = type(ray.maxt)(np.maximum(length - END_OFF, 0.0).astype(np.float32))
    return np.asarray(inside & ~np.array(views.scene.ray_test(ray)).astype(bool))
