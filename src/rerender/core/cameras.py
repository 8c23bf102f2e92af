"""Pinhole cameras as plain values, and the view sets of the experiments.

Positions in scene units, angles in degrees. Conventions are Mitsuba's: camera space has +z forward, +y up and +x to
the left; the field of view spans the image's width; pixel (0, 0) is the top left one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Vector = tuple[float, float, float]

GOLDEN_RATIO = 0.5 * (1.0 + math.sqrt(5.0))
HELDOUT_ROTATION = math.sqrt(
    2.0
)  # [rad], irrational in turns: no rotated lattice point meets an unrotated one


@dataclass(frozen=True)
class Camera:
    """Where a camera stands, what it looks at, and its horizontal field of view."""

    origin: Vector
    target: Vector = (0.0, 0.0, 0.0)
    up: Vector = (0.0, 1.0, 0.0)
    fov_deg: float = 45.0
    near: float = 0.1
    far: float = 1000.0


def to_world(camera: Camera) -> np.ndarray:
    """Return the 4x4 camera-to-world matrix; its columns are left, up, forward and origin.

    When `up` is parallel to the view direction, the world axis least parallel to it stands in.
    """
    origin = np.array(camera.origin, dtype=np.float64)
    forward = np.array(camera.target, dtype=np.float64) - origin
    length = float(np.linalg.norm(forward))
    if length == 0.0:
        raise ValueError(f"camera origin and target coincide at {camera.origin}")
    forward /= length
    left = np.cross(np.array(camera.up, dtype=np.float64), forward)
    if np.linalg.norm(left) < 1e-9:
        left = np.cross(np.eye(3)[np.argmin(np.abs(forward))], forward)
    left /= np.linalg.norm(left)
    matrix = np.eye(4)
    matrix[:3, :] = np.stack([left, np.cross(forward, left), forward, origin], axis=1)
    return matrix


def project(camera: Camera, points: np.ndarray, width: int, height: int) -> np.ndarray:
    """Project world points, shape (n, 3), to pixels: columns x (right), y (down) and depth along the view axis.

    The centre of the top left pixel is at (0.5, 0.5). Points behind the camera have a negative depth and no
    meaningful x and y.
    """
    pose = to_world(camera)
    local = (np.asarray(points, dtype=np.float64) - pose[:3, 3]) @ pose[:3, :3]
    half = np.tan(np.radians(camera.fov_deg) / 2.0)
    depth = local[:, 2]
    safe = np.where(depth == 0.0, np.finfo(np.float64).tiny, depth)
    x = 0.5 * width * (1.0 - local[:, 0] / (safe * half))
    y = 0.5 * height - 0.5 * width * local[:, 1] / (safe * half)
    return np.stack([x, y, depth], axis=1)


def fibonacci_cameras(
    n: int, radius: float = 5.0, fov_deg: float = 45.0, *, rotation: float = 0.0
) -> tuple[Camera, ...]:
    """Spread `n` cameras over a sphere about the origin on a Fibonacci lattice, looking at its centre.

    Metamers fact sheet, section 4.1: azimuth 2 pi i / golden ratio, polar angle acos(1 - 2 (i + 1/2) / n) from the
    z axis, up = +y. `rotation` [rad] turns the lattice about z.
    """
    cameras = []
    for i in range(n):
        azimuth = 2.0 * math.pi * i / GOLDEN_RATIO + rotation
        height = 1.0 - 2.0 * (i + 0.5) / n
        ring = math.sqrt(1.0 - height * height)
        origin = (radius * math.cos(azimuth) * ring, radius * math.sin(azimuth) * ring, radius * height)
        cameras.append(Camera(origin, fov_deg=fov_deg))
    return tuple(cameras)


def heldout_cameras(n: int, radius: float = 5.0, fov_deg: float = 45.0) -> tuple[Camera, ...]:
    """Return views that no optimisation saw: the lattice of `fibonacci_cameras` turned by sqrt(2) rad about z."""
    return fibonacci_cameras(n, radius, fov_deg, rotation=HELDOUT_ROTATION)


def material_cameras() -> tuple[Camera, ...]:
    """Return the four level cameras of the material scenes: front, back, right, left (fact sheet, section 2.2)."""
    wide, narrow = 39.597755, 28.841546
    places = (
        ((0.0, 2.0, 10.0), narrow),
        ((0.0, 2.0, -10.0), wide),
        ((10.0, 2.0, 0.0), wide),
        ((-10.0, 2.0, 0.0), wide),
    )
    return tuple(Camera(origin, target=(0.0, 2.0, 0.0), fov_deg=fov) for origin, fov in places)


def heldout_material_cameras(n: int) -> tuple[Camera, ...]:
    """Return `n` views of a material scene that no optimisation saw: level, on the same circle, between the four.

    Azimuths are spread by the golden ratio from 1/3 rad off the front; each is at least 5 degrees from all four
    training views and from each other for n <= 16.
    """
    cameras: list[Camera] = []
    step = 0
    while len(cameras) < n:
        azimuth = 1.0 / 3.0 + 2.0 * math.pi * step / GOLDEN_RATIO
        step += 1
        quarter = abs(azimuth % (0.5 * math.pi))
        if min(quarter, 0.5 * math.pi - quarter) < math.radians(5.0):
            continue
        origin = (10.0 * math.sin(azimuth), 2.0, 10.0 * math.cos(azimuth))
        cameras.append(Camera(origin, target=(0.0, 2.0, 0.0), fov_deg=39.597755))
    return tuple(cameras)


def circling_cameras(
    n: int, radius: float, elevation_deg: float = 0.0, *, height: float = 0.0, fov_deg: float = 45.0
) -> tuple[Camera, ...]:
    """Return `n` cameras evenly on a circle about the vertical axis through (0, height, 0), the first at +z, looking at that point."""
    up = math.radians(elevation_deg)
    cameras = []
    for i in range(n):
        azimuth = 2.0 * math.pi * i / n
        ring, rise = radius * math.cos(up), radius * math.sin(up)
        origin = (ring * math.sin(azimuth), height + rise, ring * math.cos(azimuth))
        cameras.append(Camera(origin, target=(0.0, height, 0.0), fov_deg=fov_deg))
    return tuple(cameras)


def random_cameras(
    n: int, rng: np.random.Generator, *, radius: float = 3.0, shift: float = 0.25, fov_deg: float = 45.0
) -> tuple[Camera, ...]:
    """Return cameras that see the origin from everywhere, rolled at random (nvdiffrec's training views).

    View matrix: a uniform rotation R, then a translation t uniform within `shift` along each axis, then `radius` away;
    so the camera stands at R^T ((0, 0, radius) - t) and looks along -R^T e_z.
    """
    cameras = []
    for _ in range(n):
        q, r = np.linalg.qr(rng.normal(size=(3, 3)))
        q = q * np.sign(np.diag(r))  # uniform over the rotations, and the mirrored ones
        turn = q * np.sign(np.linalg.det(q))
        move = rng.uniform(-shift, shift, size=3)
        origin = turn.T @ (np.array([0.0, 0.0, radius]) - move)
        target = origin - radius * turn[2]
        cameras.append(Camera(_vector(origin), target=_vector(target), up=_vector(turn[1]), fov_deg=fov_deg))
    return tuple(cameras)


def turntable_cameras(
    n: int, *, radius: float = 3.0, elevation_deg: float = 22.918312, fov_deg: float = 45.0
) -> tuple[Camera, ...]:
    """Return `n` cameras around the y axis in equal steps, looking at the origin (nvdiffrec validates at 0.4 rad)."""
    return circling_cameras(n, radius, elevation_deg, fov_deg=fov_deg)


def _vector(values: np.ndarray) -> Vector:
    return (float(values[0]), float(values[1]), float(values[2]))


def smallest_angle_deg(first: Sequence[Camera], second: Sequence[Camera]) -> float:
    """Return the smallest angle [deg] between the view directions of two sets of cameras."""

    def directions(cameras: Sequence[Camera]) -> np.ndarray:
        rays = np.array([np.subtract(camera.target, camera.origin) for camera in cameras], dtype=np.float64)
        return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))

    a, b = directions(first), directions(second)
    # the chord stays accurate where the cosine is flat
    chord = np.linalg.norm(a[:, None] - b[None], axis=-1).min()
    return float(np.degrees(2.0 * np.arcsin(min(chord / 2.0, 1.0))))
