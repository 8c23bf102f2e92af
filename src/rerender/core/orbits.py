"""Cameras on a sphere about a point: distance, elevation, azimuth and field of view, and how the camera moves with each.

The parametrisation of the viewpoints paper's released code: y is up, azimuth 0 is on +z and 90 on +x, elevation 90 looks
straight down. Distances in scene units, angles in degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from rerender.core.cameras import Camera, Vector
from rerender.core.errors import UserError

Unknown = Literal["distance", "elevation", "azimuth", "fov", "target_x", "target_y", "target_z"]
POSE: tuple[Unknown, ...] = ("distance", "elevation", "azimuth")
LENS: tuple[Unknown, ...] = (*POSE, "fov")
TARGET: tuple[Unknown, ...] = ("target_x", "target_y", "target_z")
MAX_ELEVATION = 89.0  # [deg]; at 90 the view direction is parallel to up


@dataclass(frozen=True)
class Orbit:
    """A camera that looks at `target` from a distance, an elevation and an azimuth."""

    distance: float
    elevation: float
    azimuth: float
    fov: float = 60.0
    target: Vector = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        numbers = (self.distance, self.elevation, self.azimuth, self.fov, *self.target)
        if not np.isfinite(numbers).all():
            raise UserError(f"the camera {self} has a number that is not finite", "Give finite numbers.")
        if self.distance <= 0:
            raise UserError(
                f"the camera's distance is {self.distance:g}", "Give a positive distance, in scene units."
            )
        if abs(self.elevation) > MAX_ELEVATION:
            raise UserError(
                f"the camera's elevation is {self.elevation:g} degrees, where up and the view direction are (nearly) parallel",
                f"Give -{MAX_ELEVATION:g} to {MAX_ELEVATION:g}; {MAX_ELEVATION:g} looks straight down.",
            )
        if not 0 < self.fov < 180:
            raise UserError(
                f"the camera's field of view is {self.fov:g} degrees", "Give more than 0 and less than 180."
            )

    def camera(self) -> Camera:
        """Return the camera, with up = +y."""
        origin = np.asarray(self.target) + self.distance * direction(self)
        return Camera(
            (float(origin[0]), float(origin[1]), float(origin[2])), target=self.target, fov_deg=self.fov
        )

    def values(self, unknowns: Sequence[Unknown]) -> np.ndarray:
        """Return the named parameters, shape (K,)."""
        every = {
            **{name: getattr(self, name) for name in LENS},
            **dict(zip(TARGET, self.target, strict=True)),
        }
        return np.array([every[name] for name in unknowns], dtype=np.float64)

    def moved_to(self, unknowns: Sequence[Unknown], values: Sequence[float] | np.ndarray) -> Orbit:
        """Return the camera with the named parameters set."""
        changes = dict(zip(unknowns, map(float, values), strict=True))
        x, y, z = (changes.pop(name, old) for name, old in zip(TARGET, self.target, strict=True))
        return replace(self, **changes, target=(x, y, z))


@dataclass(frozen=True)
class Motion:
    """Derivatives of a camera's axes, place and half image width at unit depth, one row an unknown.

    `left`, `up`, `forward`, `origin`: shape (K, 3); `half`: shape (K,). Per scene unit, or per degree.
    """

    left: np.ndarray
    up: np.ndarray
    forward: np.ndarray
    origin: np.ndarray
    half: np.ndarray


def direction(orbit: Orbit) -> np.ndarray:
    """Return the unit vector from the target to the camera, shape (3,)."""
    return _frame(orbit)[0]


def motion(orbit: Orbit, unknowns: Sequence[Unknown]) -> Motion:
    """Return how the camera of `Orbit.camera` moves with each unknown.

    With u the direction to the camera, q = du/de and p = (du/da) / cos e, the axes are left = -p, up = q and
    forward = -u.
    """
    u, q, p = _frame(orbit)
    elevation = np.radians(orbit.elevation)
    level = np.array([u[0], 0.0, u[2]]) / np.cos(elevation)
    degree = np.pi / 180.0
    zero = np.zeros(3)
    half = 0.5 * degree / np.cos(np.radians(orbit.fov) / 2.0) ** 2
    rows: dict[Unknown, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]] = {
        "distance": (zero, zero, zero, u, 0.0),
        "elevation": (zero, -u * degree, -q * degree, orbit.distance * q * degree, 0.0),
        "azimuth": (
            level * degree,
            -np.sin(elevation) * p * degree,
            -np.cos(elevation) * p * degree,
            orbit.distance * np.cos(elevation) * p * degree,
            0.0,
        ),
        "fov": (zero, zero, zero, zero, half),
    }
    for axis, name in enumerate(TARGET):
        rows[name] = (zero, zero, zero, np.eye(3)[axis], 0.0)
    columns = list(zip(*(rows[name] for name in unknowns), strict=True))
    return Motion(*(np.array(column, dtype=np.float64) for column in columns))


def view_angle(first: Orbit, second: Orbit) -> float:
    """Return the angle [deg] between the view directions of two cameras."""
    chord = float(np.linalg.norm(direction(first) - direction(second)))
    return float(np.degrees(2.0 * np.arcsin(min(chord / 2.0, 1.0))))  # accurate where the cosine is flat


def _frame(orbit: Orbit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the direction to the camera, and the unit directions in which elevation and azimuth move it."""
    e, a = np.radians([orbit.elevation, orbit.azimuth])
    level = np.array([np.sin(a), 0.0, np.cos(a)])
    up = np.array([0.0, 1.0, 0.0])
    return (
        np.cos(e) * level + np.sin(e) * up,
        np.cos(e) * up - np.sin(e) * level,
        np.array([np.cos(a), 0.0, -np.sin(a)]),
    )
