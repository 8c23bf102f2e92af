"""A ball that bounces in a plane: exact flight between impacts, whose time within a step is found, so that it can be differentiated."""

from __future__ import annotations

import numpy as np
import torch

REBOUNDS = 1000
"""After so many a body that is dropped counts as lying still, unless it loses nothing."""


def bounce(
    place: torch.Tensor,
    velocity: torch.Tensor,
    gravity: torch.Tensor,
    *,
    radius: float,
    h: float,
    steps: int,
    restitution: float = 1.0,
) -> torch.Tensor:
    """Return the centres (steps + 1, 2) [m] of a ball over the floor y = 0, every `h` [s].

    `place`, `velocity` (2,), `gravity` the acceleration along y [m/s²], below 0. The ball leaves the floor with `restitution` times
    the speed at which it comes; at most one impact a step.
    """
    places = [place]
    x, y = place.unbind()
    u, v = velocity.unbind()
    for _ in range(steps):
        left = torch.as_tensor(h, dtype=place.dtype)
        if float((y + v * h + 0.5 * gravity * h * h).detach()) < radius:
            # the later root of y + v t + g t² / 2 = radius
            hit = (-v - (v * v - 2.0 * gravity * (y - radius)).clamp_min(0.0).sqrt()) / gravity
            hit = hit.clamp(0.0, h)
            v = -restitution * (v + gravity * hit)
            y = torch.as_tensor(radius, dtype=place.dtype)
            left = left - hit
        x, y = x + u * h, y + v * left + 0.5 * gravity * left * left
        v = v + gravity * left
        places.append(torch.stack([x, y]))
    return torch.stack(places)


def drop(times: np.ndarray, height: float, pull: float, restitution: float) -> np.ndarray:
    """Return how high over the floor a body is (T,) [m] that falls from rest at `height` [m], in closed form.

    `pull` [m/s²] is its acceleration downwards. It rebounds with `restitution` times the speed at which it comes, at once, and lies still
    when the rebounds, whose times add up to a finite one, are over.
    """
    heights = np.maximum(height - 0.5 * pull * times**2, 0.0)
    begin, speed = np.sqrt(2.0 * height / pull), restitution * np.sqrt(2.0 * height * pull)
    for _ in range(REBOUNDS):
        if begin > times.max() or speed == 0.0:
            break
        since, end = times - begin, begin + 2.0 * speed / pull
        flying = (since >= 0.0) & (times < end)
        heights = np.where(flying, speed * since - 0.5 * pull * since**2, heights)
        begin, speed = end, restitution * speed
    return np.asarray(heights)
