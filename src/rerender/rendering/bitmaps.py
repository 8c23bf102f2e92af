"""Reading and writing images: EXR (linear) with OpenEXR, HDR, PFM, PNG and JPG with Mitsuba's bitmaps.

EXR does not go through Mitsuba 3.9.1: under load its bundled OpenEXR 2.5 thread pool often waits for ever
(docs/known-differences.md).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rerender.core.errors import UserError
from rerender.core.files import atomic_path

_AGAIN = "Fetch or export the file again."


def read_image(path: Path | str) -> np.ndarray:
    """Read an image as linear float32 RGB, shape (H, W, 3); 8-bit sRGB files are decoded.

    Raises `UserError` when the file is missing, truncated or not an image. Formats other than EXR need a
    Mitsuba variant.
    """
    if not Path(path).is_file():
        raise UserError(f"the image {path} does not exist", _AGAIN)
    try:
        return _read_exr(path) if str(path).lower().endswith(".exr") else _read_bitmap(path)
    except (RuntimeError, ValueError) as error:
        reason = (str(error).strip() or "damaged file").splitlines()[-1]
        raise UserError(f"cannot read the image {path}: {reason}", _AGAIN) from error


def write_exr(path: Path | str, radiance: np.ndarray) -> None:
    """Write linear radiance, shape (H, W, 3), as a float32 EXR, atomically."""
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with atomic_path(path) as partial:
        pixels = {"RGB": np.ascontiguousarray(radiance, dtype=np.float32)}
        with OpenEXR.File(header, pixels) as file:
            file.write(str(partial))


def _read_exr(path: Path | str) -> np.ndarray:
    import OpenEXR

    with OpenEXR.File(str(path)) as file:
        channels = file.channels()
        for name in ("RGB", "RGBA"):
            if name in channels:
                return np.asarray(channels[name].pixels[..., :3], dtype=np.float32).copy()
        grey = next(iter(channels.values())).pixels
    return np.repeat(np.asarray(grey, dtype=np.float32)[..., None], 3, axis=-1)


def _read_bitmap(path: Path | str) -> np.ndarray:
    import mitsuba as mi

    bitmap = mi.Bitmap(str(path))
    converted = bitmap.convert(mi.Bitmap.PixelFormat.RGB, mi.Struct.Type.Float32, srgb_gamma=False)
    return np.array(converted, dtype=np.float32)
