"""Camera derivatives of pictures with occlusion: against finite differences, and what must vanish."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from rerender.catalogue.rooms import furnished_room
from rerender.core.meshes import Mesh, icosphere, normalised
from rerender.core.meshio import read_mesh
from rerender.core.orbits import LENS, TARGET, Orbit, Unknown
from rerender.core.painted import PaintedMesh, joined
from rerender.core.primitives import box
from rerender.rendering.painted_views import PaintedViews, Shading

STEPS: dict[Unknown, float] = {"distance": 0.03, "elevation": 0.4, "azimuth": 0.4, "fov": 0.3}
STEPS |= {"target_x": 0.02, "target_y": 0.02, "target_z": 0.02}


def by_position(mesh: Mesh) -> np.ndarray:
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    return np.asarray((mesh.vertices - low) / (high - low))


@cache
def solids() -> PaintedMesh:
    """A cube with unmerged sides before a ball, which it hides in part."""
    cube, ball = box(), icosphere(3, 0.8)
    ball = Mesh(ball.vertices + np.array([0.9, 0.2, -1.2]), ball.faces)
    return joined([("cube", cube, by_position(cube)), ("ball", ball, by_position(ball)[:, ::-1])])


@cache
def room(seed: int = 0) -> PaintedMesh:
    return furnished_room(seed, cell=0.12)


def ratios(
    painted: PaintedMesh,
    start: Orbit,
    target: Orbit,
    unknowns: tuple[Unknown, ...] = LENS,
    size: tuple[int, int] = (64, 64),
    shading: Shading = "unlit",
    spp: int = 64,
) -> tuple[np.ndarray, np.ndarray]:
    """Return derivatives of the mean squared error to the target over their finite differences: full, interior only."""
    views = PaintedViews(painted, *size, shading=shading)
    goal = views.images([target.camera()], spp=256, seed=99)[0]

    def slopes(picture: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
        return np.asarray((2 * (picture - goal) / goal.size * jacobian).sum(axis=(1, 2, 3)))

    measured = slopes(
        *views.differences(start, unknowns, [STEPS[name] for name in unknowns], spp=8 * spp, seed=5)
    )
    full = slopes(*views.jacobian(start, unknowns, spp=spp, seed=1))
    interior = slopes(*views.jacobian(start, unknowns, spp=spp, seed=1, part="interior"))
    return full / measured, interior / measured


@pytest.mark.parametrize(
    ("start", "target"),
    [
        (Orbit(6, 45, 60), Orbit(5, 30, 20)),
        (Orbit(15, 38, 38), Orbit(16.02, 28.77, 48.02)),
        (Orbit(5.5, 20, 60, 50), Orbit(5, 30, 45)),
    ],
    ids=["near", "far", "lens"],
)
def test_gradients_of_a_room_are_finite_differences(start: Orbit, target: Orbit) -> None:
    full, interior = ratios(room(), start, target)
    assert full == pytest.approx(np.ones(4), abs=0.1)
    assert np.abs(interior).max() < 0.3  # what the released code differentiates


def test_gradients_hold_for_unmerged_seams_and_hidden_outlines() -> None:
    full, _ = ratios(solids(), Orbit(3.5, 20, 20), Orbit(3.2, 28, 30))
    assert full == pytest.approx(np.ones(4), abs=0.1)


def test_gradients_hold_for_another_room_a_wide_film_and_the_look_at_point() -> None:
    start = Orbit(5, 25, 40, 55, (0.3, -0.4, 0.2))
    full, _ = ratios(room(1), start, Orbit(4.6, 32, 50, 60), (*LENS, *TARGET), size=(64, 32))
    assert full == pytest.approx(np.ones(7), abs=0.1)


def test_gradients_hold_under_a_point_light() -> None:
    full, _ = ratios(room(), Orbit(6, 45, 60), Orbit(5, 30, 20), shading="phong", spp=128)
    assert full == pytest.approx(np.ones(4), abs=0.1)


def test_gradients_hold_for_a_real_mesh(asset_mirror: Path) -> None:
    mesh = normalised(read_mesh(next((asset_mirror / "meshes").glob("*bunny*"))), 3.0)
    bunny = PaintedMesh(mesh, by_position(mesh))
    full, _ = ratios(bunny, Orbit(4.0, 25, 30), Orbit(3.6, 15, 50), size=(48, 48), spp=128)
    assert full == pytest.approx(np.ones(4), abs=0.1)


def test_outlines_that_lie_nearly_on_each_other_count_once() -> None:
    # a rough fine body, far off: its outline is a fringe of edges much thinner than a pixel
    ball = icosphere(6)
    rough = ball.vertices * (1.0 + 0.004 * np.random.default_rng(3).standard_normal((len(ball.vertices), 1)))
    views = PaintedViews(PaintedMesh(Mesh(rough, ball.faces), np.zeros_like(rough)), 24)
    orbit = Orbit(10.0, 20.0, 30.0)
    slopes = [views.jacobian(orbit, ("distance",), spp=64, seed=seed)[1].mean() for seed in range(4)]
    differences = views.differences(orbit, ("distance",), (0.3,), spp=8192, seed=9)[1].mean()
    assert np.mean(slopes) == pytest.approx(differences, rel=0.06)


def test_colour_jumps_between_faces_are_outlines() -> None:
    """A cube with one colour a side: most of its picture's change is at edges that are no silhouettes."""
    cube = box()
    sides = np.repeat(np.eye(3)[[0, 1, 2, 0, 1, 2]], 2, axis=0)
    painted = PaintedMesh(cube, np.repeat(sides[::2] * 0.5 + 0.25, 4, axis=0))
    full, interior = ratios(painted, Orbit(2.2, 25, 35), Orbit(2.2, 30, 50), ("elevation", "azimuth"))
    assert full == pytest.approx(np.ones(2), abs=0.1)
    assert interior == pytest.approx(np.zeros(2), abs=1e-6)


