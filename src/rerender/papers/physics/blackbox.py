"""Search without derivatives: the score-function gradient (REINFORCE, Williams 1992) of a Gaussian over the parameters' logarithms.

It stands for the paper's reinforcement learning with a simulator that cannot be differentiated (fact sheet, section 4.1): our own
simulator and renderer, asked for losses alone. A reward is the negative loss; the baseline is the mean over the draws.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import numpy as np
import polars as pl
import torch

from rerender.core.seeds import SeedStream
from rerender.papers.physics.estimation import Estimate, Loss
from rerender.papers.physics.specs import BlackboxSettings
from rerender.simulation.errors import Diverged

WIDTHS = (0.1, 0.01)
"""Standard deviation of the draws in the logarithm, at first and at the end."""


def search_blackbox(
    start: Mapping[str, torch.Tensor], loss: Loss, settings: BlackboxSettings, seeds: SeedStream
) -> Estimate:
    """Search from logarithms `start`, each of shape (1,); the answer is the mean of the last Gaussian."""
    watch, names = time.monotonic(), list(start)
    like = start[names[0]]
    mean = torch.cat([start[name] for name in names]).clone().requires_grad_()
    adam = torch.optim.Adam([mean], lr=settings.lr)
    losses: list[float] = []

    def value(point: torch.Tensor) -> float:
        try:
            with torch.no_grad():
                return float(loss({name: point[index : index + 1] for index, name in enumerate(names)}))
        except Diverged:
            return math.inf

    for iteration in range(settings.iterations):
        share = iteration / max(settings.iterations - 1, 1)
        width = WIDTHS[0] * (WIDTHS[1] / WIDTHS[0]) ** share
        draw = np.random.default_rng(seeds.seed("blackbox", iteration))
        noise = torch.as_tensor(draw.normal(size=(settings.samples, len(names))), dtype=like.dtype)
        seen = np.array([value(mean.detach() + width * row) for row in noise])
        usable = np.isfinite(seen)
        losses.append(float(seen[usable].mean()) if usable.any() else math.inf)
        if usable.sum() < 2 or seen[usable].std() == 0.0:
            continue
        # in units of their spread: pixel losses are tiny, and differ between objects
        advantage = (seen[usable].mean() - seen[usable]) / seen[usable].std()
        score = (torch.as_tensor(advantage, dtype=like.dtype)[:, None] * noise[torch.as_tensor(usable)]).mean(
            0
        )
        mean.grad = -score / width
        adam.step()
    found = {name: mean.detach()[index : index + 1].numpy().copy() for index, name in enumerate(names)}
    last = value(mean.detach())
    return Estimate(
        values=found,
        loss=last,
        first_loss=losses[0],
        evaluations=settings.iterations * settings.samples + 1,
        wall_s=time.monotonic() - watch,
        history=pl.DataFrame({"iteration": range(len(losses) + 1), "loss": [*losses, last]}),
        failed=not math.isfinite(last),
    )
