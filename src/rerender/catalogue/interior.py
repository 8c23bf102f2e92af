"""A procedural interior as a light: a dim room with small bright windows and strip lights.

Small bright features are what makes roughness visible in a picture; under a smooth sky every roughness looks alike. A
stand-in for `aerodynamics_workshop`, without likeness. Lat-long (H, 2 H, 3), linear radiance, y up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from rerender.core.images import resize_area

FINEST_ROWS = 512  # the room is drawn at this many rows or four times the wanted ones, then averaged
FLOOR, HORIZON, CEILING = (0.10, 0.08, 0.06), (0.22, 0.21, 0.20), (0.30, 0.31, 0.33)


@dataclass(frozen=True)
class Panel:
    """A bright rectangle in azimuth and elevation [deg], centre and half sizes, with its radiance."""

    azimuth: float
    elevation: float
    half_width: float
    half_height: float
    radiance: tuple[float, float, float]


PANELS = (
    # three windows on one side, one opposite, cool daylight
    Panel(40.0, 14.0, 9.0, 13.0, (14.0, 16.0, 19.0)),
    Panel(66.0, 14.0, 9.0, 13.0, (14.0, 16.0, 19.0)),
    Panel(92.0, 12.0, 8.0, 11.0, (11.0, 12.5, 15.0)),
    Panel(235.0, 10.0, 12.0, 9.0, (8.0, 9.0, 11.0)),
    # strip lights under the ceiling, warm
    Panel(10.0, 58.0, 28.0, 3.0, (34.0, 30.0, 24.0)),
    Panel(150.0, 50.0, 22.0, 2.5, (34.0, 30.0, 24.0)),
    Panel(290.0, 62.0, 30.0, 3.0, (34.0, 30.0, 24.0)),
    # a lamp, and a screen below eye level
    Panel(325.0, 4.0, 2.5, 3.5, (40.0, 26.0, 12.0)),
    Panel(185.0, -12.0, 7.0, 4.0, (3.0, 5.0, 7.0)),
)


def interior_light(height: int) -> np.ndarray:
    """Return the room as seen from its middle, float32; panels keep their energy at every resolution."""
    rows = max(4 * height, FINEST_ROWS)
    elevation = 90.0 - 180.0 * (np.arange(rows) + 0.5) / rows
    azimuth = 360.0 * (np.arange(2 * rows) + 0.5) / (2 * rows)
    up = np.clip(elevation / 60.0, -1.0, 1.0)[:, None]
    floor, horizon, ceiling = (np.array(colour) for colour in (FLOOR, HORIZON, CEILING))
    column = np.where(up < 0, horizon - up * (floor - horizon), horizon + up * (ceiling - horizon))
    # two dark corners of the room, so that the walls are not even
    shade = 0.85 + 0.15 * np.cos(np.radians(2.0 * (azimuth - 66.0)))
    radiance = column[:, None] * shade[None, :, None]
    for panel in PANELS:
        beside = np.abs((azimuth - panel.azimuth + 180.0) % 360.0 - 180.0) < panel.half_width
        above = np.abs(elevation - panel.elevation) < panel.half_height
        radiance[np.ix_(above, beside)] = panel.radiance
    return resize_area(radiance, height, 2 * height).astype(np.float32)


LIGHTS: Mapping[str, Callable[[int], np.ndarray]] = MappingProxyType({"interior_standin": interior_light})