def test_the_jacobian_comes_with_the_picture_of_its_seed() -> None:
    views = PaintedViews(room(), 32)
    orbit = Orbit(5, 30, 45)
    picture, jacobian = views.jacobian(orbit, LENS, spp=4, seed=3)
    assert np.array_equal(picture, views.images([orbit.camera()], spp=4, seed=3)[0])
    assert jacobian.shape == (4, 32, 32, 3) and np.isfinite(jacobian).all()
    parts = [views.jacobian(orbit, LENS, spp=4, seed=3, part=part)[1] for part in ("interior", "boundary")]  # type: ignore[arg-type]
    assert parts[0] + parts[1] == pytest.approx(jacobian, abs=1e-6)


def test_one_colour_everywhere_has_no_derivative() -> None:
    """Inside a white cube all is white: outlines cross, and nothing changes."""
    white = PaintedMesh(box(), np.ones((24, 3)))
    _, jacobian = PaintedViews(white, 24).jacobian(Orbit(1.8, 20, 30), LENS, spp=8, seed=0)
    assert jacobian == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("orbit", [Orbit(0.4, 10, 20), Orbit(1.0, -89, 0), Orbit(3.0, 89, 45, 100)])
def test_cameras_inside_geometry_and_at_the_pole_give_finite_numbers(orbit: Orbit) -> None:
    picture, jacobian = PaintedViews(room(), 24).jacobian(orbit, LENS, spp=4, seed=0)
    assert np.isfinite(picture).all() and np.isfinite(jacobian).all()


def test_faces_under_pixel_centres_are_those_that_are_drawn() -> None:
    """Colours by face: what is seen at a pixel's centre is the face that is named there."""
    painted = solids()
    faces = len(painted.mesh.faces)
    codes = np.repeat((np.arange(faces)[:, None, None] + 1) / (faces + 1), 3, axis=1).repeat(3, axis=2)
    views = PaintedViews(painted, 16, colours=codes, background=0.0)
    camera = Orbit(3.5, 20, 20).camera()
    seen = views.first_faces(camera)
    drawn = views.images([camera], spp=64, seed=0)[0][..., 0] * (faces + 1) - 1
    alone = np.abs(drawn - np.rint(drawn)) < 1e-2  # pixels within one face
    assert alone.mean() > 0.3 and (seen[alone] == np.rint(drawn[alone])).mean() > 0.99


def test_the_same_scene_at_another_size_has_the_pictures_and_derivatives_of_a_scene_of_its_own() -> None:
    whole, own, orbit = PaintedViews(room(), 40), PaintedViews(room(), 24), Orbit(5, 30, 45)
    other = whole.at_size(24)
    for shared, alone in zip(
        other.jacobian(orbit, LENS, spp=4, seed=2), own.jacobian(orbit, LENS, spp=4, seed=2), strict=True
    ):
        assert np.array_equal(shared, alone)
    assert whole.images([orbit.camera()], spp=1, seed=0).shape == (1, 40, 40, 3)
