"""The visual hull: what all masks of an object leave of space. It says where the object is, how large, and where its shape starts.

Poses of captures have any origin and scale. The hull's bounding box is brought to the middle of the grid of tetrahedra, which is
what the released code's scenes are made for (fact sheet, section 2.2), and its signed distance is what the fit begins with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rerender.core.cameras import Camera, project
from rerender.core.errors import UserError

CELLS = 64
"""Cells along a side of the cube in which the object is looked for."""
FILLED = 0.85
"""Longest side of the hull's box over that of the grid."""


def votes(masks: np.ndarray, cameras: Sequence[Camera], points: np.ndarray) -> np.ndarray:
    """Return int8 (V, N): whether a camera sees a point (N, 3) inside its mask (V, S, S), 1, outside, -1, or does not know, 0.

    Beyond its picture everything is outside, unless the object is cut off there.
    """
    found = np.zeros((len(cameras), len(points)), dtype=np.int8)
    size = masks.shape[1]
    for view, (camera, mask) in enumerate(zip(cameras, masks, strict=True)):
        x, y, depth = project(camera, points, size, size).T
        seen = (depth > 0.0) & (x >= 0.0) & (x < size) & (y >= 0.0) & (y < size)
        columns, rows = x[seen].astype(int), y[seen].astype(int)
        found[view] = 0 if is_cut_off(mask) else -1
        found[view, seen] = np.where(mask[rows, columns] < 0.5, -1, 1)
    return found


def is_cut_off(mask: np.ndarray) -> bool:
    """Say whether a mask reaches the border of its picture."""
    return bool(max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) >= 0.5)


def in_hull(voted: np.ndarray) -> np.ndarray:
    """Return bool (N,): the points that no camera sees outside its mask, and two see inside."""
    return np.asarray((voted >= 0).all(axis=0) & ((voted > 0).sum(axis=0) >= 2))


@dataclass(frozen=True)
class Frame:
    """Where the object is in the world of its poses: the middle of its box, and what lengths are multiplied by."""

    middle: np.ndarray
    scale: float

    def applied(self, cameras: Sequence[Camera]) -> tuple[Camera, ...]:
        """Return cameras in the world of the grid."""
        return tuple(
            replace(camera, origin=self._place(camera.origin), target=self._place(camera.target))
            for camera in cameras
        )

    def _place(self, place: tuple[float, float, float]) -> tuple[float, float, float]:
        x, y, z = self.scale * (np.asarray(place) - self.middle)
        return (float(x), float(y), float(z))


def located(cameras: Sequence[Camera], masks: np.ndarray, names: Sequence[str], extent: float) -> Frame:
    """Return the world in which the hull's box is in the middle of the grid of side `extent`, and fills it.

    Cameras look at about the origin, from any mean distance. Raises `UserError` where masks and poses leave nothing.
    """
    distance = float(np.mean([np.linalg.norm(camera.origin) for camera in cameras]))
    reach = max(math.tan(math.radians(camera.fov_deg) / 2.0) for camera in cameras)
    points = _cube(CELLS, 2.0 * distance * min(reach, 1.0))
    voted = votes(masks, cameras, points)
    inside = points[in_hull(voted)]
    if not len(inside):
        best = voted[:, (voted > 0).sum(axis=0).argmax()]
        alone = [name for name, vote in zip(names, best, strict=True) if vote <= 0]
        shown = ", ".join(alone[:4]) + (", …" if len(alone) > 4 else "")
        raise UserError(
            f"no place in space is inside all {len(cameras)} masks: {len(alone)} of the cameras do not see the object where the others do "
            f"({shown})",
            "Check the poses and masks of these pictures, or leave them out.",
        )
    low, high = inside.min(axis=0), inside.max(axis=0)
    side = float((high - low).max()) + 2.0 * distance * min(reach, 1.0) / CELLS
    return Frame(0.5 * (low + high), FILLED * extent / side)


def hull_distance(
    cameras: Sequence[Camera], masks: np.ndarray, cells: int, extent: float
) -> np.ndarray | None:
    """Return about the signed distance to the hull at the vertices of `isosurface.tet_grid`, float32; None where it falls between them.

    The largest, over the cameras, of the distance to the outline in the picture, in lengths at the point's depth: exact to a part of
    a pixel near the surface. Points that fewer than two cameras see are outside.
    """
    from scipy.ndimage import distance_transform_edt, map_coordinates

    points, size = _cube(cells, extent), masks.shape[1]
    farthest, seen = np.full(len(points), -np.inf), np.zeros(len(points), dtype=int)
    for camera, mask in zip(cameras, masks, strict=True):
        x, y, depth = project(camera, points, size, size).T
        inside = mask >= 0.5
        flat = np.where(inside, 0.5 - distance_transform_edt(inside), distance_transform_edt(~inside) - 0.5)
        here = (depth > 0.0) & (x >= 0.0) & (x < size) & (y >= 0.0) & (y < size)
        if not is_cut_off(mask):  # beyond the picture as at its border
            farthest[depth <= 0.0] = extent
            here = depth > 0.0
        pixel = 2.0 * math.tan(math.radians(camera.fov_deg) / 2.0) * depth[here] / size
        away = map_coordinates(flat, [y[here] - 0.5, x[here] - 0.5], order=1, mode="nearest")
        farthest[here] = np.maximum(farthest[here], away * pixel)
        seen += here
    signed: np.ndarray = np.where(seen >= 2, farthest, extent).astype(np.float32)
    return None if (signed >= 0.0).all() else signed


def _cube(cells: int, extent: float) -> np.ndarray:
    """Return the vertices ((cells + 1)^3, 3) of a cube of cells about the origin, the last axis fastest."""
    axis = (np.arange(cells + 1) / cells - 0.5) * extent
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
