"""Captures that a user brings: cameras land where they were, pictures and masks are read, and what is wrong is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.catalogue.photographs import HEIGHT, WIDTH, llff, picture, synthetic

from rerender.catalogue.capture_files import capture_files
from rerender.catalogue.captures import centred, read_photographs
from rerender.core.cameras import Camera, project, random_cameras, turntable_cameras
from rerender.core.errors import UserError
from rerender.core.images import srgb_decode

POINTS = np.random.default_rng(0).uniform(-0.5, 0.5, (10, 3))


@pytest.mark.parametrize("write", [synthetic, llff])
def test_cameras_and_pictures_come_back(tmp_path: Path, write: Any) -> None:
    cameras = random_cameras(3, np.random.default_rng(1))
    found = read_photographs(write(tmp_path / "capture", cameras))
    assert found.colour.shape == (3, HEIGHT, WIDTH, 3) and found.alpha.shape == (3, HEIGHT, WIDTH)
    for ours, theirs in zip(found.cameras, cameras, strict=True):
        expected = project(theirs, POINTS, WIDTH, HEIGHT)
        np.testing.assert_allclose(project(ours, POINTS, WIDTH, HEIGHT), expected, atol=1e-6)
    for index in range(3):
        inside = found.alpha[index] > 0.5
        assert inside.sum() == 24
        np.testing.assert_allclose(
            found.colour[index][inside], srgb_decode(np.float32((100 + index) / 255.0)), rtol=1e-5
        )
        assert not found.colour[index][~inside].any()


def test_pictures_shrink_with_their_masks_and_some_can_be_skipped(tmp_path: Path) -> None:
    folder = synthetic(tmp_path / "capture", turntable_cameras(4))
    found = read_photographs(folder, height=4, every=2)
    assert found.colour.shape == (2, 4, 6, 3)
    assert found.names == ("train/r_0.png", "train/r_2.png")
    edge = found.alpha[0]
    assert edge.min() == 0.0 and edge.max() == 1.0 and edge.mean() == pytest.approx(0.25)
    # colour is that of the object, also in pixels that it fills by half
    some = edge > 0.0
    np.testing.assert_allclose(found.colour[0][some], srgb_decode(np.float32(100 / 255.0)), rtol=1e-5)
    assert read_photographs(folder, height=64).colour.shape[1] == HEIGHT


@pytest.mark.parametrize("size", [(8, 12), (12, 8), (9, 12), (12, 7)])
def test_square_pictures_see_the_same(tmp_path: Path, size: tuple[int, int]) -> None:
    """The middle of the object's mask, and every projected point, stay where they are."""
    camera = turntable_cameras(1)
    folder = synthetic(tmp_path / "capture", camera, [picture(90, size)])
    height, width = size
    plain, square = (read_photographs(folder, height=24, square=one) for one in (False, True))
    side = square.alpha.shape[1]
    assert square.alpha.shape == (1, side, side) and side == (24 if (height - width) % 2 else 12)
    ratio = side / max(height, width)
    expected = ratio * (
        project(plain.cameras[0], POINTS, width, height)[:, :2]
        + [(max(size) - width) / 2, (max(size) - height) / 2]
    )
    np.testing.assert_allclose(project(square.cameras[0], POINTS, side, side)[:, :2], expected, atol=1e-9)
    assert square.alpha.sum() == pytest.approx(ratio**2 * plain.alpha.sum())
    for axis, length in ((0, height), (1, width)):
        middles = [np.mean(np.nonzero(one.alpha[0])[axis]) + 0.5 for one in (plain, square)]
        assert middles[1] == pytest.approx(ratio * (middles[0] + (max(size) - length) / 2))


def test_the_files_of_a_capture_are_listed_without_reading_pictures(tmp_path: Path) -> None:
    first = synthetic(tmp_path / "first", turntable_cameras(2))
    names = ["transforms_train.json", "train/r_0.png", "train/r_1.png"]
    assert capture_files(first) == [first / name for name in names]
    second = llff(tmp_path / "second", turntable_cameras(2))
    names = [
        "poses_bounds.npy",
        *(f"{kind}/p00{index}.png" for kind in ("images", "masks") for index in (0, 1)),
    ]
    assert capture_files(second) == [second / name for name in names]
    (first / "train" / "r_1.png").unlink()
    with pytest.raises(UserError, match="frame 1: there is no picture"):
        capture_files(first)


