"""An evolution strategy for scores without gradients: the best camera so far has offspring whose spread shrinks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

OFFSPRING = 12
SHRINK = 0.7


@dataclass(frozen=True)
class Range:
    """Bounds of a camera's numbers, each (K,), and the standard deviations of the first offspring."""

    low: np.ndarray
    high: np.ndarray
    edges: np.ndarray

    def clip(self, cameras: np.ndarray) -> np.ndarray:
        """Move cameras (..., K) into the bounds."""
        return np.asarray(np.clip(cameras, self.low, self.high))


def evolved(
    score: Callable[[np.ndarray], np.ndarray],
    cameras: np.ndarray,
    scores: np.ndarray,
    evaluations: int,
    within: Range,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Improve each of the cameras (N, K) on its own; return them and their scores (N,).

    `score` maps (M, K) to (M,). Steps are normal and come in pairs of opposite ones. A round of all cameras is scored at
    once, which is why it replaces a simplex. `evaluations` scores are made for each camera, besides its own.
    """
    cameras, scores = within.clip(cameras), np.array(scores)
    spread, left = 1.0, evaluations
    while left > 0:
        children = min(OFFSPRING, left)
        half = rng.standard_normal((len(cameras), -(-children // 2), cameras.shape[1]))
        steps = spread * np.concatenate([half, -half], axis=1)[:, :children] * within.edges
        tried = within.clip(cameras[:, None] + steps)
        values = score(tried.reshape(-1, cameras.shape[1])).reshape(len(cameras), children)
        winner = values.argmax(axis=1)
        for k, index in enumerate(winner):
            if values[k, index] > scores[k]:
                cameras[k], scores[k] = tried[k, index], values[k, index]
        spread, left = spread * SHRINK, left - children
    return cameras, scores
