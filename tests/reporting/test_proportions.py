"""Wilson's interval, against printed values and its defining property."""

from __future__ import annotations

import pytest

from rerender.reporting.proportions import Z95, wilson_interval


def test_ends_solve_the_score_equation() -> None:
    for successes, trials in ((17, 20), (1, 9), (50, 100)):
        for end in wilson_interval(successes, trials):
            assert abs(successes / trials - end) == pytest.approx(Z95 * (end * (1 - end) / trials) ** 0.5)


def test_all_and_none_are_not_certain() -> None:
    assert wilson_interval(20, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    for wrong in ((-1, 5), (6, 5), (0, 0)):
        with pytest.raises(ValueError, match="trials"):
            wilson_interval(*wrong)
