from __future__ import annotations

import itertools

import pytest

from rerender.papers.materials.schedules import CURVES, StageSchedule, ramp


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        ("joint", {0: 1.0, 500: 10**-0.1, 1000: 10**-0.2}),
        ("lead", {0: 1.0, 250: 0.84, 500: 0.68, 1000: 0.68 * 10**-0.05}),
        ("delayed", {0: 0.0, 250: 0.5, 500: 1.0, 1000: 10**-0.1}),
        ("warm", {0: 0.0, 50: 0.5, 100: 1.0, 1000: 10**-0.18}),
        ("hold", {0: 0.01, 100: 0.505, 200: 1.0, 399: 1.0, 700: 0.5, 1000: 0.1}),
    ],
)
def test_curves_pass_through_the_published_numbers(shape: str, values: dict[int, float]) -> None:
    for iteration, value in values.items():
        assert StageSchedule(shape, 1000)(iteration) == pytest.approx(value), iteration  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", CURVES)
def test_short_runs_pass_through_the_same_curve(shape: str) -> None:
    short, full = StageSchedule(shape, 50), StageSchedule(shape, 1000)  # type: ignore[arg-type]
    assert [short(i) for i in range(50)] == pytest.approx([full(20 * i) for i in range(50)])


@pytest.mark.parametrize("shape", CURVES)
def test_curves_have_no_jump(shape: str) -> None:
    steps = [StageSchedule(shape, 1000)(i) for i in range(1001)]  # type: ignore[arg-type]
    assert max(abs(b - a) for a, b in itertools.pairwise(steps)) < 0.0101


def test_regularisers_are_ramped_over_the_first_half() -> None:
    assert [ramp(i, 200) for i in (0, 50, 100, 200)] == pytest.approx([0.0, 0.5, 1.0, 1.0])
