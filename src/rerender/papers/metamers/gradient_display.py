"""How a derivative of an image is shown: its length, or the sign of its luminance (metamers fact sheet, section 6.4)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

LUMINANCE = (0.2126, 0.7152, 0.0722)
SMALLEST_RMS = 1e-8


def magnitude(gradient: npt.NDArray[np.floating]) -> Floats:
    """Return the length over channels relative to its root mean square, clipped to [0, 1]: (H, W)."""
    lengths = np.linalg.norm(np.asarray(gradient, dtype=np.float32), axis=-1)
    scaled: Floats = np.clip(lengths / max(float(np.sqrt(np.mean(lengths**2))), SMALLEST_RMS), 0, 1)
    return scaled


def signed(gradient: npt.NDArray[np.floating]) -> Floats:
    """Return the luminance relative to its root mean square as a picture (H, W, 3): brighter is red, darker blue, nothing grey."""
    luminance = np.asarray(gradient, dtype=np.float32) @ np.array(LUMINANCE, dtype=np.float32)
    scaled = np.clip(luminance / max(float(np.sqrt(np.mean(luminance**2))), SMALLEST_RMS), -1, 1)
    shown: Floats = 0.5 + 0.5 * np.stack(
        [np.maximum(scaled, 0), np.zeros_like(scaled), np.maximum(-scaled, 0)], axis=-1
    ).astype(np.float32)
    return shown
