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

from rerender.core.seeds import SeedStream
from rerender.papers.envmaps.fit import FittedMap
from rerender.papers.envmaps.metrics import map_metrics
from rerender.papers.envmaps.siren import named
from rerender.papers.envmaps.specs import NetworkSettings


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
    """Metrics `env/...` of maps decoded from noisy weights against the initial map: those of each draw."""

    level: float
    draws: tuple[Mapping[str, float], ...]

    @property
    def mean(self) -> dict[str, float]:
        """Means over the draws by metric."""
        return {name: float(np.mean([draw[name] for draw in self.draws])) for name in self.draws[0]}


def weight_noise(
    fitted: FittedMap, initial: np.ndarray, seeds: SeedStream, *, levels: Sequence[float], draws: int
) -> list[NoisyQuality]:
    """Return how good the decoded map (H, W, 3) is at each level of noise; level 0 needs one draw only."""
    return [
        NoisyQuality(
            level,
            tuple(
                map_metrics(noisy_map(fitted, level, seeds.seed(draw)), initial)
                for draw in range(draws if level else 1)
            ),
        )
        for level in levels
    ]


def noisy_map(fitted: FittedMap, level: float, seed: int) -> np.ndarray:
    """Return the map that noisy weights decode to, linear radiance, shape (H, W, 3): a picture of Fig. 5."""
    return replace(fitted, weights=noisy_weights(fitted.weights, fitted.network, level, seed)).decode()
