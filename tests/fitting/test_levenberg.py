"""Levenberg-Marquardt: known minima, bounds, noise, and what a failed step leaves."""

from __future__ import annotations

import numpy as np
import pytest

from rerender.fitting.levenberg import LevenbergSettings, Normal, minimise


def residuals(x: np.ndarray) -> np.ndarray:
    return np.array([1.0 - x[0], 10.0 * (x[1] - x[0] ** 2)])


def rosenbrock(x: np.ndarray, iteration: int) -> float:
    return float(residuals(x) @ residuals(x))


def normal(x: np.ndarray, iteration: int) -> Normal:
    rows = np.array([[-1.0, 0.0], [-20.0 * x[0], 10.0]])
    return Normal(rosenbrock(x, iteration), rows.T @ residuals(x), rows.T @ rows)


LONG = LevenbergSettings(iterations=60, tolerance=1e-9, tries=12)


def test_it_finds_the_bottom_of_rosenbrocks_valley() -> None:
    steps = minimise(np.array([-1.2, 1.0]), normal, rosenbrock, LONG)
    assert steps[-1].after == pytest.approx((1.0, 1.0), abs=1e-6)
    costs = [step.cost for step in steps]
    assert costs == sorted(costs, reverse=True)


def test_steps_are_cut_and_stay_in_the_box() -> None:
    low, high = np.array([-2.0, -2.0]), np.array([0.5, 2.0])
    steps = minimise(np.array([-1.2, 1.0]), normal, rosenbrock, LONG, low=low, high=high)
    assert all((low <= step.after).all() and (step.after <= high).all() for step in steps)
    assert steps[-1].after == pytest.approx((0.5, 0.25), abs=1e-2)
    assert max(np.linalg.norm(step.after - step.before) for step in steps) <= LONG.longest + 1e-9


def test_without_a_better_place_it_stays_and_says_so() -> None:
    steps = minimise(np.array([1.0, 1.0]), normal, rosenbrock)
    assert len(steps) == 1 and not steps[0].accepted
    assert np.array_equal(steps[0].after, steps[0].before) and steps[0].trials == LevenbergSettings.tries


def test_an_unknown_without_effect_stays_where_it_is() -> None:
    def flat(x: np.ndarray, iteration: int) -> Normal:
        rows = np.array([[1.0, 0.0]])
        return Normal(float((x[0] - 2) ** 2), rows.T @ np.array([x[0] - 2]), rows.T @ rows)

    steps = minimise(np.array([0.0, 7.0]), flat, lambda x, _: float((x[0] - 2) ** 2), LONG)
    assert steps[-1].after == pytest.approx((2.0, 7.0), abs=1e-6)


def test_noise_that_a_step_shares_does_not_stop_it() -> None:
    def noise(iteration: int) -> float:
        return float(np.random.default_rng(iteration).normal(0, 100.0))

    steps = minimise(
        np.array([-1.2, 1.0]),
        lambda x, i: Normal(rosenbrock(x, i) + noise(i), normal(x, i).gradient, normal(x, i).hessian),
        lambda x, i: rosenbrock(x, i) + noise(i),
        LONG,
    )
    assert steps[-1].after == pytest.approx((1.0, 1.0), abs=1e-6)
