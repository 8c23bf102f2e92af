from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rerender.core.files import Tree
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.multistart import MultiStart, chosen
from rerender.fitting.problem import LoopSettings, Observation, Parameter, StepResult
from rerender.fitting.progress import Silent


class Wells:
    """Two wells, f(x) = (x^2 - 1)^2 + 0.3 x: a shallow one near 1, the deep one near -1."""

    def __init__(self, x: float) -> None:
        self.x = torch.tensor([x], requires_grad=True)

    def parameters(self) -> dict[str, Parameter]:
        return {"x": Parameter(self.x, lr=0.05)}

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        loss = ((self.x**2 - 1) ** 2 + 0.3 * self.x).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return StepResult(float(loss.detach()))

    def project(self, iteration: int) -> bool:
        return False

    def observe(self, iteration: int) -> Observation:
        return Observation()

    def state(self) -> Tree:
        return {"x": self.x.detach().numpy().copy()}

    def load_state(self, tree: Tree) -> None:
        self.x = torch.tensor(np.asarray(tree["x"]), requires_grad=True)


def minimum(problem: object, folder: Path, iterations: int) -> Tree:
    result = fit(
        problem,  # type: ignore[arg-type]
        LoopSettings(iterations=iterations),
        folder,
        run_id="wells",
        seeds=SeedStream(("wells",)),
        progress=Silent(),
    )
    return result


def test_a_single_start_stays_in_its_well(tmp_path: Path) -> None:
    result = minimum(Wells(0.5), tmp_path, 200)
    assert float(result.last["x"][0]) == pytest.approx(0.96, abs=0.05)


def test_the_better_start_is_carried_on_whatever_their_order(tmp_path: Path) -> None:
    for order, starts in enumerate(((0.5, -0.5), (-0.5, 0.5))):
        result = minimum(MultiStart([Wells(x) for x in starts], trial=20), tmp_path / str(order), 200)
        assert float(chosen(result.last)["x"][0]) == pytest.approx(-1.04, abs=0.02)
        history = result.history["start"].to_list()
        assert history[:40] == [0.0] * 20 + [1.0] * 20
        assert set(history[40:]) == {float(starts.index(-0.5))}


def test_resuming_at_any_point_gives_the_same_end(tmp_path: Path) -> None:
    whole = chosen(minimum(MultiStart([Wells(0.5), Wells(-0.5)], 10), tmp_path / "whole", 60).last)["x"]
    for cut in (3, 10, 15, 20, 33):
        problem = MultiStart([Wells(0.5), Wells(-0.5)], 10)
        optimiser_free = tmp_path / str(cut)
        minimum(problem, optimiser_free, cut)
        again = minimum(MultiStart([Wells(0.5), Wells(-0.5)], 10), optimiser_free, 60)
        assert again.resumed_from == cut
        assert np.array_equal(chosen(again.last)["x"], whole), cut


def test_nothing_to_try_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one start"):
        MultiStart([], 5)
