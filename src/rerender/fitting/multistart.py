"""Several starts of one problem: each is fitted for a while, and the best is carried on.

A local optimiser finds the basin it starts in. Where a loss has several, this tries them at a stated cost; it
is a `Problem` itself, so resume, history and video work as for a single start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rerender.core.files import Tree
from rerender.core.seeds import SeedStream
from rerender.fitting.problem import Observation, Parameter, Problem, StepResult


class MultiStart:
    """Fits every start for `trial` steps, one after the other, then the one with the lowest loss.

    The score of a start is the mean loss of the last quarter of its trial. History rows carry the
    index of the start that they belong to.
    """

    def __init__(self, starts: Sequence[Problem], trial: int) -> None:
        if not starts or trial < 1:
            raise ValueError("there must be at least one start and one step of trial")
        self.starts, self.trial = tuple(starts), trial
        self.losses: list[list[float]] = [[] for _ in self.starts]
        self.active = 0

    @property
    def problem(self) -> Problem:
        """The start that is fitted now."""
        return self.starts[self.active]

    @property
    def choosing(self) -> bool:
        """Whether trials are still going on."""
        return any(len(losses) < self.trial for losses in self.losses)

    def parameters(self) -> Mapping[str, Parameter]:
        """Return the parameters of the active start."""
        return self.problem.parameters()

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        """Step the active start."""
        result = self.problem.step(iteration, seeds)
        if self.choosing:
            self.losses[self.active].append(result.loss)
        return StepResult(result.loss, {**result.scalars, "start": float(self.active)})

    def project(self, iteration: int) -> bool:
        """Let the active start project; go to the next start after a trial, to the best after the last."""
        changed = self.problem.project(iteration)
        before = self.active
        trials_end = (iteration + 1) == self.trial * len(self.starts)
        if trials_end:
            self.active = int(np.argmin(self.scores()))
        elif len(self.losses[self.active]) == self.trial and self.choosing:
            self.active += 1
        return changed or self.active != before

    def scores(self) -> list[float]:
        """Return the score of every start whose trial has ended, infinity for the others."""
        tail = max(1, self.trial // 4)
        return [float(np.mean(x[-tail:])) if len(x) == self.trial else float("inf") for x in self.losses]

    def observe(self, iteration: int) -> Observation:
        """Look at the active start."""
        return self.problem.observe(iteration)

    def state(self) -> Tree:
        """Return the states of all starts, and the trials so far."""
        losses = [np.array(values, dtype=np.float64) for values in self.losses]
        return {"active": self.active, "losses": losses, "starts": [start.state() for start in self.starts]}

    def load_state(self, tree: Tree) -> None:
        """Take over a state."""
        self.active = int(tree["active"])
        self.losses = [np.asarray(values).tolist() for values in tree["losses"]]
        for start, state in zip(self.starts, tree["starts"], strict=True):
            start.load_state(state)


def chosen(tree: Tree) -> Tree:
    """Return the state of the start that was active in a state of `MultiStart`."""
    return tree["starts"][int(tree["active"])]
