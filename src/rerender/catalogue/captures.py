"""Posed photographs of an object as a user brings them: NeRF-synthetic JSON or an LLFF folder, with masks.

NeRF-synthetic: `transforms_<split>.json` (or `transforms.json`) with `camera_angle_x` [rad] and, a frame, `file_path` and a camera-to-world
`transform_matrix` (x right, y up, looking along -z). LLFF: `poses_bounds.npy`, a row an image: a 3 x 5 matrix with columns down, right,
back, position and (height, width, focal length [px]), then near and far; pictures in `images/`. The mask is the
pictures' alpha channel, or a grey picture of the same name in `masks/`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rerender.catalogue.capture_files import (
    POSES,
    SUFFIXES,
    description,
    existing_picture,
    folder_pictures,
    read_description,
)
from rerender.core.cameras import Camera
from rerender.core.errors import UserError
from rerender.core.images import resize_area, srgb_decode


@dataclass(frozen=True, eq=False)
class Photographs:
    """V pictures of one size with their cameras, y up: `colour` (V, H, W, 3) linear, `alpha` (V, H, W) in [0, 1], float32.

    Colour is not multiplied by alpha, and 0 where alpha is. `names` are the files.
    """

    cameras: tuple[Camera, ...]
    colour: np.ndarray
    alpha: np.ndarray
    names: tuple[str, ...]


def read_photographs(
    folder: Path | str,
    *,
    split: str = "train",
    height: int | None = None,
    every: int = 1,
    square: bool = False,
) -> Photographs:
    """Read a capture; `split` is for NeRF-synthetic folders, `height` [px] reduces pictures, `every` skips some.

    `square` pictures are filled up with empty pixels on both sides of the shorter axis. Worlds of NeRF-synthetic captures are
    z-up and are turned to y-up. LLFF worlds stay as they are; `centred` moves them. Raises `UserError` that names the file
    and what to do about it.
    """
    folder = Path(folder)
    path = description(folder, split)
    if every < 1 or (height is not None and height < 1):
        raise UserError(f"every = {every}, height = {height}", "Both are at least 1.")
    frames = (_llff(folder) if path.name == POSES else _synthetic(folder, path))[::every]
    stack, shapes = [], []
    for frame in frames:  # one at a time, for photographs are large
        picture = _picture(frame.path, folder)
        shapes.append((picture.shape[0], picture.shape[1]))
        _check_size(frames[0], shapes[0], frame, shapes[-1])
        stack.append(_reduced(_squared(picture) if square else picture, height))
    pictures = np.stack(stack)
    taller = max(1.0, shapes[0][0] / shapes[0][1]) if square else 1.0
    return Photographs(
        tuple(replace(frame.camera, fov_deg=_wider(frame.camera.fov_deg, taller)) for frame in frames),
        np.ascontiguousarray(pictures[..., :3]),
        np.ascontiguousarray(pictures[..., 3]),
        tuple(str(frame.path.relative_to(folder)) for frame in frames),
    )


def centred(photographs: Photographs, radius: float = 3.0) -> Photographs:
    """Move the point nearest to all optical axes to the origin, and scale to a mean distance of the cameras of `radius`.

    Raises `UserError` when the axes have no such point, as when all cameras look the same way.
    """
    origins = np.array([camera.origin for camera in photographs.cameras])
    towards = np.array([camera.target for camera in photographs.cameras]) - origins
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    across = np.eye(3) - towards[:, :, None] * towards[:, None, :]
    total = across.sum(axis=0)
    if np.linalg.eigvalsh(total)[0] < 1e-4 * len(origins):
        raise UserError(
            "the cameras look along parallel lines, which meet nowhere",
            "Give a capture that goes around the object.",
        )
    focus = np.linalg.solve(total, np.einsum("nij,nj->i", across, origins))
    scale = radius / float(np.linalg.norm(origins - focus, axis=1).mean())
    cameras = tuple(
        replace(
            camera,
            origin=_vector(scale * (origin - focus)),
            target=_vector(scale * (origin - focus) + towards_one),
        )
        for camera, origin, towards_one in zip(photographs.cameras, origins, towards, strict=True)
    )
    return replace(photographs, cameras=cameras)


@dataclass(frozen=True)
class _Frame:
    path: Path
    camera: Camera
    aspect: float | None = None  # width / height, where the poses say


def _synthetic(folder: Path, path: Path) -> list[_Frame]:
    """Read a NeRF-synthetic description."""
    described = read_description(path)
    fov_deg = _field_of_view(described, path)
    return [
        _synthetic_frame(folder, path, index, frame, fov_deg)
        for index, frame in enumerate(described["frames"])
    ]


def _field_of_view(described: dict[str, Any], path: Path) -> float:
    angle = described.get("camera_angle_x")
    if angle is None and {"fl_x", "w"} <= described.keys():
        angle = 2.0 * math.atan(0.5 * float(described["w"]) / float(described["fl_x"]))
    if not isinstance(angle, int | float) or not 0.0 < float(angle) < math.pi:
        raise UserError(
            f"{path}: camera_angle_x is {angle!r}",
            "It is the horizontal field of view in radians, between 0 and 3.14 (or give fl_x and w in pixels).",
        )
    return math.degrees(float(angle))


def _synthetic_frame(folder: Path, path: Path, index: int, frame: Any, fov_deg: float) -> _Frame:
    where = f"{path}, frame {index}"
    if not isinstance(frame, dict) or not {"file_path", "transform_matrix"} <= frame.keys():
        raise UserError(f"{where} lacks file_path or transform_matrix", "Export the capture again.")
    try:
        matrix = np.array(frame["transform_matrix"], dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.shape not in ((4, 4), (3, 4)):
        raise UserError(f"{where}: transform_matrix is not 4 x 4 numbers", "Export the capture again.")
    turned = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]) @ matrix[:3]  # z-up to y-up
    camera = _camera(turned[:, 0], turned[:, 1], turned[:, 2], turned[:, 3], fov_deg, where)
    return _Frame(existing_picture(folder / str(frame["file_path"]), where), camera)


def _llff(folder: Path) -> list[_Frame]:
    """Read an LLFF description."""
    path = folder / POSES
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(
            f"cannot read {path}: {error}", "Export the poses again, as a plain array."
        ) from error
    if rows.ndim != 2 or rows.shape[1] != 17 or not len(rows):
        raise UserError(f"{path} has shape {rows.shape}", "It needs a row of 17 numbers an image.")
    pictures = folder_pictures(folder / "images")
    if len(pictures) != len(rows):
        raise UserError(
            f"{path} has {len(rows)} poses, {folder / 'images'} has {len(pictures)} pictures",
            f"There is one pose a picture, in the order of their names ({', '.join(SUFFIXES)}).",
        )
    frames = []
    for index, (row, picture) in enumerate(zip(rows, pictures, strict=True)):
        matrix = row[:15].reshape(3, 5)
        down, right, back, position = matrix[:, :4].T
        height, width, focal = matrix[:, 4]
        where = f"{path}, row {index}"
        if not min(height, width, focal) > 0:
            raise UserError(
                f"{where}: height {height:g}, width {width:g}, focal length {focal:g}",
                "All are positive, in pixels.",
            )
        fov_deg = math.degrees(2.0 * math.atan(0.5 * float(width) / float(focal)))
        camera = _camera(right, -down, back, position, fov_deg, where)
        frames.append(_Frame(picture, camera, float(width) / float(height)))
    return frames


def _camera(
    right: np.ndarray, up: np.ndarray, back: np.ndarray, position: np.ndarray, fov_deg: float, where: str
) -> Camera:
    """Return a camera from its axes in the world, of any common length."""
    axes = np.stack([right, up, back], axis=1)
    scale = np.cbrt(np.linalg.det(axes)) if np.isfinite(axes).all() else 0.0
    straight = scale > 1e-9 and np.allclose(axes.T @ axes, scale**2 * np.eye(3), atol=1e-3 * scale**2)
    if not straight or not np.isfinite(position).all():
        raise UserError(
            f"{where}: the pose is no rotation and place",
            "Its first three columns must be perpendicular, of one length, and right-handed.",
        )
    return Camera(
        _vector(position), target=_vector(position - back / scale), up=_vector(up / scale), fov_deg=fov_deg
    )


def _picture(path: Path, folder: Path) -> np.ndarray:
    """Return linear colour and alpha, float32 (H, W, 4)."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            has_alpha = image.mode in ("RGBA", "LA") or "transparency" in image.info
            pixels = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255.0
    except (OSError, UnidentifiedImageError) as error:
        raise UserError(f"cannot read the picture {path}: {error}", "Export it again as .png.") from error
    colour, alpha = srgb_decode(pixels[..., :3]), pixels[..., 3]
    if not has_alpha:
        alpha = _mask(path, folder, (pixels.shape[0], pixels.shape[1]))
    if not alpha.any():
        raise UserError(f"the mask of {path} is empty: the object is nowhere", "Leave this picture out.")
    return np.concatenate([np.where(alpha[..., None] > 0.0, colour, 0.0), alpha[..., None]], axis=-1)


