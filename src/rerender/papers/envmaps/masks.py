"""What each pixel of a scene's picture shows: shares of the bodies, and the place on the plane.

By rays through a grid of points in each pixel, not from a guessed silhouette: a wrong mask repaints the object's rim
(fact sheet, section 7). Nothing is random.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rerender.papers.envmaps.scene_specs import FLOOR
from rerender.rendering.scenes import Scene, build_scene

GRID = 4


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Seen surfaces of an image of h x w pixels.

    `shares` maps the id of each shape to the share of the pixel that it fills, (h, w) in [0, 1]; together with the
    sky they fill it. `position` is the world point at the pixel's centre, (h, w, 3), NaN where it sees the sky.
    """

    shares: Mapping[str, np.ndarray]
    position: np.ndarray

    @property
    def floor(self) -> np.ndarray:
        """The share of the plane, (h, w)."""
        return self.shares[FLOOR]

    @property
    def object(self) -> np.ndarray:
        """The share of all bodies together, (h, w)."""
        bodies = [share for name, share in self.shares.items() if name != FLOOR]
        return np.sum(bodies, axis=0) if bodies else np.zeros_like(self.floor)


def seen_surfaces(scene: Scene, grid: int = GRID) -> Surfaces:
    """Trace grid x grid rays through each pixel of the scene's one camera. Needs a Mitsuba variant."""
    import drjit as dr
    import mitsuba as mi

    built = build_scene(scene)
    height, width = scene.film.height, scene.film.width
    offsets = (np.arange(grid) + 0.5) / grid

    def cast(across: float, down: float) -> tuple[np.ndarray, np.ndarray]:
        lane = np.arange(height * width)
        columns, rows = (lane % width + across) / width, (lane // width + down) / height
        point = mi.Point2f(columns.astype(np.float32), rows.astype(np.float32))
        ray, _ = built.sensors()[0].sample_ray(0.0, 0.5, point, mi.Point2f(0.5))
        hit = built.ray_intersect(ray)
        labels = mi.Int32(-1)
        for number, shape in enumerate(built.shapes()):
            labels = dr.select(hit.is_valid() & (hit.shape == mi.ShapePtr(shape)), number, labels)
        place = dr.select(hit.is_valid(), hit.p, mi.Point3f(dr.nan))
        return np.array(labels).reshape(height, width), np.array(place).T.reshape(height, width, 3)

    names = [shape.id() for shape in built.shapes()]
    counts = {name: np.zeros((height, width)) for name in names}
    for down in offsets:
        for across in offsets:
            labels, _ = cast(float(across), float(down))
            for number, name in enumerate(names):
                counts[name] += labels == number
    shares = {name: count / grid**2 for name, count in counts.items()}
    return Surfaces(shares, cast(0.5, 0.5)[1])
