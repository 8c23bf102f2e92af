"""Segments from pictures: masks of several views vote on the faces that they see (fact sheet, section 3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerender.core.cameras import project
from rerender.core.orbits import Orbit
from rerender.core.painted import PaintedMesh
from rerender.papers.viewpoints.segments import visible_faces
from rerender.rendering.painted_views import PaintedViews

DENSE_ELEVATIONS = (5.0, 25.0, 45.0, 65.0, 80.0)
DENSE_AZIMUTHS = 18
DENSE_DISTANCES = (3.5, 6.0)


@dataclass(frozen=True)
class Agreement:
    """How well the faces that were voted for are the segment's: intersection over union by area, and the area seen."""

    iou: float
    visible: float


def vote(
    painted: PaintedMesh, views: PaintedViews, orbits: Sequence[Orbit], masks: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return which faces more masks (H, W) claim than deny, boolean (F,), and which some view sees, boolean (F,)."""
    total = np.zeros(len(painted.mesh.faces), dtype=np.int64)
    seen = np.zeros(len(total), dtype=bool)
    middles = painted.mesh.vertices[painted.mesh.faces].mean(axis=1)
    for orbit, mask in zip(orbits, masks, strict=True):
        visible = visible_faces(views, painted.mesh, orbit)
        pixel = project(orbit.camera(), middles[visible], views.width, views.height)[:, :2].astype(np.int64)
        total[visible] += np.where(mask[pixel[:, 1], pixel[:, 0]], 1, -1)
        seen |= visible
    return total > 0, seen


def agreement(
    is_target: np.ndarray, areas: np.ndarray, claimed: np.ndarray, seen: np.ndarray, reachable: np.ndarray
) -> Agreement:
    """Compare claimed faces with the segment's, all boolean (F,), by area (F,).

    The truth is what can be seen at all: `reachable` from a dense set of views, or seen by the chosen ones.
    """
    truth = is_target & (reachable | seen)
    both, either = areas[claimed & truth].sum(), areas[claimed | truth].sum()
    return Agreement(
        float(both / max(either, 1e-12)), float(areas[truth & seen].sum() / max(areas[truth].sum(), 1e-12))
    )


def dense_visibility(
    painted: PaintedMesh, views: PaintedViews, centre: tuple[float, float, float]
) -> np.ndarray:
    """Return the faces that any view of a dense set around `centre` sees, boolean (F,)."""
    seen = np.zeros(len(painted.mesh.faces), dtype=bool)
    for distance in DENSE_DISTANCES:
        for elevation in DENSE_ELEVATIONS:
            for azimuth in np.arange(DENSE_AZIMUTHS) * 360.0 / DENSE_AZIMUTHS:
                seen |= visible_faces(
                    views, painted.mesh, Orbit(distance, elevation, float(azimuth), 60.0, centre)
                )
    return seen
