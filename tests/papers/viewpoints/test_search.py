"""Searches for a camera: from a start, from nowhere, and what tells success from failure."""

from __future__ import annotations

import numpy as np
import pytest

from rerender.core.errors import UserError
from rerender.core.orbits import LENS, Orbit, view_angle
from rerender.core.painted import PaintedMesh
from rerender.core.seeds import SeedStream
from rerender.fitting.levenberg import Normal
from rerender.papers.viewpoints.cmaes import cma_search
from rerender.papers.viewpoints.matching import Matcher, Stage, render_target
from rerender.papers.viewpoints.methods import METHODS
from rerender.papers.viewpoints.search import Found, Visited, grid_cameras, search
from rerender.papers.viewpoints.settings import SearchSettings
from rerender.papers.viewpoints.simplex import simplex_search
from rerender.rendering.painted_views import PaintedViews

TRUTH = Orbit(5.0, 30.0, 45.0)
SETTINGS = SearchSettings(
    ladder=(32,), blurs=(6.0, 3.0, 1.0, 0.0), spp=8, target_spp=64, grid_size=32, restarts=3
)
SEEDS = SeedStream(("test",))


@pytest.fixture(scope="module")
def views(room: PaintedMesh) -> PaintedViews:
    return PaintedViews(room, 32)


@pytest.fixture(scope="module")
def matcher(views: PaintedViews) -> Matcher:
    return Matcher(views, render_target(views, TRUTH, SETTINGS, 0), SETTINGS)


@pytest.mark.parametrize("method", ["lm", "lm_fd"])
def test_a_camera_is_found_from_a_start_far_off(matcher: Matcher, method: str) -> None:
    found = search(matcher, Orbit(6.0, 45.0, 80.0), METHODS[method], SEEDS)
    assert found.matches and view_angle(found.orbit, TRUTH) < 0.4
    assert found.orbit.distance == pytest.approx(5.0, rel=0.01)
    assert found.path[0].orbit == Orbit(6.0, 45.0, 80.0) and found.path[-1].orbit == found.orbit
    assert [at.jacobians for at in found.path] == sorted(at.jacobians for at in found.path)


def test_a_camera_is_found_without_a_start(views: PaintedViews) -> None:
    truth = Orbit(6.2, 22.0, 300.0)
    matcher = Matcher(views, render_target(views, truth, SETTINGS, 1), SETTINGS)
    found = search(matcher, None, METHODS["lm"], SEEDS)
    assert found.matches and view_angle(found.orbit, truth) < 0.5


def test_a_failed_search_says_so_and_restarts_mend_it(matcher: Matcher) -> None:
    behind = Orbit(5.0, 30.0, 225.0)  # sees the backs of the walls
    alone = search(matcher, behind, METHODS["lm"], SEEDS)
    assert not alone.matches and alone.error > 20 * alone.noise and alone.attempts == 1
    again = search(matcher, behind, METHODS["lm_restarts"], SEEDS)
    assert again.matches and again.attempts > 1 and view_angle(again.orbit, TRUTH) < 0.5


def test_without_outlines_the_search_goes_astray(matcher: Matcher) -> None:
    found = search(matcher, Orbit(6.0, 45.0, 80.0), METHODS["lm_interior"], SEEDS)
    assert not found.matches and view_angle(found.orbit, TRUTH) > 1.0


def test_nelder_mead_counts_its_pictures(matcher: Matcher) -> None:
    found = simplex_search(
        matcher.with_target(matcher.targets[32]), Orbit(5.4, 34.0, 52.0), SEEDS, evaluations=40
    )
    assert view_angle(found.orbit, TRUTH) < 1.0
    assert found.cost.jacobians == 0 and found.cost.renders > 60


def test_cma_es_finds_the_camera_by_pictures_alone(matcher: Matcher) -> None:
    own = matcher.with_target(matcher.targets[32])
    found = cma_search(own, Orbit(5.4, 34.0, 52.0), SEEDS, generations=8)
    assert view_angle(found.orbit, TRUTH) < 1.0
    assert found.cost.jacobians == 0 and found.cost.renders > 100
    again = cma_search(own, Orbit(5.4, 34.0, 52.0), SEEDS, generations=8)
    assert again.orbit == found.orbit


def test_reached_is_where_the_camera_stays_found() -> None:
    def at(step: int, azimuth: float) -> Visited:
        return Visited(step, Orbit(5.0, 30.0, azimuth), 32, 0.0, 0.0, 0.0, True, step, 0, float(step))

    path = [at(0, 60.0), at(1, 45.01), at(2, 46.0), at(3, 45.05), at(4, 45.0)]
    found = Found(TRUTH, True, 0.0, 1.0, path)
    assert found.reached(TRUTH) == path[3]
    assert Found(TRUTH, True, 0.0, 1.0, path[:3]).reached(TRUTH) is None
    assert Found(TRUTH, True, 0.0, 1.0, path[4:]).reached(TRUTH) == path[4]


def test_normal_equations_are_those_of_the_blurred_error(matcher: Matcher) -> None:
    orbit, stage = Orbit(5.3, 34.0, 52.0), Stage(32, 3.0)
    normal = matcher.normal(orbit, stage, 3, "full")
    assert normal.cost == pytest.approx(matcher.error(orbit, stage, 3), rel=1e-5)
    x = matcher.scaled(orbit)

    def mean_error(offset: np.ndarray) -> float:
        return float(
            np.mean([matcher.error(matcher.orbit(orbit, x + offset), stage, seed) for seed in range(40)])
        )

    slopes = [(mean_error(step) - mean_error(-step)) / 0.1 for step in 0.05 * np.eye(3)]
    mine = np.mean([2 * matcher.normal(orbit, stage, seed, "full").gradient for seed in range(40)], axis=0)
    assert mine == pytest.approx(slopes, rel=0.1)
    assert isinstance(normal, Normal) and np.linalg.eigvalsh(normal.hessian).min() > 0


def test_the_field_of_view_is_found_as_well(views: PaintedViews) -> None:
    truth = Orbit(5.0, 30.0, 45.0, 50.0)
    matcher = Matcher(views, render_target(views, truth, SETTINGS, 0), SETTINGS, unknowns=LENS)
    found = search(matcher, Orbit(5.6, 38.0, 60.0, 58.0), METHODS["lm"], SEEDS)
    assert found.orbit.fov == pytest.approx(50.0, abs=1.0) and view_angle(found.orbit, truth) < 0.5


def test_the_grid_surrounds_the_scene() -> None:
    grid = grid_cameras()
    assert len(grid) == 96 and len({orbit.azimuth for orbit in grid}) == 16


def test_a_target_that_shows_one_colour_is_refused(views: PaintedViews) -> None:
    past = Orbit(5.0, 30.0, 45.0, 40.0, (40.0, 0.0, 40.0))
    with pytest.raises(UserError, match="sees one colour only"):
        render_target(views, past, SETTINGS, 0)


def test_a_search_from_inside_a_body_stays_finite_and_says_that_it_failed(
    room: PaintedMesh, matcher: Matcher
) -> None:
    bed = room.mesh.vertices[room.mesh.faces[room.faces_of("bed")]].reshape(-1, 3)
    x, y, z = (float(value) for value in 0.5 * (bed.min(axis=0) + bed.max(axis=0)))
    inside = Orbit(1.0, 0.0, 0.0, 60.0, (x, y, z - 1.0))
    found = search(matcher, inside, METHODS["lm"], SEEDS)
    assert np.isfinite(found.orbit.values(LENS)).all() and np.isfinite(found.error)
    assert not found.matches
