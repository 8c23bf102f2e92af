"""Cameras on a sphere: where they stand, how they move, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from rerender.core.cameras import to_world
from rerender.core.errors import UserError
from rerender.core.orbits import LENS, TARGET, Orbit, motion, view_angle


@pytest.mark.parametrize(
    ("elevation", "azimuth", "place"),
    [(0, 0, (0, 0, 5)), (0, 90, (5, 0, 0)), (89, 0, (0, 4.9992, 0.0873)), (30, 180, (0, 2.5, -4.3301))],
)
def test_angles_follow_the_released_code(elevation: float, azimuth: float, place: tuple[float, ...]) -> None:
    assert Orbit(5.0, elevation, azimuth).camera().origin == pytest.approx(place, abs=1e-4)


def test_every_motion_is_the_derivative_of_the_pose() -> None:
    unknowns = (*LENS, *TARGET)
    orbit = Orbit(4.0, 33.0, -120.0, 47.0, (0.3, -0.2, 0.5))
    found, step = motion(orbit, unknowns), 1e-5

    def numbers(value: Orbit) -> np.ndarray:
        pose = to_world(value.camera())
        return np.append(pose[:3].T.ravel(), np.tan(np.radians(value.fov) / 2))

    for k in range(len(unknowns)):
        values = orbit.values(unknowns)
        values[k] += step
        after = numbers(orbit.moved_to(unknowns, values))
        values[k] -= 2 * step
        slope = (after - numbers(orbit.moved_to(unknowns, values))) / (2 * step)
        mine = np.concatenate(
            [found.left[k], found.up[k], found.forward[k], found.origin[k], found.half[k : k + 1]]
        )
        assert mine == pytest.approx(slope, abs=1e-8)


def test_angle_between_views_ignores_turns_and_distance() -> None:
    assert view_angle(Orbit(5, 10, 350), Orbit(2, 10, -10)) == pytest.approx(0.0, abs=1e-9)
    assert view_angle(Orbit(5, 0, 10), Orbit(5, 0, 10.001)) == pytest.approx(1e-3, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ((0, 0, 0), "distance"),
        ((5, 90, 0), "elevation"),
        ((5, 0, 0, 180), "field of view"),
        ((np.nan, 0, 0), "finite"),
    ],
)
def test_degenerate_cameras_are_refused(values: tuple[float, ...], word: str) -> None:
    with pytest.raises(UserError, match=word):
        Orbit(*values)
