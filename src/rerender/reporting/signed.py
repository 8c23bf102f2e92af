"""Signed maps: blue below zero, white at zero, red above, on a symmetric scale that the caller fixes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8]
COLOURS = "RdBu_r"


def coloured(values: npt.NDArray[Any], limit: float) -> Frame:
    """Colour values (H, W) on the scale -limit … limit; what lies outside has the end colours."""
    from matplotlib import colormaps

    shares = 0.5 + 0.5 * np.clip(np.asarray(values, np.float32) / limit, -1.0, 1.0)
    picture: Frame = colormaps[COLOURS](shares, bytes=True)[..., :3]
    return picture


def ramp(width: int, height: int) -> Frame:
    """Return the colour bar of the scale, (height, width, 3), its ends left and right."""
    return coloured(np.tile(np.linspace(-1.0, 1.0, width), (height, 1)), 1.0)
