"""Interpolation from few points: a sum of sines of a line is known from its values at a few Chebyshev nodes.

The first layer of a SIREN is sin(w0 (a x + b y + c)), so whatever is linear in it (the argument of the second layer)
is a sum of plane waves over [-1, 1]^2 with frequencies of at most Omega = max |w0 a| radians. On N > Omega nodes an
axis, interpolation is exact to rounding soon: sin(Omega x) has the Chebyshev coefficients 2 J_k(Omega), which fall
faster than exponentially from k = Omega on.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

MAX_NODES = 512


def chebyshev_nodes(count: int) -> NDArray[np.float64]:
    """Return the Chebyshev nodes of the first kind in (-1, 1), falling, shape (count,)."""
    return np.cos(np.pi * (np.arange(count) + 0.5) / count)


def interpolation_matrix(points: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the (points, count) matrix from values at the Chebyshev nodes to values at points in [-1, 1]."""
    order = np.arange(count)
    at_points = np.cos(np.arccos(np.clip(points, -1.0, 1.0))[:, None] * order)
    at_nodes = np.cos(np.arccos(chebyshev_nodes(count))[:, None] * order)
    at_points[:, 0] *= 0.5
    matrix: NDArray[np.float64] = 2.0 / count * at_points @ at_nodes.T
    return matrix


def node_count(frequency: float, tolerance: float) -> int:
    """Return how many nodes give sin(frequency x + phase) on [-1, 1] to within `tolerance`, at most `MAX_NODES`."""
    return 2 + bisect_left(_reach(tolerance), frequency)


@lru_cache(maxsize=8)
def _reach(tolerance: float) -> tuple[float, ...]:
    """Return the largest frequency [rad] that 2, 3, … nodes reach.

    What is cut off is at most the sum of 2 |J_k| for k >= N, and interpolation folds as much back once more.
    """
    from scipy.special import jv

    frequencies = np.arange(0.25, MAX_NODES - 40.0, 0.25)
    orders = np.arange(MAX_NODES + 60)
    coefficients = np.abs(jv(orders[None, :], frequencies[:, None]))
    tails = 4.0 * np.cumsum(coefficients[:, ::-1], axis=1)[:, ::-1]  # (frequency, first order left out)
    enough = (tails > tolerance).sum(axis=1)  # nodes that each frequency needs; grows with the frequency
    return tuple(float(frequencies[enough <= count].max(initial=0.0)) for count in range(2, MAX_NODES))
