"""Signed values as bytes, for frames of gradients: 128 is zero, 127 to either side a scale that stands beside the picture.

The bytes hold roots, which leaves small values their digits. NumPy only: videos read them without torch.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
MIDDLE, REACH = 128, 127


def encode(values: Floats) -> tuple[npt.NDArray[np.uint8], float]:
    """Return signed values as bytes about 128, and the value that 127 to either side stands for."""
    scale = float(np.abs(values).max(initial=0.0))
    if not np.isfinite(scale) or scale == 0.0:
        return np.full(values.shape, MIDDLE, np.uint8), 0.0
    root = np.sign(values) * np.sqrt(np.abs(values) / scale)
    return (np.rint(root * REACH) + MIDDLE).astype(np.uint8), scale


def decode(picture: npt.NDArray[np.uint8], scale: float) -> Floats:
    """Return the values of a picture, to 1 % of the scale or better."""
    root = (picture.astype(np.float32) - MIDDLE) / REACH
    values: Floats = np.sign(root) * np.square(root) * np.float32(scale)
    return values
