"""The strip of views that a run's video and its overview figure show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rerender.core.images import to_uint8

if TYPE_CHECKING:
    import torch

STRIP = 4


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
