"""Views for segments: what a camera sees, the search, completing views, and masks projected back."""

from __future__ import annotations

import numpy as np
import pytest

from rerender.catalogue import rooms
from rerender.core.meshes import face_areas
from rerender.core.orbits import Orbit
from rerender.core.painted import PaintedMesh
from rerender.papers.viewpoints.reprojection import agreement, vote
from rerender.papers.viewpoints.segments import Look, SegmentViews, visible_faces
from rerender.papers.viewpoints.settings import LABELS, ViewSettings
from rerender.papers.viewpoints.viewsets import CHOSEN, SETS, judge_segment
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
    areas = [
        chair.areas[np.any([chair.visible(view) for view in views[:n]], axis=0)].sum() for n in (1, 2, 3)
    ]
    assert views[0] == first and areas[0] < areas[1] <= areas[2]


def test_faces_are_visible_if_a_pixel_of_theirs_is(room: PaintedMesh) -> None:
    views, orbit = PaintedViews(room, 96), Orbit(5.0, 30.0, 45.0)
    seen = visible_faces(views, room.mesh, orbit)
    drawn = np.unique(views.first_faces(orbit.camera()))
    drawn = drawn[drawn >= 0]
    # faces cut by another one's outline may have a pixel and a hidden middle
    assert seen[drawn].mean() > 0.9 and 0.2 < seen.mean() < 0.9


def test_true_masks_give_back_what_they_see(room: PaintedMesh) -> None:
    views, is_target, areas = PaintedViews(room, 128), room.faces_of("sofa"), face_areas(room.mesh)
    orbits = [Orbit(5.0, 30.0, 45.0), Orbit(5.0, 40.0, 80.0)]
    masks = []
    for orbit in orbits:
        faces = views.first_faces(orbit.camera())
        masks.append((faces >= 0) & is_target[faces])
    claimed, seen = vote(room, views, orbits, masks)
    nothing = np.zeros_like(seen)
    found = agreement(is_target, areas, claimed, seen, nothing)
    assert found.visible == pytest.approx(1.0) and found.iou > 0.9  # truth restricted to what was seen
    everything = agreement(is_target, areas, claimed, seen, ~nothing)
    assert everything.visible < 0.9 and everything.iou < found.iou
    wrong, _ = vote(room, views, orbits, [~mask for mask in masks])
    assert agreement(is_target, areas, wrong, seen, nothing).iou < 0.1


def test_every_set_of_views_is_judged(room: PaintedMesh) -> None:
    settings = ViewSettings(
        segments=("bed",), counts=(1, 2), size=32, mask_size=64, evaluations=10, random_draws=2
    )
    chosen, values = judge_segment(room, "bed", settings, 3)
    assert len(chosen) == 2 and set(values) == {(name, count) for name in SETS for count in (1, 2)}
    for metrics, _ in values.values():
        assert all(0.0 <= value <= 1.0 for value in metrics.values())
    assert values[CHOSEN, 2][0]["visible"] >= values[CHOSEN, 1][0]["visible"]
