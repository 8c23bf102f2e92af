"""The policies that ∇Sim learns: periodic signals, mixed by one row of weights for each element (section 4.7)."""

from __future__ import annotations

import math

import numpy as np
import torch

from rerender.simulation.particles import ParticleClock

SIGNALS = 8


def policy(
    weights: torch.Tensor, clock: ParticleClock, strength: float, frequency: float, shift: float
) -> torch.Tensor:
    """Return the actuation (steps, E) of weights (E, 8): strength · tanh(W φ(t)), φ_p = sin(frequency t + p shift).

    `frequency` [rad/s], `shift` [rad]; an actuation is a share of an element's volume or area.
    """
    time = torch.arange(clock.steps, dtype=weights.dtype)[:, None] * clock.h
    signals = torch.sin(frequency * time + shift * torch.arange(SIGNALS, dtype=weights.dtype))
    return strength * torch.tanh(signals @ weights.T)


def policy_start(draw: np.random.Generator, elements: int) -> np.ndarray:
    """Draw weights (elements, 8) as torch.nn.Linear begins."""
    bound = 1.0 / math.sqrt(SIGNALS)
    return draw.uniform(-bound, bound, size=(elements, SIGNALS))
