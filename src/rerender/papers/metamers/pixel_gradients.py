"""What the loss asks of the pixels: d loss / d image of the observed views, kept from the steps that render them anyway.

A view's gradient is that of its own loss for brightening a pixel (all channels alike), times the number of pixels of a view:
a density, which does not depend on the resolution. For pixel MAE it lies between -1 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from rerender.papers.metamers.gradient_pictures import encode

Floats = npt.NDArray[np.float32]


class PixelGradients:
    """The latest gradient of each of some views, (K, H, W) in all; zero until the view was rendered."""

    def __init__(self, views: Sequence[int], image_size: int) -> None:
        self.views = tuple(views)
        self.size = image_size
        self.latest: dict[int, torch.Tensor] = {}

    def keep(self, display: torch.Tensor, views: Sequence[int]) -> None:
        """Take the gradients of a mean loss over `views` from display images (R N, H, W, 3), after the backward pass.

        R renders of the same N views count together. Only what belongs to the observed views is copied.
        """
        if display.grad is None:
            return
        places = {view: place for place, view in enumerate(views) if view in self.views}
        for view, place in places.items():
            own = display.grad[place :: len(views)].sum(dim=(0, 3))
            self.latest[view] = own * float(len(views) * own.numel())

    def array(self) -> Floats:
        """Return the gradients, float32 (K, H, W)."""
        blank = torch.zeros(self.size, self.size)
        parts = [self.latest.get(view, blank).detach().cpu().float() for view in self.views]
        found: Floats = torch.stack(parts).numpy()
        return found

    def load(self, array: npt.NDArray[np.floating]) -> None:
        """Take over what `array` gave."""
        self.latest = {
            view: torch.from_numpy(np.array(values, dtype=np.float32))
            for view, values in zip(self.views, array, strict=True)
        }

    def strip(self) -> tuple[npt.NDArray[np.uint8], float]:
        """Return the gradients side by side as a picture uint8 (H, K W), and its scale."""
        return encode(np.concatenate(list(self.array()), axis=1))
