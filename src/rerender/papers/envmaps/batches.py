"""Random batches of a map's texels whose loss is, on average, that of the whole map.

The texels are cut into as many strata as a batch has texels, and one of each stratum is drawn: it stands for all of
them, so it counts as often as the stratum has texels. Strata are compact patches of the map (runs along a Z-order
curve), as neighbours resemble each other; the brightest texels, which resemble nothing and make the HDR loss, are
strata of one, so they are in every batch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class TexelBatches:
    """Batches of `size` texels of a map, `brightest` of which are always the same.

    `radiance` is (H, W, 3). Raises `ValueError` for a batch that is not larger than its brightest texels, or larger
    than the map.
    """

    def __init__(self, radiance: NDArray[np.floating], size: int, brightest: int) -> None:
        height, width = radiance.shape[:2]
        if not 0 <= brightest < size <= height * width:
            raise ValueError(
                f"{size} texels, {brightest} of them the brightest, of a map of {height * width}"
            )
        order = np.argsort(radiance.max(axis=-1).ravel(), kind="stable")
        first = height * width - brightest
        bright, others = order[first:], order[:first]
        curve = z_order(others // width, others % width)
        self._others = others[np.argsort(curve, kind="stable")]
        self._bounds = np.linspace(0, first, size - brightest + 1).astype(np.int64)
        self._bright = bright
        sizes = np.diff(self._bounds)
        self.counts: NDArray[np.float32] = np.concatenate([np.ones(brightest), sizes]).astype(np.float32)
        """How many texels each one of a batch stands for, shape (size,); the same in every batch."""

    def draw(self, seed: int) -> NDArray[np.int64]:
        """Return the texels of a batch as indices of the map's raveled first two axes, shape (size,)."""
        rng = np.random.default_rng(seed)
        drawn = rng.integers(self._bounds[:-1], self._bounds[1:])
        indices: NDArray[np.int64] = np.concatenate([self._bright, self._others[drawn]])
        return indices


def z_order(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return places along the curve that interleaves the bits of row and column (Morton order)."""
    return (_spread(rows) << 1) | _spread(columns)


def _spread(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return whole numbers below 65,536 with a zero bit between any two of theirs."""
    values = values.astype(np.int64)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        values = (values | values << shift) & mask
    return values
