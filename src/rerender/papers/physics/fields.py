"""A job of fields: one unknown number or vector for every particle, found from video or positions (Table 3).

Such problems are ill-posed: many fields explain a video. So every error stands beside that of the first guess, and
errors of sums, which are identifiable, beside those of particles (fact sheet, section 4.4).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import torch

from rerender.core.files import Tree
from rerender.papers.physics.estimation import Estimate, estimate
from rerender.papers.physics.outputs import row_context, write_job
from rerender.papers.physics.specs import SearchSettings
from rerender.papers.physics.subjects import DTYPE, EstimateRequest
from rerender.provenance.host import Stopwatch
from rerender.provenance.manifest import Code, run_id
from rerender.reporting.jobfiles import JobFiles
from rerender.reporting.rows import MetricRow, RowContext

FIELD = "field"
SEARCHES = ("gradsim", "diffphysics")


@dataclass(frozen=True)
class FieldSubject:
    """One object: true and guessed field, both as they are optimised, and what methods need.

    `loss_of(method)` makes the loss of a search; `measure(field)` says how wrong a field is, metric -> value, each of
    them better if lower; `film(field)` renders all frames (T, h, w, 4).
    """

    name: str
    truth: torch.Tensor
    guess: torch.Tensor
    loss_of: Callable[[str], Callable[[torch.Tensor], torch.Tensor]]
    measure: Callable[[torch.Tensor], Mapping[str, float]]
    film: Callable[[torch.Tensor], torch.Tensor]


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
    watch = Stopwatch.start()
    torch.set_num_threads(request.threads)
    identity = run_id(request.parameters(), code.fingerprint, {}, stack)
    rows: list[MetricRow] = []
    histories: list[pl.DataFrame] = []
    final: dict[str, Tree] = {}
    for subject in subjects:
        context = row_context(
            request.job,
            subject.name,
            "field",
            tier=request.tier,
            run_id=f"{identity}-{subject.name}",
            code=code,
            stack=stack,
        )
        fields: dict[str, Tree] = {"truth": subject.truth.numpy(), "guess": subject.guess.numpy()}
        for method in request.settings.methods:
            field, found = _answer(request, subject, method, state_root / identity, identity)
            fields[method] = field.numpy()
            rows += _rows(replace(context, method=method), request, subject, field, found)
            if found is not None:
                named = {"scene": pl.lit(subject.name), "method": pl.lit(method)}
                histories.append(found.history.with_columns(**named))
        final[subject.name] = fields
    write_job(
        JobFiles(folder),
        request.job,
        run_id=identity,
        parameters=request.parameters(),
        final=final,
        histories=histories,
        rows=rows,
        code=code,
        stack=stack,
        watch=watch,
    )
    shutil.rmtree(state_root / identity, ignore_errors=True)


def _answer(
    request: EstimateRequest, subject: FieldSubject, method: str, workdir: Path, identity: str
) -> tuple[torch.Tensor, Estimate | None]:
    """Return the field that a method answers with, and its search if it has one; `random` is the first guess."""
    if method not in SEARCHES:
        return subject.guess, None
    loss = subject.loss_of(method)
    found = estimate(
        {FIELD: subject.guess},
        lambda leaves: loss(leaves[FIELD]),
        SearchSettings(iterations=request.settings.iterations, lr=request.settings.lr, finish=0),
        workdir / f"{subject.name}-{method}",
        run_id=f"{identity}-{subject.name}-{method}",
        seeds=request.seeds(subject.name),
    )
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
    if found is None:
        return rows
    return [
        *rows,
        context.row("evaluations", found.evaluations, better="lower"),
        context.row("loss_first", found.first_loss),
        context.row("loss_best", found.loss),
        context.row("wall_s", found.wall_s),
    ]
