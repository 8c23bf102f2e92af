"""What all physics jobs do around their objects: an identity, answers that outlive a kill, and the files at the end."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import torch

from rerender.core.files import Tree, atomic_path, load_tree, save_tree
from rerender.papers.physics.estimation import Estimate
from rerender.papers.physics.grid import Job
from rerender.papers.physics.outputs import row_context, write_job
from rerender.provenance.host import Stopwatch
from rerender.provenance.manifest import Code, run_id
from rerender.reporting.jobfiles import JobFiles
from rerender.reporting.rows import MetricRow, RowContext


class Request(Protocol):
    """A job, and how it is run."""

    @property
    def job(self) -> Job: ...

    @property
    def tier(self) -> str: ...

    @property
    def threads(self) -> int: ...

    def parameters(self) -> dict[str, Any]:
        """Return the plain values that decide the result."""
        ...


@dataclass(frozen=True)
class Run:
    """A job under way: its identity, and where its searches keep what they need to carry on."""

    request: Request
    identity: str
    workdir: Path
    code: Code
    stack: Mapping[str, str]

    def name(self, *parts: str) -> str:
        """Return the identity of a part of the job."""
        return "-".join((self.identity, *parts))

    def context(self, scene: str, representation: str, method: str, part: str) -> RowContext:
        """Return the columns that rows of an object by a method share; `part` is what their run id ends with."""
        return row_context(
            self.request.job,
            scene,
            representation,
            tier=self.request.tier,
            run_id=self.name(part),
            code=self.code,
            stack=self.stack,
            method=method,
        )

    def once(self, name: str, search: Callable[[], Estimate]) -> Estimate:
        """Return what a search finds, or found before the job was killed: its answer is kept until the job ends."""
        folder = self.workdir / f"{name}-answer"
        answer, history = folder / "answer.npz", folder / "history.parquet"
        if answer.exists():
            return Estimate(**load_tree(answer), history=pl.read_parquet(history))
        found = search()
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(history) as partial:
            found.history.write_parquet(partial)
        kept = {key: value for key, value in vars(found).items() if key != "history"}
        save_tree(answer, kept)
        return found


@dataclass(frozen=True)
class Part:
    """What a job found of one object: entries of `final.npz`, histories and metric rows."""

    final: Mapping[str, Tree]
    histories: Sequence[pl.DataFrame]
    rows: Sequence[MetricRow]


def carry_out(
    request: Request,
    parts: Callable[[Run], Iterable[Part]],
    code: Code,
    stack: Mapping[str, str],
    *,
    folder: Path,
    state_root: Path,
) -> None:
    """Find all parts of a job, or those that a killed attempt lacked, and write its files (see docs/files.md)."""
    watch = Stopwatch.start()
    torch.set_num_threads(request.threads)
    identity = run_id(request.parameters(), code.fingerprint, {}, stack)
    run = Run(request, identity, state_root / identity, code, stack)
    found = list(parts(run))
    write_job(
        JobFiles(folder),
        request.job,
        run_id=identity,
        parameters=request.parameters(),
        final={name: tree for part in found for name, tree in part.final.items()},
        histories=[history for part in found for history in part.histories],
        rows=[row for part in found for row in part.rows],
        code=code,
        stack=stack,
        watch=watch,
    )
    shutil.rmtree(run.workdir, ignore_errors=True)


def search_rows(context: RowContext, found: Estimate | None) -> list[MetricRow]:
    """Return what a search cost, and its first and its lowest loss; nothing where no search was made."""
    if found is None:
        return []
    rows = [
        context.row("evaluations", found.evaluations, better="lower"),
        context.row("loss_first", found.first_loss),
        context.row("loss_best", found.loss),
        context.row("wall_s", found.wall_s),
    ]
    # searches without derivatives have none
    return (
        rows if math.isnan(found.evaluation_s) else [*rows, context.row("evaluation_s", found.evaluation_s)]
    )