def _mask(path: Path, folder: Path, shape: tuple[int, int]) -> np.ndarray:
    """Return the mask in `masks/` of a picture without alpha channel."""
    from PIL import Image

    candidates = [folder / "masks" / (path.stem + suffix) for suffix in SUFFIXES]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        raise UserError(
            f"the picture {path} has no alpha channel, and there is no {candidates[0]}",
            "Materials are fitted to a masked object: save pictures as .png with transparency, or put grey masks there.",
        )
    with Image.open(found) as image:
        mask = np.asarray(image.convert("L"), dtype=np.float32) / 255.0
    if mask.shape != shape:
        raise UserError(
            f"the mask {found} is {mask.shape[1]} x {mask.shape[0]} pixels, its picture {shape[1]} x {shape[0]}",
            "They must be of one size.",
        )
    return mask


def _check_size(first: _Frame, size: tuple[int, int], frame: _Frame, own: tuple[int, int]) -> None:
    """Raise `UserError` unless a picture (height, width) is of the first one's size, and of the shape that its pose says."""
    if own != size:
        raise UserError(
            f"the pictures have different sizes: {first.path} is {size[1]} x {size[0]}, {frame.path} {own[1]} x {own[0]}",
            "Resize or leave out those that differ; cropping would move the camera's axis.",
        )
    if frame.aspect is not None and abs(frame.aspect * own[0] / own[1] - 1.0) > 0.01:
        raise UserError(
            f"{frame.path} is {own[1]} x {own[0]}, but its pose says width / height = {frame.aspect:.3f}",
            "Undo the crop, or write the poses for these pictures.",
        )


