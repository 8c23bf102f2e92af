"""Captures that a user brings: cameras land where they were, pictures and masks are read, and what is wrong is named."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rerender.catalogue.captures import centred, read_photographs
from rerender.core.cameras import Camera, project, random_cameras, to_world, turntable_cameras
from rerender.core.errors import UserError
from rerender.core.images import srgb_decode

POINTS = np.random.default_rng(0).uniform(-0.5, 0.5, (10, 3))
WIDTH, HEIGHT = 12, 8


def opengl(camera: Camera) -> np.ndarray:
    """Return right, up, back, position as columns."""
    pose = to_world(camera)
    return np.stack([-pose[:3, 0], pose[:3, 1], -pose[:3, 2], pose[:3, 3]], axis=1)


def picture(value: int, alpha: bool = True, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Image.Image:
    pixels = np.full((*size, 4), value, dtype=np.uint8)
    pixels[..., 3] = 0
    pixels[2:6, 3:9, 3] = 255
    return Image.fromarray(pixels if alpha else pixels[..., :3].copy())


def synthetic(folder: Path, cameras: tuple[Camera, ...], **changes: Any) -> Path:
    """Write a capture whose world has z up: (x, y, z) here is (x, -z, y) there."""
    (folder / "train").mkdir(parents=True)
    up = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    frames = []
    for index, camera in enumerate(cameras):
        picture(100 + index).save(folder / "train" / f"r_{index}.png")
        matrix = np.vstack([up @ opengl(camera), [0, 0, 0, 1]])
        frames.append({"file_path": f"./train/r_{index}", "transform_matrix": matrix.tolist()})
    described = {"camera_angle_x": math.radians(45.0), "frames": frames, **changes}
    (folder / "transforms_train.json").write_text(json.dumps(described), encoding="utf-8")
    return folder


def llff(folder: Path, cameras: tuple[Camera, ...], scale: int = 4) -> Path:
    """Write a capture whose poses are for pictures `scale` times as large."""
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    rows = []
    for index, camera in enumerate(cameras):
        picture(100 + index, alpha=False).save(folder / "images" / f"p{index:03d}.png")
        picture(0).getchannel("A").save(folder / "masks" / f"p{index:03d}.png")
        right, up, back, position = opengl(camera).T
        focal = 0.5 * scale * WIDTH / math.tan(math.radians(camera.fov_deg) / 2.0)
        matrix = np.stack([-up, right, back, position, [scale * HEIGHT, scale * WIDTH, focal]], axis=1)
        rows.append([*matrix.ravel(), 1.0, 5.0])
    np.save(folder / "poses_bounds.npy", np.array(rows))
    return folder


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
            picture(9, alpha=False).save(folder / "train" / "r_1.png")
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
