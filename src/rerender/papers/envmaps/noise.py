"""How a network's map bears noise on its weights (Fig. 5): is it a broad minimum or a narrow one?

To each layer's weight matrix W comes Gaussian noise with the norm rho |W|; biases stay. The map is decoded and
compared with the map that the network was fitted to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from rerender.core.images import srgb_encode
from rerender.core.seeds import SeedStream
from rerender.papers.envmaps.fit import FittedMap
from rerender.papers.envmaps.quality import FitQuality
from rerender.papers.envmaps.siren import named
from rerender.papers.envmaps.specs import NetworkSettings
from rerender.perception.metrics.image import ssim

LEVELS = (0.01, 0.03, 0.1)  # relative norms; the paper's is not published, 0.03 is what section 8 measures
DRAWS = 5


def noisy_weights(weights: Tensor, settings: NetworkSettings, level: float, seed: int) -> Tensor:
    """Return flat weights with Gaussian noise of norm `level` |W| on each weight matrix W; biases as they are.

    The direction of the noise depends on the seed alone, so levels and networks of one shape share it.
    """
    rng = np.random.default_rng(seed)
    noisy = weights.detach().clone()
    for part in named(noisy, settings).values():
        if part.ndim >= 2:
            direction = torch.from_numpy(rng.standard_normal(tuple(part.shape))).to(part)
            part.add_(direction, alpha=float(level * part.norm() / direction.norm()))
    return noisy


@dataclass(frozen=True)
class NoisyQuality:
    """Of maps decoded from noisy weights against the initial map: means over draws, and each draw's own.

    `psnr_srgb` [dB] and `ssim` are of the maps as shown: sRGB-encoded, clamped to [0, 1].
    """

    level: float
    psnr_srgb: float
    ssim: float
    draws: Mapping[str, tuple[float, ...]]


def weight_noise(
    fitted: FittedMap,
    initial: np.ndarray,
    seeds: SeedStream,
    *,
    levels: Sequence[float] = LEVELS,
    draws: int = DRAWS,
) -> list[NoisyQuality]:
    """Return how good the decoded map (H, W, 3) is at each level of noise; level 0 needs one draw only."""
    found = []
    for level in levels:
        columns: dict[str, list[float]] = {"psnr_srgb": [], "ssim": []}
        for draw in range(draws if level else 1):
            decoded = noisy_map(fitted, level, seeds.seed("weight noise", draw))
            columns["psnr_srgb"].append(FitQuality.of(decoded, initial, fitted.normaliser.eps).psnr_srgb)
            columns["ssim"].append(ssim(*(np.clip(srgb_encode(image), 0, 1) for image in (decoded, initial))))
        means = {name: float(np.mean(values)) for name, values in columns.items()}
        found.append(NoisyQuality(level, **means, draws={n: tuple(v) for n, v in columns.items()}))
    return found


def noisy_map(fitted: FittedMap, level: float, seed: int) -> np.ndarray:
    """Return the map that noisy weights decode to, linear radiance, shape (H, W, 3): a picture of Fig. 5."""
    return replace(fitted, weights=noisy_weights(fitted.weights, fitted.network, level, seed)).decode()
