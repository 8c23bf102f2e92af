from __future__ import annotations

import numpy as np
import pytest

from rerender.core.cameras import (
    Camera,
    circling_cameras,
    fibonacci_cameras,
    heldout_cameras,
    heldout_material_cameras,
    material_cameras,
    project,
    random_cameras,
    smallest_angle_deg,
    to_world,
    turntable_cameras,
)


@pytest.mark.parametrize(
    ("n", "index", "expected"),
    [
        (8, 0, (2.4206, 0, 4.375)),
        (8, 1, (-2.8780, -2.6365, 3.125)),
        (8, 7, (-1.1157, 2.1482, -4.375)),
        (25, 0, (1.4, 0, 4.8)),
        (25, 12, (-4.326, 2.507, 0)),
        (25, 24, (0.696, -1.215, -4.8)),
    ],
)
def test_lattice_meets_the_measured_vectors(n: int, index: int, expected: tuple[float, float, float]) -> None:
    cameras = fibonacci_cameras(n)
    assert len(cameras) == n
    np.testing.assert_allclose(cameras[index].origin, expected, atol=6e-4)
    assert (
        cameras[index].target == (0, 0, 0) and cameras[index].up == (0, 1, 0) and cameras[index].fov_deg == 45
    )


@pytest.mark.parametrize("n", [1, 2, 4, 8, 16, 25])
@pytest.mark.parametrize("held", [1, 2, 4, 8, 12, 16, 25])
def test_heldout_views_never_coincide_with_training_views(n: int, held: int) -> None:
    assert smallest_angle_deg(fibonacci_cameras(n), heldout_cameras(held)) > 1.0


@pytest.mark.parametrize("held", [1, 2, 4, 8, 16])
def test_heldout_material_views_lie_between_the_four(held: int) -> None:
    cameras = heldout_material_cameras(held)
    assert len(cameras) == held
    assert smallest_angle_deg(material_cameras(), cameras) > 4.9
    for camera in cameras:
        assert camera.origin[1] == 2.0 and np.hypot(camera.origin[0], camera.origin[2]) == pytest.approx(10.0)
    for k, camera in enumerate(cameras):
        if k:
            assert smallest_angle_deg(cameras[:k], [camera]) > 4.9


def test_smallest_angle_is_zero_for_a_common_view_and_known_otherwise() -> None:
    cameras = fibonacci_cameras(8)
    assert smallest_angle_deg(cameras, cameras[3:4]) == 0.0
    assert smallest_angle_deg([Camera((1, 0, 0))], [Camera((0, 0, 1))]) == pytest.approx(90.0)


def test_material_cameras_are_level_in_the_order_of_the_fact_sheet() -> None:
    cameras = material_cameras()
    assert [camera.origin for camera in cameras] == [(0, 2, 10), (0, 2, -10), (10, 2, 0), (-10, 2, 0)]
    assert [round(camera.fov_deg, 6) for camera in cameras] == [28.841546, 39.597755, 39.597755, 39.597755]
    for camera in cameras:
        assert to_world(camera)[1, 2] == pytest.approx(0.0, abs=1e-12)


def test_pose_is_a_rotation_that_looks_at_the_target() -> None:
    camera = Camera((3, 2, -1), target=(0.5, 0, 1))
    pose = to_world(camera)
    rotation = pose[:3, :3]
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    forward = np.subtract(camera.target, camera.origin)
    np.testing.assert_allclose(rotation[:, 2], forward / np.linalg.norm(forward))
    assert rotation[1, 1] > 0  # up stays up


def test_looking_along_up_still_gives_a_rotation_and_coinciding_points_are_refused() -> None:
    rotation = to_world(Camera((0, 5, 0)))[:3, :3]
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
    with pytest.raises(ValueError, match="coincide"):
        to_world(Camera((1, 2, 3), target=(1, 2, 3)))


def test_projection_of_known_points() -> None:
    camera = Camera((0, 0, 5), fov_deg=90.0)  # looks along -z: world +x is to the right
    points = np.array([(0, 0, 0), (5, 0, 0), (0, 2.5, 0), (0, 0, 9)], float)
    pixels = project(camera, points, width=200, height=100)
    np.testing.assert_allclose(pixels[0], (100, 50, 5), atol=1e-9)
    np.testing.assert_allclose(pixels[1], (200, 50, 5), atol=1e-9)
    np.testing.assert_allclose(pixels[2], (100, 0, 5), atol=1e-9)
    assert pixels[3, 2] < 0


def test_projection_agrees_with_the_renderer(variant: str) -> None:
    import mitsuba as mi

    assert variant
    camera = Camera((2.0, 1.5, 4.0), target=(0.2, -0.1, 0.0), fov_deg=40.0)
    sensor = mi.load_dict(
        {
            "type": "perspective",
            "fov": camera.fov_deg,
            "to_world": mi.ScalarTransform4f().look_at(
                origin=list(camera.origin), target=list(camera.target), up=list(camera.up)
            ),
            "film": {"type": "hdrfilm", "width": 48, "height": 32},
        }
    )
    points = np.random.default_rng(0).uniform(-1, 1, (5, 3))
    interaction = mi.Interaction3f()
    interaction.p = mi.Point3f(points.T.astype(np.float32))
    sample, _ = sensor.sample_direction(interaction, mi.Point2f(0.5))
    found = np.array(sample.uv).T
    np.testing.assert_allclose(found, project(camera, points, 48, 32)[:, :2], atol=2e-3)


def test_random_cameras_look_past_the_origin_from_everywhere() -> None:
    cameras = random_cameras(200, np.random.default_rng(1))
    origins = np.array([camera.origin for camera in cameras])
    distance = np.linalg.norm(origins, axis=1)
    assert distance.min() > 3.0 - 0.5 and distance.max() < 3.0 + 0.5
    # everywhere: every octant has its share
    octants = np.unique((origins > 0) @ [1, 2, 4], return_counts=True)[1]
    assert len(octants) == 8 and octants.min() >= 10
    for camera in cameras[:20]:
        pose = to_world(camera)
        assert np.allclose(pose[:3, :3].T @ pose[:3, :3], np.eye(3), atol=1e-9)
        local = pose[:3, :3].T @ (0.0 - pose[:3, 3])  # the origin in left, up, forward
        assert np.abs(local[:2]).max() <= 0.25 + 1e-9 and abs(local[2] - 3.0) <= 0.25 + 1e-9
    again = random_cameras(200, np.random.default_rng(1))
    assert again == cameras


def test_a_turntable_goes_once_around() -> None:
    cameras = turntable_cameras(8)
    origins = np.array([camera.origin for camera in cameras])
    assert np.allclose(np.linalg.norm(origins, axis=1), 3.0)
    assert np.allclose(origins[:, 1], 3.0 * np.sin(0.4))
    assert np.allclose(origins.sum(axis=0)[[0, 2]], 0.0, atol=1e-12)
    assert smallest_angle_deg(cameras, turntable_cameras(8)[1:2]) == 0.0


def test_circling_cameras_keep_distance_and_height_and_go_round() -> None:
    cameras = circling_cameras(8, 5.0, 30.0, height=2.0)
    places = np.array([camera.origin for camera in cameras])
    np.testing.assert_allclose(places[:, 1], 2.0 + 2.5)
    np.testing.assert_allclose(np.linalg.norm(places - [0, 2, 0], axis=1), 5.0)
    np.testing.assert_allclose(places[0], [0, 4.5, 5 * np.cos(np.pi / 6)], atol=1e-12)
    assert places[2, 0] > 0 > places[6, 0]
    assert smallest_angle_deg(cameras[:1], cameras[1:2]) < 45
