"""The fitting loop: `fit` runs a problem for as long as its settings say, whatever happens to the process.

One iteration: observe, step (loss and gradients), non-finite guard, window mean and best state, optimiser
step and clipping, projection, history, checkpoint. All randomness comes from seeds hashed from the run and
the iteration, so a resumed run is the uninterrupted one, bitwise on one CPU thread.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from rerender.core.files import Tree
from rerender.core.seeds import SeedStream
from rerender.fitting.checkpoint import Checkpoints
from rerender.fitting.history import Columns, drop_frames, merge, write_frame
from rerender.fitting.optimisers import Optimisers, to_arrays
from rerender.fitting.problem import FitResult, LoopSettings, Problem
from rerender.fitting.progress import Progress, StreamProgress
from rerender.fitting.stopping import WindowRule, WindowState
from rerender.runtime.locks import run_lock
from rerender.runtime.signals import Interrupted, StopRequest


def fit(
    problem: Problem,
    settings: LoopSettings,
    workdir: Path,
    *,
    run_id: str,
    seeds: SeedStream,
    progress: Progress | None = None,
) -> FitResult:
    """Fit `problem`, carrying on from the checkpoint of `run_id` in `workdir` if there is one.

    Shows progress on stderr unless told otherwise. Raises `Interrupted` (exit code 75, "try again") after a
    stop signal once all work is saved, and `UserError` if `workdir` is in use, full, not writable or of
    another run. A non-finite loss, gradient or parameter ends the fit with the last good state: see
    `FitResult.failed`.
    """
    progress = progress or StreamProgress(f"fit {run_id[:12]}")
    with run_lock(workdir) as lock, StopRequest() as stop:
        saved = Checkpoints(workdir, run_id, settings.checkpoint_seconds, settings.checkpoint_share)
        run = _Run.begin(problem, settings, workdir / "frames", saved.load())
        saved.save(run.tree())  # counts the attempt; a full disk is noticed before the work
        progress.begin(settings.iterations, run.iteration)
        while not run.reason():
            began, i = time.monotonic(), run.iteration
            if settings.observe_every and i % settings.observe_every == 0:
                run.observe()
            run.optimisers.zero_grad()
            result = problem.step(i, seeds.child("step", i))
            norm = run.optimisers.grad_norm()
            if run.fails(result.loss, norm):
                break
            run.keep(result.loss)
            rate = run.optimisers.step(settings.lr_schedule(i), i)
            if run.diverges(rate):
                break
            if problem.project(i):
                run.renew()
            run.record({"loss": result.loss, "lr": rate, "grad_norm": norm}, result.scalars)
            progress.update(run.iteration, result.loss, run.windows.best)
            if stop or saved.due(time.monotonic() - began):
                lock.confirm()
                saved.save(run.tree())
            if stop:
                raise _interrupted(stop, run.iteration, progress)
        if settings.observe_every:
            run.observe()
        lock.confirm()
        saved.save(run.tree())
        if stop:
            raise _interrupted(stop, run.iteration, progress)
        progress.end(run.reason())
        return run.result(saved.spent)


def _interrupted(stop: StopRequest, iteration: int, progress: Progress) -> Interrupted:
    message = f"{stop.name}: saved after {iteration} iterations; run the same command again to carry on"
    progress.end(message)
    return Interrupted(message)


@dataclass
class _Run:
    """All that changes during a fit. `tree` is what a checkpoint holds, and `begin` takes it over."""

    problem: Problem
    settings: LoopSettings
    frames: Path
    optimisers: Optimisers
    iteration: int = 0
    attempts: int = 1
    resumed_from: int | None = None
    failure: str = ""
    windows: WindowState = field(default_factory=WindowState)
    best: Tree = None
    best_iteration: int = 0
    good: dict[str, torch.Tensor] | None = None  # parameters before the last update; None if replaced since
    history: Columns = field(default_factory=Columns)
    observations: Columns = field(default_factory=Columns)
    wall_before: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @staticmethod
    def begin(problem: Problem, settings: LoopSettings, frames: Path, tree: Tree | None) -> _Run:
        """Start from the problem as it is, or carry on from a checkpoint."""
        if tree is not None:
            problem.load_state(tree["problem"])
        run = _Run(problem, settings, frames, Optimisers(problem.parameters()))
        if tree is not None:
            run.optimisers.load_state(tree["optimisers"])
            run.iteration = run.resumed_from = tree["iteration"]
            run.attempts = tree["attempts"] + 1
            run.failure = tree["failure"]
            run.windows = WindowState.from_tree(tree["windows"])
            run.best, run.best_iteration = tree["best"], tree["best_iteration"]
            run.good = run.optimisers.copy_of(tree["good"])
            run.history, run.observations = Columns(tree["history"]), Columns(tree["observations"])
            run.wall_before = tree["wall_s"]
        drop_frames(frames, run.observed + 1)
        return run

    def tree(self) -> Tree:
        """Return all that `begin` needs, as arrays and plain values."""
        return {
            "problem": to_arrays(self.problem.state()),
            "optimisers": self.optimisers.state(),
            "iteration": self.iteration,
            "attempts": self.attempts,
            "failure": self.failure,
            "windows": self.windows.to_tree(),
            "best": self.best,
            "best_iteration": self.best_iteration,
            "good": to_arrays(self.good),
            "history": self.history.to_tree(),
            "observations": self.observations.to_tree(),
            "wall_s": self.wall_s,
        }

    @property
    def wall_s(self) -> float:
        """Seconds spent over all attempts, less what kills have cost."""
        return self.wall_before + time.monotonic() - self.began

    @property
    def observed(self) -> int:
        """Iteration of the last observation, or -1."""
        return int(self.observations.last("iteration", -1))

    @property
    def rule(self) -> WindowRule:
        """The rule for windows, early stopping and the best state."""
        return WindowRule(self.settings.window, self.settings.patience_windows, self.settings.min_delta)

    def reason(self) -> str:
        """Say why there is nothing more to do, or return an empty text."""
        if self.failure:
            return self.failure
        if self.windows.exhausted(self.rule):
            improvement = f"by more than {self.settings.min_delta:g} " if self.settings.min_delta else ""
            return f"the mean loss did not improve {improvement}in {self.settings.patience_windows} windows"
        return f"completed {self.iteration} iterations" if self.iteration >= self.settings.iterations else ""

    def observe(self) -> None:
        """Look at the parameters; store frame, pictures and scalars. At most once for an iteration."""
        if self.observed >= self.iteration:
            return
        seen = self.problem.observe(self.iteration)
        if seen.frame is not None:
            write_frame(self.frames, self.iteration, seen.frame)
        for name, picture in seen.pictures.items():
            write_frame(self.frames / name, self.iteration, picture)
        self.observations.append({"iteration": self.iteration, "wall_s": self.wall_s, **seen.scalars})

    def fails(self, loss: float, grad_norm: float) -> bool:
        """Say whether the step gave a non-finite number; if so, note it and go back to good parameters."""
        names = ", ".join(self.optimisers.non_finite_gradients()) if not math.isfinite(grad_norm) else ""
        if not math.isfinite(loss):
            self.failure = f"non-finite loss ({loss}) at step {self.iteration}"
            self.failure += f", and non-finite gradient of {names}" if names else ""
            self.failure += f"; {self._go_back()}"
        elif names:
            self.failure = f"non-finite gradient of {names} at step {self.iteration}; the step was not made"
        return bool(self.failure)

    def diverges(self, rate: float) -> bool:
        """Say whether the update made a parameter non-finite; if so, note it and undo the update."""
        names = ", ".join(self.optimisers.non_finite_values())
        if names:
            self.failure = f"step {self.iteration} (learning rate {rate:g}) made {names} non-finite"
            self.failure += f"; {self._go_back()}"
        return bool(names)

    def _go_back(self) -> str:
        """Put back the last good parameters and say which these are."""
        if self.good is not None:
            self.optimisers.put_back(self.good)
            return "parameters put back to before the last update"
        if self.best is None:
            return "nothing before it to go back to"
        self.problem.load_state(self.best)
        self.renew()
        return f"back to the best state, of iteration {self.best_iteration}"

    def keep(self, loss: float) -> None:
        """Add a finite loss to its window; keep the state that gave it if the window ended as the best."""
        self.windows = self.windows.add(loss, self.rule)
        if self.windows.improved:
            self.best, self.best_iteration = to_arrays(self.problem.state()), self.iteration
        self.good = self.optimisers.copy(self.good)

    def renew(self) -> None:
        """Make fresh optimisers for the parameters that the problem has now."""
        self.optimisers, self.good = Optimisers(self.problem.parameters()), None

    def record(self, numbers: dict[str, float], scalars: Mapping[str, float]) -> None:
        """Add the row of this iteration and count it."""
        row = {"iteration": self.iteration, "wall_s": self.wall_s, **numbers}
        self.history.append({**row, **{name: x for name, x in scalars.items() if name not in row}})
        self.iteration += 1

    def result(self, checkpoint_s: float) -> FitResult:
        """Return what the caller gets."""
        last = to_arrays(self.problem.state())
        judged = self.best is not None
        observations = self.observations.frame()
        return FitResult(
            history=merge(self.history.frame(), observations),
            observations=observations,
            best=self.best if judged else last,
            best_iteration=self.best_iteration if judged else self.iteration,
            best_loss=self.windows.best if judged else math.nan,
            last=last,
            frames_dir=self.frames,
            iterations=self.iteration,
            stop_reason=self.reason(),
            failed=bool(self.failure),
            attempts=self.attempts,
            resumed_from=self.resumed_from,
            wall_s=self.wall_s,
            checkpoint_s=checkpoint_s,
        )
