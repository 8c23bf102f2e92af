"""A job of estimates: subjects with unknown positive parameters, answered by several methods, judged and written.

gradsim compares frames and diffphysics positions, by the same search over the parameters' logarithms. The baselines see
nothing: `random` answers with the first guess, `average` with the mean of the training set where there is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import torch

from rerender.core.files import Tree
from rerender.core.seeds import SeedStream
from rerender.papers.physics.blackbox import search_blackbox
from rerender.papers.physics.estimation import Estimate, Loss, best_start, estimate
from rerender.papers.physics.grid import PROJECTIVE, Job, methods
from rerender.papers.physics.jobs import Part, Run, carry_out, search_rows
from rerender.papers.physics.looks import Look
from rerender.papers.physics.outputs import error_rows
from rerender.papers.physics.specs import GRID_KEYS, Backend, RasterSettings, SearchSettings
from rerender.provenance.manifest import Code
from rerender.reporting.rows import MetricRow, RowContext

DTYPE = torch.float64
"""Double precision costs the same here, and shows how far below the pixels' noise a parameter is found."""
SEARCHES = ("gradsim", "diffphysics", "blackbox")


def refinement(variant: str) -> int:
    """Return how many steps of a variant's truth there are for one of the estimate."""
    return 2 if variant == "fine" else 1


@dataclass(frozen=True)
class Subject:
    """One object: true and guessed parameters, and what methods need.

    `loss_of(method)` makes the loss of a search, over the logarithms of the parameters by name, each of shape (1,);
    `solve(method, folder)` is a search of its own instead, that may keep its state in the folder. `starts` are further parameters where a search may begin; `answers` those of methods that search nothing.
    `motion(values)` are the vertices (T, V, 3) [m] of all frames as an estimate with some parameters has them, for pictures and videos;
    `true_motion()` those of the truth, which some variants simulate otherwise. `look` films both.
    """

    name: str
    truth: Mapping[str, float]
    guess: Mapping[str, float]
    motion: Callable[[Mapping[str, float]], torch.Tensor]
    true_motion: Callable[[], torch.Tensor]
    look: Look
    answers: Mapping[str, Mapping[str, float]]
    loss_of: Callable[[str], Loss] | None = None
    solve: Callable[[str, Path], Estimate] | None = None
    starts: Sequence[Mapping[str, float]] = ()

    def film(self, values: Mapping[str, float] | None = None) -> torch.Tensor:
        """Return all frames (T, S, S, 4) as an estimate with some parameters has them; of the truth without."""
        return self.look.film(self.true_motion() if values is None else self.motion(values))


@dataclass(frozen=True)
class EstimateRequest:
    """A job, its settings, the units of its parameters, and how it is run."""

    job: Job
    settings: Any
    raster: RasterSettings
    units: Mapping[str, str]
    tier: str
    threads: int = 1

    def seeds(self, name: str) -> SeedStream:
        """Return the random stream of an object; variants share it, so that they can be compared."""
        return SeedStream(("physics", self.job.experiment, name, self.job.seed))

    @property
    def backend(self) -> Backend:
        """What renders the estimate's frames."""
        chosen: Backend = self.settings.backend
        return PROJECTIVE if self.job.variant == PROJECTIVE else chosen

    @property
    def search(self) -> SearchSettings:
        """How a search by gradient goes."""
        traced = self.job.variant == PROJECTIVE
        own = getattr(self.settings, PROJECTIVE, self.settings) if traced else self.settings
        found: SearchSettings = own.search
        return found

    def parameters(self) -> dict[str, Any]:
        """Return the plain values that decide the result."""
        return {
            "experiment": self.job.experiment,
            "variant": self.job.variant,
            "seed": self.job.seed,
            "settings": self.settings.model_dump(exclude=set(GRID_KEYS)),
            "raster": self.raster.model_dump(),
        }


def run_estimates(
    request: EstimateRequest,
    subjects: Iterable[Subject],
    code: Code,
    stack: Mapping[str, str],
    *,
    folder: Path,
    state_root: Path,
) -> None:
    """Answer for every subject by every method and write the job's files (see docs/files.md)."""

    def parts(run: Run) -> Iterator[Part]:
        for subject in subjects:
            yield answered(run, request, subject)

    carry_out(request, parts, code, stack, folder=folder, state_root=state_root)


def answered(run: Run, request: EstimateRequest, subject: Subject) -> Part:
    """Answer for one subject by every method of the request's settings."""
    rows: list[MetricRow] = []
    histories: list[pl.DataFrame] = []
    estimates: dict[str, Tree] = {}
    for method in methods(request.settings, request.job.variant):
        context = run.context(subject.name, "+".join(request.units), method, subject.name)
        values, found = answer(run, request, subject, method)
        estimates[method] = dict(values)
        rows += metric_rows(context, request, subject, values, found)
        if found is not None:
            named = {"scene": pl.lit(subject.name), "method": pl.lit(method)}
            histories.append(found.history.with_columns(**named))
    final = {"truth": dict(subject.truth), "guess": dict(subject.guess), "estimates": estimates}
    return Part({subject.name: final}, histories, rows)


def answer(
    run: Run, request: EstimateRequest, subject: Subject, method: str
) -> tuple[Mapping[str, float], Estimate | None]:
    """Return the parameters that a method answers with, and its search if it has one."""
    if method not in SEARCHES:
        return subject.answers[method], None
    part = f"{subject.name}-{method}"
    found = run.once(part, lambda: _search(run, request, subject, method, part))
    return _plain(found), found


def _search(run: Run, request: EstimateRequest, subject: Subject, method: str, part: str) -> Estimate:
    """Search by a method; what it needs to carry on is kept under the name of the part."""
    if subject.solve is not None:
        return subject.solve(method, run.workdir / part)
    assert subject.loss_of is not None
    loss, seeds = subject.loss_of(method), request.seeds(subject.name)
    if method == "blackbox":
        return search_blackbox(logarithms(subject.guess), loss, request.settings.blackbox, seeds)
    start = best_start([logarithms(values) for values in (subject.guess, *subject.starts)], loss)
    return estimate(start, loss, request.search, run.workdir / part, run_id=run.name(part), seeds=seeds)


def _plain(found: Estimate) -> dict[str, float]:
    """Return the parameters whose logarithms a search found."""
    return {name: math.exp(float(value[0])) for name, value in found.values.items()}


def logarithms(values: Mapping[str, float]) -> dict[str, torch.Tensor]:
    """Return the logarithm of each parameter as a tensor of shape (1,)."""
    return {name: torch.tensor([math.log(value)], dtype=DTYPE) for name, value in values.items()}


def metric_rows(
    context: RowContext,
    request: EstimateRequest,
    subject: Subject,
    values: Mapping[str, float],
    found: Estimate | None,
) -> list[MetricRow]:
    """Return the errors of every parameter, and what the search cost."""
    rows = []
    for name, true in subject.truth.items():
        rows += error_rows(context, name, request.units[name], true, values[name])
        rows.append(context.row(f"rel_error_start/{name}", abs(subject.guess[name] - true) / true))
    return [*rows, *search_rows(context, found)]
