"""Captures as a user has them, written from known cameras and pictures: both formats."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rerender.core.cameras import Camera, to_world

WIDTH, HEIGHT = 12, 8
Pictures = Sequence[Image.Image] | None


def opengl(camera: Camera) -> np.ndarray:
    """Return right, up, back, position as columns."""
    pose = to_world(camera)
    return np.stack([-pose[:3, 0], pose[:3, 1], -pose[:3, 2], pose[:3, 3]], axis=1)


def picture(value: int, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Image.Image:
    """Return a grey picture whose mask is a rectangle."""
    pixels = np.full((*size, 4), value, dtype=np.uint8)
    pixels[..., 3] = 0
    pixels[2:6, 3:9, 3] = 255
    return Image.fromarray(pixels)


def greys(count: int) -> list[Image.Image]:
    """Return pictures of different greys."""
    return [picture(100 + index) for index in range(count)]


def synthetic(folder: Path, cameras: tuple[Camera, ...], pictures: Pictures = None, **changes: Any) -> Path:
    """Write a capture whose world has z up: (x, y, z) here is (x, -z, y) there."""
    (folder / "train").mkdir(parents=True)
    up = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    frames = []
    for index, (camera, shown) in enumerate(zip(cameras, pictures or greys(len(cameras)), strict=True)):
        shown.save(folder / "train" / f"r_{index}.png")
        matrix = np.vstack([up @ opengl(camera), [0, 0, 0, 1]])
        frames.append({"file_path": f"./train/r_{index}", "transform_matrix": matrix.tolist()})
    described = {"camera_angle_x": math.radians(cameras[0].fov_deg), "frames": frames, **changes}
    (folder / "transforms_train.json").write_text(json.dumps(described), encoding="utf-8")
    return folder


def llff(folder: Path, cameras: tuple[Camera, ...], pictures: Pictures = None, *, scale: int = 4) -> Path:
    """Write a capture with masks of its own, whose poses are for pictures `scale` times as large."""
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    rows = []
    for index, (camera, shown) in enumerate(zip(cameras, pictures or greys(len(cameras)), strict=True)):
        shown.convert("RGB").save(folder / "images" / f"p{index:03d}.png")
        shown.getchannel("A").save(folder / "masks" / f"p{index:03d}.png")
        right, up, back, position = opengl(camera).T
        width, height = (scale * side for side in shown.size)
        focal = 0.5 * width / math.tan(math.radians(camera.fov_deg) / 2.0)
        matrix = np.stack([-up, right, back, position, [height, width, focal]], axis=1)
        rows.append([*matrix.ravel(), 1.0, 5.0])
    np.save(folder / "poses_bounds.npy", np.array(rows))
    return folder