def _squared(picture: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, C) in the middle of an empty square; every pixel becomes four where it would lie off centre by a half."""
    if (picture.shape[0] - picture.shape[1]) % 2:
        picture = picture.repeat(2, axis=0).repeat(2, axis=1)
    height, width = picture.shape[:2]
    side = max(height, width)
    rows, columns = (side - height) // 2, (side - width) // 2
    return np.pad(picture, ((rows, rows), (columns, columns), (0, 0)))


def _wider(fov_deg: float, ratio: float) -> float:
    """Return the field of view [deg] of a picture that is `ratio` times as wide."""
    return math.degrees(2.0 * math.atan(ratio * math.tan(math.radians(fov_deg) / 2.0)))


def _reduced(picture: np.ndarray, height: int | None) -> np.ndarray:
    """Average over areas, colour weighted by alpha. Pictures are never enlarged."""
    if height is None or height >= len(picture):
        return picture.astype(np.float32)
    width = max(1, round(picture.shape[1] * height / len(picture)))
    alpha = picture[..., 3:]
    small = resize_area(np.concatenate([picture[..., :3] * alpha, alpha], axis=-1), height, width)
    colour = np.divide(
        small[..., :3], small[..., 3:], out=np.zeros_like(small[..., :3]), where=small[..., 3:] > 0.0
    )
    return np.concatenate([colour, small[..., 3:]], axis=-1).astype(np.float32)


def _vector(values: np.ndarray) -> tuple[float, float, float]:
    return (float(values[0]), float(values[1]), float(values[2]))
