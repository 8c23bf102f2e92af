"""Permutation, Bayes factor, effect size, Holm and ECDF distance against closed forms and other derivations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import cauchy, ks_2samp, nct, permutation_test
from scipy.stats import t as student

from rerender.reporting.statistics import (
    CAUCHY_SCALE,
    compare_pairs,
    ecdf,
    ecdf_distance,
    holm,
    jzs_bayes_factor,
    permutation_p,
)


def by_noncentral_t(t: float, n: int, low: float) -> float:
    """The one-sample JZS factor as an integral over the standardised effect, from `low` (0 or minus infinity)."""
    root = math.sqrt(n)

    def integrand(effect: float) -> float:
        return float(nct.pdf(t, n - 1, effect * root) * cauchy.pdf(effect, scale=CAUCHY_SCALE))

    total = quad(integrand, max(low, -30), 30, points=[t / root], limit=200)[0]
    return float((2 if low == 0 else 1) * total / student.pdf(t, n - 1))


@pytest.mark.parametrize(("t", "n"), [(0.0, 5), (0.5, 8), (2.0, 12), (3.5, 20), (-2.5, 10), (6.0, 6)])
def test_the_bayes_factor_is_that_of_the_other_derivation(t: float, n: int) -> None:
    assert jzs_bayes_factor(t, n) == pytest.approx(by_noncentral_t(t, n, -math.inf), rel=2e-3)
    assert jzs_bayes_factor(t, n, "greater") == pytest.approx(by_noncentral_t(t, n, 0.0), rel=2e-3)


def test_the_bayes_factor_is_that_of_the_usual_software() -> None:
    # paired t = 3.5, n = 20: 17.185, which the manual of pingouin's bayesfactor_ttest prints
    assert jzs_bayes_factor(3.5, 20) == pytest.approx(17.185, abs=0.001)


def test_directed_factors_average_to_the_two_sided_one() -> None:
    for t in (0.7, 2.4):
        up, down = jzs_bayes_factor(t, 9, "greater"), jzs_bayes_factor(-t, 9, "greater")
        assert (up + down) / 2 == pytest.approx(jzs_bayes_factor(t, 9), rel=1e-5)
        assert up > 1 / 3 > 0.5 * down


def test_evidence_is_for_the_null_without_an_effect_and_grows_with_pairs() -> None:
    assert jzs_bayes_factor(0.0, 100) < jzs_bayes_factor(0.0, 10) < 1
    assert 1 < jzs_bayes_factor(4.0, 20) < jzs_bayes_factor(8.0, 20)
    assert math.isfinite(jzs_bayes_factor(1e4, 12))


def test_few_pairs_have_an_exact_p() -> None:
    assert permutation_p(np.array([1.0, 2.0, 3.0]), np.random.default_rng(0)) == pytest.approx(2 / 8)
    assert permutation_p(np.array([1.0, -1.0]), np.random.default_rng(0)) == pytest.approx(1.0)
    values = np.random.default_rng(1).normal(0.4, 1, 8)
    reference = permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert permutation_p(values, np.random.default_rng(0)) == pytest.approx(reference.pvalue)


def test_many_pairs_are_sampled_and_never_give_zero() -> None:
    rng = np.random.default_rng(2)
    assert permutation_p(np.full(40, 0.1), rng) == pytest.approx(1 / 10_000)
    null = [permutation_p(rng.normal(size=14), rng) for _ in range(60)]
    assert 0.3 < np.mean(null) < 0.7


def test_a_comparison_has_all_parts() -> None:
    found = compare_pairs([0.2, 0.3, 0.25, 0.4, 0.1], seed=1)
    assert found.n == 5
    assert found.mean == pytest.approx(0.25)
    assert found.p == pytest.approx(2 / 32)
    assert found.effect == pytest.approx(0.25 / np.std([0.2, 0.3, 0.25, 0.4, 0.1], ddof=1))
    assert found.bf_greater is not None and found.bf10 is not None
    assert found.bf_greater > found.bf10 > 1
    reverse = compare_pairs([-0.2, -0.3, -0.25, -0.4, -0.1], seed=1)
    assert reverse.bf_greater is not None and reverse.bf_greater < 1


def test_degenerate_comparisons_say_so() -> None:
    assert compare_pairs([0.3], seed=1).note == "one pair"
    assert compare_pairs([0.3], seed=1).p is None
    alike = compare_pairs([0.3, 0.3, 0.3], seed=1)
    assert alike.note == "all differences alike"
    assert alike.p == pytest.approx(2 / 8)
    assert alike.bf10 is None


def test_holm_multiplies_by_the_tests_that_are_left() -> None:
    assert holm([0.01, 0.04, None, 0.03]) == [
        pytest.approx(0.03),
        pytest.approx(0.06),
        None,
        pytest.approx(0.06),
    ]
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_ecdf_and_distance() -> None:
    values, shares = ecdf([3.0, 1.0, 2.0, 2.0])
    np.testing.assert_array_equal(values, [1, 2, 2, 3])
    np.testing.assert_array_equal(shares, [0.25, 0.5, 0.75, 1])
    assert ecdf_distance([0, 1], [5, 6]) == 1
    assert ecdf_distance([0, 1], [0, 1]) == 0
    first, second = np.random.default_rng(3).normal(size=(2, 30))
    assert ecdf_distance(first, second) == pytest.approx(ks_2samp(first, second).statistic)
