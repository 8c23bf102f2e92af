"""Estimate parameters by gradient: Adam in the shared loop, then a finish by L-BFGS (fact sheet, sections 4.1 and 6.4).

Parameters that are positive are optimised by their logarithm. The same search runs with frames and with 3D positions.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import torch

from rerender.core.files import Tree
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import LoopSettings, Observation, Parameter, StepResult
from rerender.fitting.quasi_newton import finish
from rerender.papers.physics.specs import SearchSettings
from rerender.simulation.errors import Diverged

REACH = 0.5
"""The finish moves no logarithm farther than this: beyond, the loop has not found the valley."""

SPARE = 10
"""Evaluations of the finish beyond one a step: line searches need some."""

Loss = Callable[[Mapping[str, torch.Tensor]], torch.Tensor]
"""From named parameters to the loss."""


@dataclass
class Search:
    """The problem that the loop sees: named leaf tensors, and a loss of them. `seconds` is what steps took here, of the CPU."""

    leaves: dict[str, torch.Tensor]
    loss: Loss
    lr: float
    seconds: list[float] = field(default_factory=list)

    def parameters(self) -> Mapping[str, Parameter]:
        return {name: Parameter(leaf, self.lr) for name, leaf in self.leaves.items()}

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        watch = time.process_time()
        loss = self.loss(self.leaves)
        loss.backward()  # type: ignore[no-untyped-call]
        self.seconds.append(time.process_time() - watch)
        return StepResult(float(loss.detach()), self.scalars())

    def project(self, iteration: int) -> bool:
        return False

    def observe(self, iteration: int) -> Observation:
        return Observation()

    def state(self) -> Tree:
        return {name: leaf.detach().cpu().numpy().copy() for name, leaf in self.leaves.items()}

    def load_state(self, tree: Tree) -> None:
        for name, leaf in self.leaves.items():
            loaded = torch.as_tensor(np.array(tree[name]), dtype=leaf.dtype, device=leaf.device)
            self.leaves[name] = loaded.requires_grad_()

    def scalars(self) -> dict[str, float]:
        """Return the parameters that are single numbers, for the history."""
        return {name: float(leaf.detach()) for name, leaf in self.leaves.items() if leaf.numel() == 1}


def best_start(candidates: Sequence[Mapping[str, torch.Tensor]], loss: Loss) -> Mapping[str, torch.Tensor]:
    """Return the candidate with the lowest loss; one that diverges counts as infinitely bad."""
    if len(candidates) == 1:
        return candidates[0]

    def score(candidate: Mapping[str, torch.Tensor]) -> float:
        try:
            with torch.no_grad():
                value = float(loss(candidate))
        except Diverged:
            return math.inf
        return value if math.isfinite(value) else math.inf

    return min(candidates, key=score)


@dataclass(frozen=True)
class Estimate:
    """The best parameters, their loss, how many losses were computed, the history (iteration, loss, …), and the CPU seconds of a loss with its derivative, if measured."""

    values: Mapping[str, np.ndarray]
    loss: float
    first_loss: float
    evaluations: int
    wall_s: float
    history: pl.DataFrame
    failed: bool
    evaluation_s: float = math.nan


def estimate(
    start: Mapping[str, torch.Tensor],
    loss: Loss,
    settings: SearchSettings,
    workdir: Path,
    *,
    run_id: str,
    seeds: SeedStream,
) -> Estimate:
    """Search from `start`: the loop, resumable, then the finish, which is short and runs anew after a kill."""
    search = Search(
        {name: value.clone().requires_grad_() for name, value in start.items()}, loss, settings.lr
    )
    loop = LoopSettings(iterations=settings.iterations)
    found = fit(search, loop, workdir, run_id=run_id, seeds=seeds)
    search.load_state(found.best)
    history = found.history.select("iteration", "loss", *search.scalars())
    losses, evaluations = [found.best_loss], found.iterations
    if settings.finish and not found.failed:
        done = finish(
            lambda: loss(search.leaves),
            search.leaves,
            settings.finish,
            evaluations=settings.finish + SPARE,
            reach=REACH,
        )
        losses.append(done.loss)
        evaluations += done.evaluations
        tail = pl.DataFrame({"iteration": range(found.iterations, evaluations), "loss": done.losses})
        history = pl.concat([history, tail], how="diagonal_relaxed")
    return Estimate(
        values=search.state(),
        loss=min(losses),
        first_loss=float(history["loss"][0]),
        evaluations=evaluations,
        wall_s=found.wall_s,
        history=history,
        failed=found.failed,
        evaluation_s=statistics.median(search.seconds) if search.seconds else math.nan,
    )
