"""How well ratios of derivatives over finite differences are known."""

from __future__ import annotations

import numpy as np
import pytest

from rerender.papers.viewpoints.gradients import ratio_errors, strong


def test_the_error_of_a_ratio_is_that_of_repeated_experiments() -> None:
    rng = np.random.default_rng(0)

    def draw(count: int) -> dict[str, np.ndarray]:
        full = rng.normal([2.0, 5.0], [0.1, 0.2], (count, 2))
        return {"full": full, "differences": rng.normal([2.0, 4.0], [0.3, 0.8], (count, 2))}

    experiments = [draw(16) for _ in range(400)]
    ratios = [one["full"].mean(axis=0) / one["differences"].mean(axis=0) for one in experiments]
    claimed = np.mean([ratio_errors(one, "full") for one in experiments], axis=0)
    np.testing.assert_allclose(claimed, np.std(ratios, axis=0), rtol=0.12)


def test_one_repetition_says_nothing() -> None:
    assert np.isinf(ratio_errors({"full": np.ones((1, 4)), "differences": np.ones((1, 4))}, "full")).all()


@pytest.mark.parametrize(("elevation", "judged"), [(0.011, True), (0.009, False)])
def test_weak_components_are_not_judged(elevation: float, judged: bool) -> None:
    differences = np.array([-1.0, elevation, 0.5, 0.5])  # per scene unit and degree
    assert strong(differences * [1, 1, 0.1, 0.1]).tolist() == [True, judged, True, True]
