"""The strip of views that a run's video and its overview figure show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rerender.core.images import resize_area, srgb_encode, to_uint8

if TYPE_CHECKING:
    import torch

STRIP = 4
MAX_TEXTURE = 240
"""Rows of a texture in a video, at most: a run of the paper tier keeps more than a hundred of them."""


def strip_views(n_views: int) -> list[int]:
    """Return up to four views, spread evenly over all."""
    count = min(STRIP, n_views)
    return [i * n_views // count for i in range(count)]


def strip(radiance: torch.Tensor) -> np.ndarray:
    """Put tone-mapped views (K, H, W, 3) side by side: uint8 (H, K*W, 3)."""
    import torch  # here, because figures only ask which views there are

    from rerender.rendering.tonemap import reinhard_srgb

    with torch.no_grad():
        images = reinhard_srgb(radiance).cpu().numpy()
    return to_uint8(np.concatenate(list(images), axis=1))


def texture_picture(linear: torch.Tensor) -> np.ndarray:
    """Return a linear texture (h, w, 3) as a display image uint8, reduced to at most 240 rows."""
    values = linear.detach().cpu().numpy().astype(np.float32)
    height, width = values.shape[:2]
    if height > MAX_TEXTURE:
        values = resize_area(values, MAX_TEXTURE, round(width * MAX_TEXTURE / height))
    return to_uint8(srgb_encode(np.clip(values, 0.0, 1.0)))
