"""Random starts and cameras, the same for all methods."""

from __future__ import annotations

import numpy as np

from rerender.core.orbits import Orbit
from rerender.core.seeds import derive_seed
from rerender.papers.viewpoints.methods import Level
from rerender.papers.viewpoints.settings import CameraSettings

DISTANCES = (4.0, 8.0)
ELEVATIONS = (8.0, 70.0)
"""Cameras that are searched for without a start."""
NEAREST = 1.5
"""No start is nearer than this [scene units]."""


def orbit_of(camera: CameraSettings) -> Orbit:
    """Return a configured camera."""
    return Orbit(camera.distance, camera.elevation, camera.azimuth, camera.fov)


def draw_case(level: Level, camera: Orbit, number: int) -> tuple[Orbit | None, Orbit]:
    """Return start and camera of the `number`-th case of a level; without a start, the camera is the random one."""
    rng = np.random.default_rng(derive_seed("viewpoints", "start", level.id, number))
    if level.search:
        distance, elevation, azimuth = (
            float(rng.uniform(*ends)) for ends in (DISTANCES, ELEVATIONS, (0.0, 360.0))
        )
        return None, Orbit(distance, elevation, azimuth, camera.fov)
    offsets = rng.uniform(-1.0, 1.0, 3) * (level.distance, level.elevation, level.azimuth)
    middle = level.centre or (camera.distance, camera.elevation)
    start = Orbit(
        max(NEAREST, middle[0] + float(offsets[0])),
        min(max(middle[1] + float(offsets[1]), 5.0), 80.0),
        camera.azimuth + float(offsets[2]),
        camera.fov,
    )
    return start, camera
