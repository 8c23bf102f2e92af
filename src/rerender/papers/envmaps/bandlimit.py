"""Interpolation from few points: a sum of sines of a line is known from its values at a few Chebyshev nodes.

The first layer of a SIREN is sin(w0 (a x + b y + c)), so whatever is linear in it (the argument of the second layer)
is a sum of plane waves over [-1, 1]^2 with frequencies of at most Omega = max |w0 a| radians. On N > Omega nodes an
axis, interpolation is exact to rounding soon: sin(Omega x) has the Chebyshev coefficients 2 J_k(Omega), which fall
faster than exponentially from k = Omega on.
"""

from __future__ import annotations

import math
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
    return _nodes_for(min(math.ceil(frequency), MAX_NODES), tolerance)


@lru_cache(maxsize=4096)
def _nodes_for(frequency: int, tolerance: float) -> int:
    """Return `node_count` of a whole frequency [rad]: few differ over a fit, so each is worked out once.

    What N nodes cut off is at most the sum of 2 |J_k| for k >= N, and interpolation folds as much back once more.
    """
    from scipy.special import jv

    coefficients = np.abs(jv(np.arange(MAX_NODES + 60), float(frequency)))
    tails = 4.0 * np.cumsum(coefficients[::-1])[::-1]  # by the first order that is left out
    return int(np.clip((tails > tolerance).sum(), 2, MAX_NODES))
