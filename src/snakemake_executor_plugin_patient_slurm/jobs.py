"""Snakemake's jobs as the executor sees them: what names one, which go together, and their common command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from snakemake_executor_plugin_slurm_jobstep import get_cpu_setting, get_gpu_setting, get_node_setting
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.utils import (
    encode_target_jobs_cli_args,
    format_cli_arg,
    join_cli_args,
)

from snakemake_executor_plugin_patient_slurm.batches import Member, digest_of, key_of


class Together:
    """Several jobs in the place where Snakemake's executors expect one."""

    def __init__(self, jobs: Sequence[Any], folder: Path, threads: int) -> None:
        self.jobs = jobs
        self.folder = folder
        self.threads = threads

    def is_group(self) -> bool:
        return False

    def arguments(self, dag: Any) -> str:
        """Return what tells Snakemake which jobs to run: one after the other, on the threads of one."""
        targets = encode_target_jobs_cli_args(self.jobs[0].get_target_spec())
        temporary = sorted({file for job in self.jobs for file in dag.get_unneeded_temp_files(job)})
        awaited = sorted({str(file) for job in self.jobs for file in job.get_wait_for_files()})
        files = self.folder / "wait_for_files.txt"
        files.write_text("\n".join(awaited) + "\n", encoding="utf-8")
        rules = sorted({rule for job in self.jobs for rule in job.rules})
        return str(
            join_cli_args(
                [
                    # the worker names the members of a batch, because it knows which are finished
                    format_cli_arg("--target-jobs", targets, skip=not self.jobs[0].is_group()),
                    format_cli_arg("--allowed-rules", rules, quote=False),
                    format_cli_arg("--cores", self.threads),
                    format_cli_arg("--attempt", self.jobs[0].attempt),
                    format_cli_arg("--force-use-threads", not self.jobs[0].is_group()),
                    format_cli_arg("--local-groupid", self.jobs[0].jobid, skip=not self.jobs[0].is_group()),
                    format_cli_arg("--unneeded-temp-files", temporary, skip=not temporary),
                    format_cli_arg("--wait-for-files-file", str(files), skip=not awaited),
                ]
            )
        )


def read_costs(path: Path | None) -> dict[str, float]:
    """Read the minutes that one job of a rule takes."""
    if path is None or not Path(path).exists():
        return {}
    values = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    if not isinstance(values, dict) or not all(isinstance(x, int | float) and x > 0 for x in values.values()):
        raise WorkflowError(
            f"{path} must say 'rule: minutes' on every line. Write it anew: rerender plan --calibrate"
        )
    return {str(rule): float(minutes) for rule, minutes in values.items()}


def member_of(job: Any) -> Member:
    """Return a job's record: its name, and a hash of all it is made from: parameters, code, state of its inputs."""
    persistence = job.dag.workflow.persistence
    inputs = [(str(path), os.stat(path).st_mtime_ns if os.path.exists(path) else 0) for path in job.input]
    made_from = [persistence._params(job), persistence._code(job.rule), inputs, list(map(str, job.output))]
    (target,) = encode_target_jobs_cli_args(job.get_target_spec())
    return Member(key_of(job.rule.name, job.wildcards_dict), digest_of(made_from), target)


def kind_of(job: Any) -> tuple[Any, ...]:
    """Return what must be equal for jobs to share a Slurm job."""
    if job.is_group():
        return ("group", job.jobid)
    wishes = {name: str(value) for name, value in job.resources.items() if name != "tmpdir"}
    return (job.rule.name, job.attempt, job.threads, *sorted(wishes.items()))


def step_options(request: Any) -> str:
    """Return srun's options for the one step of a job."""
    settings = (
        get_cpu_setting(request, bool(request.resources.get("gpu"))),
        get_gpu_setting(request),
        get_node_setting(request),
    )
    return " ".join(filter(None, settings))
