"""Which cameras see which points of a mesh: nothing in between, inside the picture, facing the camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerender.core.cameras import Camera, project
from rerender.core.meshes import Mesh
from rerender.rendering.compat import mitsuba_mesh

LIFT = 1e-3
"""Points are lifted off their surface by this share of the distance to the camera, lest it hide them."""


def count_views(mesh: Mesh, cameras: Sequence[Camera], points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Return how many cameras (with square pictures) see each of N points (N, 3) with normals (N, 3); shape (N,)."""
    import mitsuba as mi

    scene = mi.load_dict(
        {"type": "scene", "object": mitsuba_mesh("object", mesh, mi.load_dict({"type": "diffuse"}))}
    )
    seen = np.zeros(len(points), dtype=np.int64)
    for camera in cameras:
        x, y, depth = project(camera, points, 1, 1).T
        away = np.asarray(camera.origin) - points
        faces = (away * normals).sum(axis=1) > 0
        wanted = np.flatnonzero(faces & (depth > 0) & (x >= 0) & (x < 1) & (y >= 0) & (y < 1))
        start = points[wanted] + LIFT * away[wanted]
        rays = mi.Ray3f(
            mi.Point3f(*start.T.astype(np.float32)),
            mi.Vector3f(*away[wanted].T.astype(np.float32)),
        )
        rays.maxt = 1.0 - 2.0 * LIFT  # type: ignore[assignment]
        seen[wanted[~np.array(scene.ray_test(rays)).astype(bool)]] += 1
    return seen
