"""Which files a user's capture consists of. Light: the Snakefile asks, so it imports no numerics; `captures` reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rerender.core.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg")
POSES = "poses_bounds.npy"
LAYOUTS = (
    "A capture is a folder with transforms_train.json or transforms.json (NeRF-synthetic), or with "
    f"{POSES} and images/ (LLFF)."
)


def capture_files(folder: Path | str, split: str = "train") -> list[Path]:
    """Return the description, the pictures and the masks of a capture. Raises `UserError` for one that is not whole."""
    folder = Path(folder)
    path = description(folder, split)
    if path.name == POSES:
        pictures = folder_pictures(folder / "images")
    else:
        frames = read_description(path)["frames"]
        pictures = [
            existing_picture(folder / str(frame.get("file_path")), f"{path}, frame {index}")
            for index, frame in enumerate(frames)
            if isinstance(frame, dict)
        ]
    return [path, *pictures, *folder_pictures(folder / "masks")]


def description(folder: Path, split: str) -> Path:
    """Return the file that has the poses: LLFF's before that of NeRF-synthetic captures."""
    if not folder.is_dir():
        raise UserError(f"the capture {folder} is not a folder", LAYOUTS)
    names = (POSES, f"transforms_{split}.json", "transforms.json")
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is None:
        raise UserError(f"{folder} has neither {names[1]} nor {names[2]} nor {POSES}", LAYOUTS)
    return found


def read_description(path: Path) -> dict[str, Any]:
    """Return a NeRF-synthetic description, which has frames."""
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is no JSON: {error}", "Export the capture again.") from error
    if not isinstance(described, dict) or not described.get("frames"):
        raise UserError(
            f"{path} has no frames", "It needs a list 'frames' with file_path and transform_matrix."
        )
    return described


def folder_pictures(folder: Path) -> list[Path]:
    """Return the pictures of a folder in the order of their names; none where there is no folder."""
    return sorted(found for found in folder.glob("*") if found.suffix.lower() in SUFFIXES)


def existing_picture(path: Path, where: str) -> Path:
    """Return a picture that a description names, which may leave out its suffix."""
    for candidate in (path, *(path.with_name(path.name + suffix) for suffix in SUFFIXES)):
        if candidate.is_file() and candidate.suffix.lower() in SUFFIXES:
            return candidate
    raise UserError(f"{where}: there is no picture {path}", f"Its suffix may be {', '.join(SUFFIXES)}.")
