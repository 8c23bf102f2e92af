from __future__ import annotations

import pytest

from rerender.fitting.schedules import (
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    Linear,
    Schedule,
    StepDecay,
)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(0.3), {0: 0.3, 1000: 0.3}),
        (StepDecay(at=(5, 10), gamma=0.5), {0: 1, 4: 1, 5: 0.5, 9: 0.5, 10: 0.25, 99: 0.25}),
        (Exponential(gamma=0.9, every=10), {0: 1, 10: 0.9, 5: 0.9**0.5, 100: 0.9**10}),
        (Exponential(gamma=0.1, floor=0.05), {0: 1, 1: 0.1, 2: 0.05, 50: 0.05}),
        (Linear(over=10, start=1, end=0.2), {0: 1, 5: 0.6, 10: 0.2, 20: 0.2}),
        (Cosine(over=10, start=1, end=0.2), {0: 1, 5: 0.6, 10: 0.2, 20: 0.2, 2: 0.2 + 0.4 * (1 + 0.8090169943749475)}),
        (CosineRestarts(every=10, end=0.2), {0: 1, 5: 0.6, 10: 1, 15: 0.6, 20: 1}),
        (CosineRestarts(every=4, growth=2), {0: 1, 2: 0.5, 4: 1, 8: 0.5, 12: 1, 20: 0.5, 28: 1}),
    ],
)  # fmt: skip
def test_values(schedule: Schedule, expected: dict[int, float]) -> None:
    for iteration, factor in expected.items():
        assert schedule(iteration) == pytest.approx(factor, abs=1e-12)


def test_schedules_are_values() -> None:
    assert Cosine(over=5) == Cosine(over=5)
    assert hash(StepDecay(at=(1, 2))) == hash(StepDecay(at=(1, 2)))
    assert repr(Linear(over=3)) == "Linear(over=3, start=1.0, end=0.0)"


@pytest.mark.parametrize("growth", [1, 2])
def test_restarts_are_those_of_torch(growth: int) -> None:
    import torch

    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
        optimiser, T_0=5, T_mult=growth, eta_min=0.1
    )
    ours = CosineRestarts(every=5, growth=growth, end=0.1)
    for iteration in range(40):
        assert ours(iteration) == pytest.approx(theirs.get_last_lr()[0], abs=1e-9)
        optimiser.step()
        theirs.step()
