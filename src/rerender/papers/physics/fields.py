"""A job of fields: one unknown number or vector for every particle, found from video or positions (Table 3).

Such problems are ill-posed: many fields explain a video. So every error stands beside that of the first guess, and
errors of sums, which are identifiable, beside those of particles (fact sheet, section 4.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import torch

from rerender.core.files import Tree
from rerender.papers.physics.estimation import Estimate, estimate
from rerender.papers.physics.grid import methods
from rerender.papers.physics.jobs import Part, Run, carry_out, search_rows
from rerender.papers.physics.looks import Look
from rerender.papers.physics.specs import SearchSettings
from rerender.papers.physics.subjects import DTYPE, EstimateRequest
from rerender.provenance.manifest import Code
from rerender.reporting.rows import MetricRow, RowContext

FIELD = "field"
SEARCHES = ("gradsim", "diffphysics")


@dataclass(frozen=True)
class FieldSubject:
    """One object: true and guessed field, both as they are optimised, and what methods need.

    `loss_of(method)` makes the loss of a search; `measure(field)` says how wrong a field is, metric -> value, each of
    them better if lower; `motion(field)` are the vertices (T, V, 3) [m] of all frames, which `look` films.
    """

    name: str
    truth: torch.Tensor
    guess: torch.Tensor
    loss_of: Callable[[str], Callable[[torch.Tensor], torch.Tensor]]
    measure: Callable[[torch.Tensor], Mapping[str, float]]
    motion: Callable[[torch.Tensor], torch.Tensor]
    look: Look

    def film(self, field: torch.Tensor) -> torch.Tensor:
        """Return all frames (T, S, S, 4) with some field."""
        return self.look.film(self.motion(field))


def run_fields(
    request: EstimateRequest,
    subjects: Iterable[FieldSubject],
    code: Code,
    stack: Mapping[str, str],
    *,
    folder: Path,
    state_root: Path,
) -> None:
    """Find every field by every method and write the job's files (see docs/files.md)."""

    def parts(run: Run) -> Iterator[Part]:
        for subject in subjects:
            yield _part(run, request, subject)

    carry_out(request, parts, code, stack, folder=folder, state_root=state_root)


def _part(run: Run, request: EstimateRequest, subject: FieldSubject) -> Part:
    """Find one field by every method."""
    rows: list[MetricRow] = []
    histories: list[pl.DataFrame] = []
    fields: dict[str, Tree] = {"truth": subject.truth.numpy(), "guess": subject.guess.numpy()}
    for method in methods(request.settings, request.job.variant):
        context = run.context(subject.name, "field", method, subject.name)
        field, found = _answer(run, request, subject, method)
        fields[method] = field.numpy()
        rows += _rows(context, request, subject, field, found)
        if found is not None:
            named = {"scene": pl.lit(subject.name), "method": pl.lit(method)}
            histories.append(found.history.with_columns(**named))
    return Part({subject.name: fields}, histories, rows)


def _answer(
    run: Run, request: EstimateRequest, subject: FieldSubject, method: str
) -> tuple[torch.Tensor, Estimate | None]:
    """Return the field that a method answers with, and its search if it has one; `random` is the first guess."""
    if method not in SEARCHES:
        return subject.guess, None
    part = f"{subject.name}-{method}"

    def search() -> Estimate:
        loss = subject.loss_of(method)
        return estimate(
            {FIELD: subject.guess},
            lambda leaves: loss(leaves[FIELD]),
            SearchSettings(iterations=request.settings.iterations, lr=request.settings.lr, finish=0),
            run.workdir / part,
            run_id=run.name(part),
            seeds=request.seeds(subject.name),
        )

    found = run.once(part, search)
    return torch.tensor(found.values[FIELD], dtype=DTYPE), found


def _rows(
    context: RowContext,
    request: EstimateRequest,
    subject: FieldSubject,
    field: torch.Tensor,
    found: Estimate | None,
) -> list[MetricRow]:
    """Return the errors of a field beside those of the first guess, and what the search cost."""
    first = subject.measure(subject.guess)
    rows = []
    for metric, value in subject.measure(field).items():
        kind, name = metric.split("/")
        unit = request.units.get(metric, "")
        rows.append(context.row(metric, value, unit=unit, better="lower"))
        rows.append(context.row(f"{kind}_start/{name}", first[metric], unit=unit))
    return [*rows, *search_rows(context, found)]
