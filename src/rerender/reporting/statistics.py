"""Tests of paired differences: permutation, Bayes factor, effect size, and the correction for many tests. NumPy and SciPy only.

Differences are x - y of paired measurements, one a pair. `compare_pairs` gives everything that a table prints:

* **permutation**: signs of the differences are exchangeable when the two conditions are. The statistic is the mean; exact
  over all 2^n signs up to n = 12, else Monte-Carlo with (hits + 1) / (draws + 1) (Phipson & Smyth 2010).
* **Bayes factor**: the JZS factor of a one-sample t-test (Rouder et al. 2009): standardised effect ~ Cauchy(0, sqrt(2)/2) under H1,
  0 under H0. `bf10` is two-sided, `bf_greater` has the positive half of the prior only (Morey & Wagenmakers 2014).
* **effect size**: Cohen's d_z, mean over sample standard deviation of the differences.
* **ECDF distance**: the largest vertical distance of two empirical distribution functions (Kolmogorov-Smirnov's D).
* **Holm**: step-down correction of p (Holm 1979), which controls the chance of any false rejection.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Alternative = Literal["two-sided", "greater"]

EXACT_UP_TO = 12
DRAWS = 9_999
CAUCHY_SCALE = math.sqrt(2) / 2
"""Scale of the prior on the standardised effect: "medium", the default of the usual software."""


@dataclass(frozen=True)
class Comparison:
    """What is known about paired differences. None: not defined, for the reason in `note`."""

    n: int
    mean: float
    p: float | None
    bf10: float | None
    bf_greater: float | None
    effect: float | None
    note: str = ""


def compare_pairs(differences: Sequence[float] | Floats, *, seed: int) -> Comparison:
    """Test paired differences against zero; `seed` is that of the Monte-Carlo permutations."""
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:
        mean = float(values.mean()) if len(values) else math.nan
        return Comparison(len(values), mean, None, None, None, None, "one pair")
    p = permutation_p(values, np.random.default_rng(seed))
    spread = float(values.std(ddof=1))
    if spread <= 1e-12 * float(np.abs(values).max() or 1.0):
        return Comparison(len(values), float(values.mean()), p, None, None, None, "all differences alike")
    effect = float(values.mean()) / spread
    t = effect * math.sqrt(len(values))
    factors = (jzs_bayes_factor(t, len(values)), jzs_bayes_factor(t, len(values), "greater"))
    return Comparison(len(values), float(values.mean()), p, *factors, effect)


def permutation_p(differences: Floats, rng: np.random.Generator) -> float:
    """Return the two-sided p of the mean of paired differences under random signs."""
    count, observed = len(differences), abs(float(differences.sum()))
    near = observed * (1 - 1e-12)  # sums in another order differ by rounding
    if count <= EXACT_UP_TO:
        bits = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
        sums = np.abs((1 - 2 * bits) @ differences)
        return float((sums >= near).mean())
    signs = rng.integers(0, 2, (DRAWS, count)) * 2 - 1
    hits = int((np.abs(signs @ differences) >= near).sum())
    return (hits + 1) / (DRAWS + 1)


def jzs_bayes_factor(
    t: float, n: int, alternative: Alternative = "two-sided", scale: float = CAUCHY_SCALE
) -> float:
    """Return the Bayes factor of an effect against none, from the t of n differences; above 1 speaks for the effect.

    Rouder et al. (2009), eq. 1: the Cauchy prior is a normal one with variance g scale^2, g ~ inverse chi^2(1). For "greater"
    each g counts with twice its posterior chance of a positive mean, a Student t with n degrees of freedom. At most 1e100.
    """
    from scipy.integrate import quad
    from scipy.stats import t as student

    df = n - 1

    def integrand(log_g: float) -> float:
        spread = n * math.exp(log_g) * scale**2
        log_likelihood = -0.5 * math.log1p(spread) - n / 2 * (
            math.log1p(t * t / ((1 + spread) * df)) - math.log1p(t * t / df)
        )
        log_prior = -0.5 * (math.log(2 * math.pi) + log_g + math.exp(-log_g))
        weight = 1.0
        if alternative == "greater":
            shrunk = t / math.sqrt(n) * spread / (1 + spread)
            deviation = math.sqrt((df + t * t / (1 + spread)) / n * spread / (n * (1 + spread)))
            weight = 2.0 * float(student.cdf(shrunk / deviation, n))
        return weight * math.exp(min(log_likelihood + log_prior, 690.0))

    factor = quad(integrand, -7.0, 3.0, limit=200)[0] + quad(integrand, 3.0, 60.0, limit=200)[0]
    return min(float(factor), 1e100)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return Holm's adjusted p-values in the order given; None stays None and does not count as a test."""
    known = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, index) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        adjusted[index] = highest
    return adjusted


def ecdf(values: Sequence[float] | Floats) -> tuple[Floats, Floats]:
    """Return the sorted values and the share of values at or below each."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    return ordered, np.arange(1, len(ordered) + 1) / len(ordered)


def ecdf_distance(first: Sequence[float] | Floats, second: Sequence[float] | Floats) -> float:
    """Return the largest vertical distance between two empirical distribution functions, in [0, 1]."""
    from scipy.stats import ks_2samp

    return float(ks_2samp(first, second).statistic)
