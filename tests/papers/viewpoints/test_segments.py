"""Views for segments: what a camera sees, the search, completing views, and masks projected back."""

from __future__ import annotations

import numpy as np
import pytest

from rerender.catalogue import rooms
from rerender.core.meshes import face_areas
from rerender.core.orbits import Orbit
from rerender.core.painted import PaintedMesh
from rerender.papers.viewpoints.reprojection import agreement, votes
from rerender.papers.viewpoints.segments import GRID, Look, SegmentViews, visible_faces
from rerender.papers.viewpoints.settings import LABELS, ViewSettings
from rerender.papers.viewpoints.viewsets import (
    CHOSEN,
    COVERING,
    SETS,
    TURNTABLE,
    WORDS,
    RoomViews,
    SegmentJudge,
    judge_segment,
)
from rerender.rendering.painted_views import PaintedViews


@pytest.fixture(scope="module")
def chair(room: PaintedMesh) -> SegmentViews:
    return SegmentViews(room, "chair", 48)


def test_labels_of_the_settings_are_those_of_the_rooms() -> None:
    assert LABELS == rooms.LABELS


def test_a_look_from_behind_the_wall_sees_nothing(chair: SegmentViews) -> None:
    hidden = chair.look(Orbit(4.0, 5.0, 225.0, 60.0, chair.centre))
    open_side = chair.look(Orbit(2.5, 30.0, 45.0, 60.0, chair.centre))
    assert hidden.seen == 0.0 and hidden.area == 0.0 and hidden.offset == 0.7 and hidden.inside == 1.0
    assert open_side.seen > 0.5 and open_side.area > 0.01 and open_side.offset < 0.15
    assert open_side.score > hidden.score + 0.5


def test_the_score_prefers_what_is_seen_centred_and_framed() -> None:
    best = Look(1.0, 1.0, 0.15, 0.0).score
    assert best == pytest.approx(1.6, abs=1e-3)
    for worse in (
        Look(0.5, 1.0, 0.15, 0.0),
        Look(1.0, 0.5, 0.15, 0.0),
        Look(1.0, 1.0, 0.01, 0.0),
        Look(1.0, 1.0, 0.15, 0.3),
    ):
        assert worse.score < best - 0.1


def test_the_search_beats_every_camera_of_its_grid(chair: SegmentViews) -> None:
    orbit, score = chair.best(20)
    grid = [
        chair.look(chair.orbit((5.0, e, a, 60.0))).score for e in (8.0, 38.0, 68.0) for a in range(0, 360, 90)
    ]
    assert score >= max(grid) and chair.look(orbit).score == pytest.approx(score)
    assert 1.5 <= orbit.distance <= 9.0 and 25.0 <= orbit.fov <= 75.0


def test_more_views_see_more(chair: SegmentViews) -> None:
    first, _ = chair.best(10)
    views = chair.complete(first, 3)
    own, sees = chair.areas[chair.is_target], chair.visible(views)
    areas = [own[sees[:n].any(axis=0)].sum() for n in (1, 2, 3)]
    assert views[0] == first and areas[0] < areas[1] <= areas[2]


def test_views_chosen_by_area_begin_with_the_one_that_sees_most(chair: SegmentViews) -> None:
    candidates = [chair.orbit(row) for row in GRID[::3]]
    areas = chair.visible(candidates) @ chair.areas[chair.is_target]
    assert chair.covering(candidates, 2)[0] == candidates[int(areas.argmax())]


def test_cameras_rendered_together_look_as_one_by_one(chair: SegmentViews) -> None:
    together = chair.scores(GRID[10:14])
    alone = [chair.look(chair.orbit(row)).score for row in GRID[10:14]]
    assert together == pytest.approx(alone) and np.ptp(together) > 0.1


def test_refinement_never_loses_and_counts_its_pictures(chair: SegmentViews) -> None:
    begun = GRID[[14, 26]]
    before = chair.scores(begun)
    cameras, scores = chair.refined(begun, 24, np.random.default_rng(1))
    assert (scores >= before).all() and scores.max() > before.max()
    assert chair.scores(cameras) == pytest.approx(scores)
    same, unchanged = chair.refined(begun, 0, np.random.default_rng(1))
    assert np.array_equal(same, begun) and unchanged == pytest.approx(before)


def test_faces_are_visible_if_a_pixel_of_theirs_is(room: PaintedMesh) -> None:
    views, orbit = PaintedViews(room, 96), Orbit(5.0, 30.0, 45.0)
    seen = visible_faces(views, room.mesh, [orbit])[0][0]
    some = np.arange(0, len(seen), 7)
    assert np.array_equal(visible_faces(views, room.mesh, [orbit], some)[0][0], seen[some])
    drawn = np.unique(views.first_faces(orbit.camera()))
    drawn = drawn[drawn >= 0]
    # faces cut by another one's outline may have a pixel and a hidden middle
    assert seen[drawn].mean() > 0.9 and 0.2 < seen.mean() < 0.9


def test_true_masks_give_back_what_they_see(room: PaintedMesh) -> None:
    views, is_target, areas = PaintedViews(room, 128), room.faces_of("sofa"), face_areas(room.mesh)
    orbits = [Orbit(5.0, 30.0, 45.0), Orbit(5.0, 40.0, 80.0)]
    faces = views.first_faces_of([orbit.camera() for orbit in orbits])
    masks = (faces >= 0) & is_target[faces]
    visible, pixels = visible_faces(views, room.mesh, orbits)
    claimed, seen = (rows[-1] for rows in votes(visible, pixels, masks))
    nothing = np.zeros_like(seen)
    found = agreement(is_target, areas, claimed, seen, nothing)
    assert found.visible == pytest.approx(1.0) and found.iou > 0.9  # truth restricted to what was seen
    everything = agreement(is_target, areas, claimed, seen, ~nothing)
    assert everything.visible < 0.9 and everything.iou < found.iou
    wrong = votes(visible, pixels, ~masks)[0][-1]
    assert agreement(is_target, areas, wrong, seen, nothing).iou < 0.1


def test_every_set_of_views_is_judged(room: PaintedMesh) -> None:
    settings = ViewSettings(
        segments=("bed",), counts=(1, 2), size=32, mask_size=64, evaluations=10, random_draws=2
    )
    chosen, values = judge_segment(SegmentJudge(RoomViews(room, settings, 3), "bed"))
    assert len(chosen) == 2 and set(values) == {
        (name, count) for name in SETS if name != WORDS for count in (1, 2)
    }
    for metrics, _ in values.values():
        assert all(0.0 <= value <= 1.0 for value in metrics.values())
    assert values[CHOSEN, 2][0]["visible"] >= values[CHOSEN, 1][0]["visible"]
    assert values[COVERING, 1][0]["visible"] > values[TURNTABLE, 1][0]["visible"]
