"""How a model represents a set of images: latents, dissimilarity matrices, representational similarity, principal components.

Metamers fact sheet, section 6.1: a dissimilarity matrix (RDM) of N images has 1 - Pearson correlation of the latents of two
images as its entries; two RDMs are compared by Kendall's tau (tau-b) over their N (N - 1) / 2 pairs (Kriegeskorte et al. 2008).
NumPy and SciPy only, apart from `latents`, which reads a model's features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from rerender.perception.models.base import Features

Floats = npt.NDArray[np.float64]

MIN_IMAGES = 3
"""Fewest images whose RDM has more than one pair."""
MIN_SPREAD = 1e-6
"""Share of a vector's size below which its deviation from its mean is rounding."""


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau-b of two RDMs, its two-sided p under independence of the pairs, and the number of pairs.

    Pairs share images and are not independent, so p is only descriptive; the original logs the same.
    """

    tau: float
    p: float
    pairs: int


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components of (n, d) vectors: their mean (d,), axes (k, d), and share of variance that each explains (k,)."""

    mean: Floats
    axes: Floats
    explained: Floats

    def project(self, vectors: npt.ArrayLike) -> Floats:
        """Return the coordinates (n, k) of vectors (n, d)."""
        coordinates: Floats = (np.asarray(vectors, dtype=np.float64) - self.mean) @ self.axes.T
        return coordinates


def group_scales(features: Features) -> tuple[float, ...]:
    """Return the size of each tensor of a model's features: the root of its mean squared length over the images.

    Models with one tensor need no scale; where there are several (statistics of different units), dividing by these makes
    each count alike. A tensor of zeros has scale 1.
    """
    if len(features) == 1:
        return (1.0,)
    sizes = [float(tensor.detach().flatten(1).square().sum(1).mean().sqrt()) for tensor in features]
    return tuple(size if size > 0 else 1.0 for size in sizes)


def latents(features: Features, scales: tuple[float, ...]) -> npt.NDArray[np.float32]:
    """Return one vector an image, (N, d) float32: all tensors, each divided by its scale, side by side."""
    parts = [
        (tensor.detach().flatten(1) / scale).cpu().numpy()
        for tensor, scale in zip(features, scales, strict=True)
    ]
    joined: npt.NDArray[np.float32] = np.concatenate(parts, axis=1).astype(np.float32)
    return joined


def dissimilarity(vectors: npt.ArrayLike) -> Floats:
    """Return the RDM of latents (N, d): (N, N), 1 - Pearson correlation, zero on the diagonal, in [0, 2].

    A vector without variation correlates with nothing: its dissimilarity to every other is 1.
    """
    values = np.asarray(vectors, dtype=np.float64)
    centred = values - values.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    flat = lengths <= MIN_SPREAD * np.linalg.norm(values, axis=1, keepdims=True)
    unit = np.where(flat, 0.0, centred / np.where(flat, 1.0, lengths))
    matrix: Floats = np.clip(1.0 - unit @ unit.T, 0.0, 2.0)
    np.fill_diagonal(matrix, 0.0)
    return matrix


def upper_triangle(matrix: npt.ArrayLike) -> Floats:
    """Return the entries above the diagonal of a square matrix, row by row."""
    square = np.asarray(matrix, dtype=np.float64)
    pairs: Floats = square[np.triu_indices(len(square), 1)]
    return pairs


def rdm_agreement(first: npt.ArrayLike, second: npt.ArrayLike) -> Agreement | None:
    """Compare two RDMs of one set of images; None with fewer than three images, or where all pairs of one are alike."""
    from scipy.stats import kendalltau

    a, b = upper_triangle(first), upper_triangle(second)
    if a.shape != b.shape:
        raise ValueError(f"RDMs of different sets of images: {np.shape(first)} and {np.shape(second)}")
    if len(np.atleast_2d(first)) < MIN_IMAGES or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    found = kendalltau(a, b)
    return Agreement(float(found.statistic), float(found.pvalue), len(a))


def principal_components(vectors: npt.ArrayLike, count: int = 3) -> Components:
    """Return up to `count` principal components of vectors (n, d), by the n x n Gram matrix: cheap for long vectors.

    Each axis points so that its largest entry is positive. Vectors that are all alike have no component.
    """
    values = np.asarray(vectors, dtype=np.float64)
    mean = values.mean(axis=0)
    centred = values - mean
    variances, weights = np.linalg.eigh(centred @ centred.T)
    order = np.argsort(variances)[::-1][: min(count, len(values) - 1, values.shape[1])]
    total = float(np.clip(variances, 0, None).sum())
    kept = [index for index in order if variances[index] > 1e-12 * max(total, 1e-300)]
    axes = (weights[:, kept].T @ centred) / np.sqrt(variances[kept])[:, None]
    signs = np.sign(axes[np.arange(len(kept)), np.abs(axes).argmax(axis=1)]) if kept else np.ones(0)
    return Components(mean, axes * signs[:, None], variances[kept] / total if kept else np.zeros(0))
