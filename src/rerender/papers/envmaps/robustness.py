"""Noise on the weights of a fitted network: does its map survive (Figure 5)?

    W' = W + rel |W| G / |G|,  G standard normal,  for each weight matrix W (biases stay, as in the perturbation of the fit)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from rerender.core.seeds import SeedStream
from rerender.papers.envmaps.fit import FittedMap
from rerender.papers.envmaps.metrics import map_metrics
from rerender.papers.envmaps.siren import named


def noisy(fitted: FittedMap, relative: float, seed: int) -> FittedMap:
    """Return the network with noise of norm `relative` times that of each weight matrix."""
    random = torch.Generator().manual_seed(seed)
    weights = fitted.weights.clone()
    for layer in named(weights, fitted.network).values():
        if layer.ndim >= 2:
            noise = torch.randn(layer.shape, generator=random, dtype=layer.dtype)
            layer += relative * torch.linalg.vector_norm(layer) / torch.linalg.vector_norm(noise) * noise
    return replace(fitted, weights=weights)


def under_noise(
    fitted: FittedMap, initial: np.ndarray, strengths: Sequence[float], draws: int, seeds: SeedStream
) -> dict[float, dict[str, float]]:
    """Return, by strength, the `env/...` metrics of the decoded map, averaged over noise draws.

    Equal seeds draw equal noise for networks of one shape, so representations can be compared pairwise.
    """
    found = {}
    for strength in strengths:
        seen = [
            map_metrics(noisy(fitted, strength, seeds.seed("noise", strength, draw)).decode(), initial)
            for draw in range(draws if strength else 1)
        ]
        found[strength] = {name: float(np.mean([one[name] for one in seen])) for name in seen[0]}
    return found


def noise_variant(strength: float) -> str:
    """Return the `variant` of rows at a strength: `noise_3` is 3 % of each layer's norm."""
    return f"noise_{100 * strength:g}"