def test_a_capture_can_be_centred_on_what_it_looks_at(tmp_path: Path) -> None:
    away = np.array([4.0, -2.0, 7.0])
    moved = tuple(
        Camera(
            tuple(2.0 * np.array(camera.origin) + away),  # type: ignore[arg-type]
            target=tuple(away),  # type: ignore[arg-type]
        )
        for camera in turntable_cameras(5)
    )
    found = centred(read_photographs(llff(tmp_path / "capture", moved)))
    for ours, theirs in zip(found.cameras, turntable_cameras(5), strict=True):
        np.testing.assert_allclose(ours.origin, theirs.origin, atol=1e-6)
        np.testing.assert_allclose(
            project(ours, POINTS, WIDTH, HEIGHT), project(theirs, POINTS, WIDTH, HEIGHT), atol=1e-6
        )
    same_way = tuple(Camera((x, 0.0, 3.0), target=(x, 0.0, 0.0)) for x in (0.0, 1.0))
    with pytest.raises(UserError, match="parallel lines"):
        centred(read_photographs(llff(tmp_path / "parallel", same_way)))


def broken(folder: Path, name: str) -> None:
    """Spoil a NeRF-synthetic capture."""
    path = folder / "transforms_train.json"
    described = json.loads(path.read_text(encoding="utf-8"))
    frame = described["frames"][1]
    match name:
        case "size":
            picture(9, size=(HEIGHT, WIDTH + 2)).save(folder / "train" / "r_1.png")
        case "alpha":
            picture(9).convert("RGB").save(folder / "train" / "r_1.png")
        case "empty":
            Image.new("RGBA", (WIDTH, HEIGHT)).save(folder / "train" / "r_1.png")
        case "damaged":
            (folder / "train" / "r_1.png").write_bytes(b"no picture")
        case "missing":
            frame["file_path"] = "./train/r_7"
        case "angle":
            described["camera_angle_x"] = 45
        case "matrix":
            frame["transform_matrix"] = [[1, 2], [3, 4]]
        case "skewed":
            frame["transform_matrix"][0][0] += 0.5
        case "mirrored":
            for row in frame["transform_matrix"][:3]:
                row[0] *= -1.0
        case "frames":
            described["frames"] = []
        case "keys":
            del frame["file_path"]
    path.write_text(json.dumps(described), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("size", r"different sizes: .*r_0.png is 12 x 8, .*r_1.png 14 x 8"),
        ("alpha", "r_1.png has no alpha channel"),
        ("empty", "the mask of .*r_1.png is empty"),
        ("damaged", "cannot read the picture .*r_1.png"),
        ("missing", "frame 1: there is no picture .*r_7"),
        ("angle", "camera_angle_x is 45"),
        ("matrix", "frame 1: transform_matrix is not 4 x 4"),
        ("skewed", "frame 1: the pose is no rotation"),
        ("mirrored", "frame 1: the pose is no rotation"),
        ("frames", "has no frames"),
        ("keys", "frame 1 lacks file_path"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, complaint: str) -> None:
    folder = synthetic(tmp_path / "capture", turntable_cameras(2))
    broken(folder, name)
    with pytest.raises(UserError, match=complaint):
        read_photographs(folder)


def test_llff_folders_that_do_not_fit_are_named(tmp_path: Path) -> None:
    folder = llff(tmp_path / "few", turntable_cameras(3))
    (folder / "images" / "p002.png").unlink()
    with pytest.raises(UserError, match=r"3 poses, .* 2 pictures"):
        read_photographs(folder)
    cropped = llff(tmp_path / "cropped", turntable_cameras(1))
    poses = np.load(cropped / "poses_bounds.npy")
    poses[0, 4] *= 1.2  # height
    np.save(cropped / "poses_bounds.npy", poses)
    with pytest.raises(UserError, match="its pose says width / height"):
        read_photographs(cropped)
    masks = llff(tmp_path / "masks", turntable_cameras(1))
    Image.new("L", (3, 3), 255).save(masks / "masks" / "p000.png")
    with pytest.raises(UserError, match="is 3 x 3 pixels, its picture 12 x 8"):
        read_photographs(masks)
    with pytest.raises(UserError, match="is not a folder"):
        read_photographs(tmp_path / "nothing")
    (tmp_path / "bare").mkdir()
    with pytest.raises(
        UserError, match=r"neither transforms_train\.json nor transforms\.json nor poses_bounds\.npy"
    ):
        read_photographs(tmp_path / "bare")
