"""What Snakemake would do for a target: its job, the jobs before it, and why each would run.

A dry run through Snakemake's own interface. Heavy: imports Snakemake and parses the workflow.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rerender.core.errors import UserError

_WAS = re.compile(r"Finished \(was: (.*)\)", re.DOTALL)
_MODULE = re.compile(r"[\"'](rerender(?:\.\w+)*)[\"']")


@dataclass(frozen=True)
class Job:
    """One job of the graph. `reason` is empty for a job that need not run. `local`: it only collects files."""

    rule: str
    snakefile: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: Mapping[str, Any]
    wildcards: Mapping[str, str]
    reason: str
    benchmark: str = ""
    gpu: bool = False
    local: bool = False


@dataclass(frozen=True)
class Plan:
    """The job of a target, and all jobs before it."""

    job: Job
    before: tuple[Job, ...]


def plan(
    target: str, *, snakefile: Path = Path("Snakefile"), config: Mapping[str, Any] | None = None
) -> Plan:
    """Ask Snakemake what it would do for `target`, a file or the name of a rule."""
    jobs = jobs_of(target, snakefile=snakefile, config=config)
    for job in jobs:
        if target in job.outputs or target == job.rule:
            return Plan(job, tuple(other for other in jobs if other is not job))
    raise UserError(f"no job makes {target}", "Name a file or a rule of the workflow.")


def jobs_of(
    *targets: str, snakefile: Path = Path("Snakefile"), config: Mapping[str, Any] | None = None
) -> list[Job]:
    """Return all jobs that lead to some files or rules, finished ones included."""
    if not snakefile.is_file():
        raise UserError(f"there is no {snakefile} here", "Change to the folder of the workflow.")
    from snakemake.exceptions import RuleException, WorkflowError

    said = io.StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(said):
            return _dry_run(targets, snakefile, config or {})
    except (RuleException, WorkflowError) as error:
        raise UserError(
            f"Snakemake cannot plan {', '.join(targets)}: {error}", "Name a file or a rule of the workflow."
        ) from None


def _dry_run(targets: tuple[str, ...], snakefile: Path, config: Mapping[str, Any]) -> list[Job]:
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import (
        ConfigSettings,
        DAGSettings,
        ExecutionSettings,
        OutputSettings,
        Quietness,
        ResourceSettings,
    )

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, dryrun=True)) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(config=dict(config)),
            snakefile=snakefile,
        )
        dag = workflow.dag(DAGSettings(targets=frozenset(targets)))
        dag.execute_workflow(executor="dryrun", execution_settings=ExecutionSettings(lock=False))
        graph = workflow._workflow.dag  # the interface offers no other way to the jobs
        return [_job(graph, job) for job in graph.jobs]


def _job(graph: Any, job: Any) -> Job:
    reason = str(graph.reason(job)) if graph.needrun(job) else ""
    was = _WAS.fullmatch(reason)
    return Job(
        rule=job.rule.name,
        snakefile=str(job.rule.snakefile),
        inputs=tuple(map(str, job.input)),
        outputs=tuple(map(str, job.output)),
        params=dict(job.params.items()),
        wildcards=dict(job.wildcards_dict),
        reason=was[1] if was else reason,
        benchmark=str(job.benchmark or ""),
        gpu=bool(job.resources.get("gpu")),
        local=not job.output,
    )


def modules_of_rule(text: str, rule: str) -> tuple[str, ...]:
    """Read the modules that a rule names in `params: code=code("…")` from the text of its file."""
    block = re.search(
        rf"^\s*(?:rule|checkpoint) {re.escape(rule)}:(.*?)(?=^\s*(?:rule|checkpoint) \w+:|\Z)",
        text,
        re.S | re.M,
    )
    code = re.search(r"\bcode\s*=\s*\w+\((.*?)\)", block[1], re.S) if block else None
    return tuple(_MODULE.findall(code[1])) if code else ()
