"""Segments from pictures: masks of several views vote on the faces that they see (fact sheet, section 3.4)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

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


def votes(visible: np.ndarray, pixels: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which faces more masks claim than deny, and which some view sees: row n is for the first n + 1 views; boolean (N, F).

    `visible` and `pixels` (N, F) are those of `visible_faces`; `masks` are boolean (N, H, W), one a view.
    """
    flat = masks.reshape(len(masks), -1)
    claims = np.take_along_axis(flat, pixels, axis=1)
    says = np.where(claims, 1, -1).astype(np.int16) * visible
    return np.cumsum(says, axis=0, dtype=np.int16) > 0, np.logical_or.accumulate(visible, axis=0)


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
    painted: PaintedMesh, views: PaintedViews, centre: tuple[float, float, float], is_target: np.ndarray
) -> np.ndarray:
    """Return the faces of a segment, `is_target` boolean (F,), that any view of a dense set around `centre` sees; boolean (F,)."""
    faces = np.flatnonzero(is_target)
    seen = np.zeros(len(is_target), dtype=bool)
    for distance, elevation in itertools.product(DENSE_DISTANCES, DENSE_ELEVATIONS):
        orbits = [
            Orbit(distance, elevation, float(azimuth), 60.0, centre)
            for azimuth in np.arange(DENSE_AZIMUTHS) * 360.0 / DENSE_AZIMUTHS
        ]
        seen[faces] |= visible_faces(views, painted.mesh, orbits, faces)[0].any(axis=0)
    return seen
