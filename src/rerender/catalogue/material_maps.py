"""Seeded maps of roughness, metallic and albedo, where the paper's own may not be passed on: stand-ins of the same statistics.

Maps are float32 (H, W), or (H, W, 3) linear albedo, row 0 at v = 1. Those of a ball are drawn on its surface, so that
nothing stretches at the poles; u = azimuth / 360 degrees, v = 1 at the top.
"""

from __future__ import annotations

import numpy as np

from rerender.catalogue.textures import smooth_step, waves

SOFT = 0.02
"""Width of drawn edges, as a cosine on balls and in texture coordinates elsewhere."""


def spots_albedo(height: int, seed: int = 0, *, spots: int = 14) -> np.ndarray:
    """Cream (0.78, 0.68, 0.58) with dark discs (0.03) all over a ball."""
    cream, dark = np.array((0.78, 0.68, 0.58)), np.full(3, 0.03)
    rng = np.random.default_rng([seed, 14])
    covered = np.zeros((height, 2 * height))
    for centre in _spread(spots, rng):
        covered = np.maximum(covered, _disc(height, centre, rng.uniform(11.0, 17.0)))
    return np.asarray(cream + covered[..., None] * (dark - cream), dtype=np.float32)


def ball_roughness(height: int, seed: int = 0) -> np.ndarray:
    """A shiny ball (0.067) with a matt cap and matt discs (0.95) over about a quarter of it."""
    rng = np.random.default_rng([seed, 67])
    matt = _disc(height, np.array([0.0, 1.0, 0.0]), 34.0)
    for centre in _spread(6, rng):
        matt = np.maximum(matt, _disc(height, centre, rng.uniform(14.0, 19.0)))
    return np.asarray(0.067 + (0.95 - 0.067) * matt, dtype=np.float32)


def ball_metallic(height: int, seed: int = 0) -> np.ndarray:
    """Metal circles around a ball, over about a sixth of it."""
    rng = np.random.default_rng([seed, 82])
    towards = ball_directions(height)
    metal = np.zeros(towards.shape[:2])
    for axis, offset in zip(_spread(3, rng), (0.0, 0.45, -0.45), strict=True):
        metal = np.maximum(metal, 1.0 - smooth_step(np.abs(towards @ axis - offset), 0.05, SOFT))
    return metal.astype(np.float32)


def scratched_roughness(height: int, width: int, seed: int = 0, *, scratches: int = 130) -> np.ndarray:
    """Roughness 0.08 to 0.12, with scratches of up to 1 over about a tenth of the texture."""
    smooth = 0.10 + 0.02 * np.clip(waves(height, width, seed=seed + 31) / 2.0, -1.0, 1.0)
    rng = np.random.default_rng([seed, 95])
    v, u = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
    worn = np.zeros((height, width))
    for _ in range(scratches):
        (x, y), turn, length = rng.uniform(0, 1, 2), rng.uniform(0, np.pi), rng.uniform(0.04, 0.15)
        depth, half = rng.uniform(0.4, 1.0), rng.uniform(0.002, 0.005)
        along = np.clip((u - x) * np.cos(turn) + (v - y) * np.sin(turn), 0.0, length)
        distance = np.hypot(u - x - along * np.cos(turn), v - y - along * np.sin(turn))
        worn = np.maximum(worn, depth * (1.0 - smooth_step(distance, half, max(half, 1.0 / height))))
    return np.asarray(smooth + worn * (1.0 - smooth), dtype=np.float32)


def ball_directions(height: int) -> np.ndarray:
    """Return the point of the unit ball behind every texel of its map, (H, 2 H, 3)."""
    polar = np.pi * (np.arange(height) + 0.5) / height
    turn = np.pi * (np.arange(2 * height) + 0.5) / height
    ring = np.sin(polar)[:, None]
    x, z = ring * np.sin(turn), ring * np.cos(turn)
    return np.stack([x, np.broadcast_to(np.cos(polar)[:, None], x.shape), z], axis=-1)


def _disc(height: int, centre: np.ndarray, radius_deg: float) -> np.ndarray:
    """Return a soft disc on the ball, 1 inside."""
    return smooth_step(ball_directions(height) @ centre, float(np.cos(np.radians(radius_deg))), SOFT)


def _spread(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return directions that keep apart: a Fibonacci lattice, turned at random, (count, 3)."""
    index = np.arange(count) + 0.5
    height, turn = 1.0 - 2.0 * index / count, np.pi * (1.0 + 5.0**0.5) * index
    ring = np.sqrt(1.0 - height**2)
    lattice = np.stack([ring * np.cos(turn), height, ring * np.sin(turn)], axis=1)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return np.asarray(lattice @ rotation)
