"""The loss for goals that the object does not overlap yet: squared errors of blurred copies, each over the goal's energy.

L = Σ_k |B_k(I) − B_k(G)|² / |B_k(G)|²,   B_k the identity and Gaussian blurs (fact sheet, section 6.4)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

BLURS = (1.0 / 32, 1.0 / 16, 1.0 / 8, 1.0 / 4)
"""Standard deviations of the blurs, as shares of the image's side: 2, 4, 8 and 16 px at 64."""


def pyramid_loss(image: torch.Tensor, goal: torch.Tensor, blurs: Sequence[float] = BLURS) -> torch.Tensor:
    """Return the loss between two square images (S, S, C); `blurs` are standard deviations as shares of S."""
    total = _share(image, goal)
    for share in blurs:
        total = total + _share(blurred(image, share), blurred(goal, share))
    return total


def blurred(image: torch.Tensor, share: float) -> torch.Tensor:
    """Blur images (…, S, S, C) by a Gaussian of `share` of their side; they are black beyond their border."""
    size = image.shape[-2]
    place = torch.arange(size, dtype=image.dtype, device=image.device)
    weights = torch.exp(-0.5 * ((place[:, None] - place) / (share * size)) ** 2)
    weights = weights / weights[size // 2].sum()
    # one axis after the other: together they would be a matrix of size⁴
    rows = torch.einsum("ia,...abc->...ibc", weights, image)
    return torch.einsum("jb,...ibc->...ijc", weights, rows)


def _share(image: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
    return ((image - goal) ** 2).sum() / (goal**2).sum()
