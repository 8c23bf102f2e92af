"""The strip of views that a run's video and its overview figure show."""

from __future__ import annotations

import numpy as np
import torch

from rerender.core.images import to_uint8
from rerender.rendering.tonemap import reinhard_srgb

STRIP = 4


def strip_views(n_views: int) -> list[int]:
    """Return up to four views, spread evenly over all."""
    count = min(STRIP, n_views)
    return [i * n_views // count for i in range(count)]


def strip(radiance: torch.Tensor) -> np.ndarray:
    """Put tone-mapped views (K, H, W, 3) side by side: uint8 (H, K*W, 3)."""
    with torch.no_grad():
        images = reinhard_srgb(radiance).cpu().numpy()
    return to_uint8(np.concatenate(list(images), axis=1))
