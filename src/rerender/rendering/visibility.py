"""What cameras see of one shape by first hits: silhouettes and texture coordinates. No Monte Carlo noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from rerender.rendering.scenes import Scene, build_scene


def first_hits(scene: Scene, shape_id: str, *, samples: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Trace `samples`^2 rays through every pixel of every camera.

    Returns the share of each pixel's rays that hit the shape first, (N, H, W), and the texture
    coordinates of those hits, (hits, 2), with the first texture row at v = 0.
    """
    import mitsuba as mi

    built = build_scene(scene)
    shapes = built.shapes()
    wanted = next(shape for shape in shapes if shape.id() == shape_id)
    height, width = scene.film.height, scene.film.width
    shares, coordinates = [], []
    for sensor in _single_sensors(built, scene):
        hit, uv = _trace(built, sensor, wanted, height * samples, width * samples, mi)
        shares.append(hit.reshape(height, samples, width, samples).mean((1, 3)))
        coordinates.append(uv[hit])
    return np.stack(shares), np.concatenate(coordinates)


def silhouettes(scene: Scene, shape_id: str) -> np.ndarray:
    """Return the pixels whose centre sees the shape, boolean (N, H, W)."""
    return first_hits(scene, shape_id)[0] > 0.5


def visible_texels(coordinates: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the texels that some hit falls into, boolean (height, width). Coordinates repeat beyond [0, 1]."""
    column = np.floor(np.mod(coordinates[:, 0], 1.0) * width).astype(int).clip(0, width - 1)
    row = np.floor(np.mod(coordinates[:, 1], 1.0) * height).astype(int).clip(0, height - 1)
    seen = np.zeros((height, width), dtype=bool)
    seen[row, column] = True
    return seen


def _single_sensors(built: Any, scene: Scene) -> list[Any]:
    if scene.batched:
        raise ValueError("visibility needs a scene that is not batched")
    sensors: list[Any] = built.sensors()
    return sensors


def _trace(
    built: Any, sensor: Any, wanted: Any, rows: int, columns: int, mi: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Trace one ray through the centre of every cell of a grid over the film."""
    import drjit as dr

    index = dr.arange(mi.UInt32, rows * columns)
    position = mi.Point2f((index % columns + 0.5) / columns, (index // columns + 0.5) / rows)
    ray, _ = sensor.sample_ray(0.0, 0.5, position, mi.Point2f(0.5))
    interaction = built.ray_intersect(ray)
    hit = interaction.is_valid() & (interaction.shape == mi.ShapePtr(wanted))
    return np.array(hit).astype(bool), np.array(interaction.uv).T.astype(np.float64)
