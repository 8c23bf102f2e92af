"""Reading and writing images through Mitsuba's bitmaps: EXR, HDR, PFM (linear) and PNG, JPG (display)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rerender.core.errors import UserError
from rerender.core.files import atomic_path


def read_image(path: Path | str) -> np.ndarray:
    """Read an image as linear float32 RGB, shape (H, W, 3); 8-bit sRGB files are decoded.

    Raises `UserError` when the file is missing, truncated or not an image. Needs a Mitsuba variant.
    """
    import mitsuba as mi

    try:
        bitmap = mi.Bitmap(str(path))
        converted = bitmap.convert(mi.Bitmap.PixelFormat.RGB, mi.Struct.Type.Float32, srgb_gamma=False)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise UserError(f"cannot read the image {path}: {reason}", "Fetch or export the file again.") from error
    return np.array(converted, dtype=np.float32)


def write_exr(path: Path | str, radiance: np.ndarray) -> None:
    """Write linear radiance, shape (H, W, 3), as a float32 EXR, atomically."""
    import mitsuba as mi

    with atomic_path(path) as partial:
        mi.Bitmap(np.ascontiguousarray(radiance, np.float32)).write(str(partial))
