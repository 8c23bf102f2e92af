"""What every physics job leaves behind: its columns of metric rows, and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from rerender.core.files import Tree, atomic_path, save_tree
from rerender.papers.physics.grid import Job
from rerender.papers.physics.specs import NO_LIGHT
from rerender.provenance.host import Stopwatch
from rerender.provenance.manifest import Code, write_manifest
from rerender.provenance.stack import stack_fingerprint
from rerender.reporting.jobfiles import JobFiles
from rerender.reporting.rows import MetricRow, RowContext, write_rows

BACKEND = "warp_cpu"
"""What simulates and renders, as metric rows name it."""


def row_context(
    job: Job,
    scene: str,
    representation: str,
    *,
    tier: str,
    run_id: str,
    code: Code,
    stack: Mapping[str, str],
    method: str,
) -> RowContext:
    """Return the columns that rows of an object by a method share."""
    return RowContext(
        paper="physics",
        experiment=job.experiment,
        scene=scene,
        envmap=NO_LIGHT,
        method=method,
        representation=representation,
        variant=job.variant,
        seed=job.seed,
        tier=tier,
        backend=BACKEND,
        device="cpu",
        run_id=run_id,
        code=code.fingerprint,
        stack=stack_fingerprint(stack),
        assets="standin",
    )


def error_rows(context: RowContext, name: str, unit: str, true: float, value: float) -> list[MetricRow]:
    """Return the errors of one parameter, absolute and relative, and what they are made of."""
    error = abs(value - true)
    return [
        context.row(f"abs_error/{name}", error, unit=unit, better="lower"),
        context.row(f"rel_error/{name}", error / true, better="lower"),
        context.row(f"truth/{name}", true, unit=unit),
        context.row(f"value/{name}", value, unit=unit),
    ]


def write_job(
    run: JobFiles,
    job: Job,
    *,
    run_id: str,
    parameters: Mapping[str, Any],
    final: Tree,
    histories: Sequence[pl.DataFrame],
    rows: Sequence[MetricRow],
    code: Code,
    stack: Mapping[str, str],
    watch: Stopwatch,
) -> None:
    """Write the files of a job, the manifest last."""
    save_tree(run.final, final)
    with atomic_path(run.trace) as partial:
        pl.concat(histories, how="diagonal_relaxed").write_parquet(partial)
    write_rows(run.metrics, rows)
    write_manifest(
        run.manifest,
        stage=f"physics_{job.experiment}",
        run_id=run_id,
        parameters=parameters,
        inputs={},
        outputs={"final": run.final, "trace": run.trace, "metrics": run.metrics},
        code=code,
        stack=stack,
        seeds={"job": ["physics", job.experiment, job.seed]},
        backend=BACKEND,
        cost=watch.stop(gpus=0),
        assets="standin",
    )
