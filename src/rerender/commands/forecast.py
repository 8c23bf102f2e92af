"""`rerender plan TARGET`: what all jobs that lead to a target will cost, judging by those that ran.

A job that ran costs what its benchmark file says; another one what the jobs of its rule took on average; a rule of which
no job ran, what `profiles/slurm/costs.yaml` says. The wall time at so many GPUs is that of list scheduling over the
graph, with as many cores as needed for the jobs without a GPU. Disk is the mean size of finished jobs' outputs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import yaml

from rerender.commands.benchmarks import read_benchmark
from rerender.core.errors import UserError
from rerender.core.files import write_text
from rerender.runtime.list_scheduling import Task, makespan

if TYPE_CHECKING:
    from rerender.commands.dag import Job

COSTS = Path("profiles/slurm/costs.yaml")
SAVED = Path("benchmarks/out/plans.json")
GPUS = (1, 4, 16)


@dataclass(frozen=True)
class Forecast:
    """All jobs of a target with what each takes [s] (None: unknown), and the sizes of finished ones by rule [B]."""

    jobs: tuple[Job, ...]
    seconds: tuple[float | None, ...]
    measured: Mapping[str, float]
    sizes: Mapping[str, float]

    @property
    def unknown(self) -> dict[str, int]:
        """Rule -> number of its jobs, for rules without any measurement."""
        rules = [job.rule for job, cost in zip(self.jobs, self.seconds, strict=True) if cost is None]
        return {rule: rules.count(rule) for rule in dict.fromkeys(rules)}

    def hours(self, paper: str, gpu: bool) -> float:
        """Sum of what the jobs of a paper take that do, or do not, use a GPU [h]."""
        pairs = zip(self.jobs, self.seconds, strict=True)
        return sum(cost or 0 for job, cost in pairs if paper_of(job) == paper and job.gpu == gpu) / 3600

    def gigabytes(self, paper: str) -> float:
        """Size of all outputs of a paper [GB]; nothing is temporary, so this is also the peak."""
        return sum(self.sizes.get(job.rule, 0) for job in self.jobs if paper_of(job) == paper) / 1e9

    def wall_hours(self, gpus: int, *, remaining: bool = False) -> float:
        """Time from the first start to the last end [h], of all jobs or of those that would run now."""
        made_by = {file: number for number, job in enumerate(self.jobs) for file in job.outputs}
        tasks: dict[Hashable, Task] = {
            number: Task(
                duration=0.0 if remaining and not job.reason else cost or 0.0,
                worker="gpu" if job.gpu else "cpu",
                after=tuple(sorted({made_by[file] for file in job.inputs if file in made_by})),
            )
            for number, (job, cost) in enumerate(zip(self.jobs, self.seconds, strict=True))
        }
        return makespan(tasks, {"gpu": gpus}) / 3600

    def slurm_jobs(self) -> int:
        """Number of Slurm jobs, with the batches of the site file, if every batch could be filled."""
        from rerender.runtime.slurm_site import SITE_FILE, Site, read_site
        from snakemake_executor_plugin_patient_slurm.batches import batch_size

        site = read_site() if SITE_FILE.exists() else Site()
        costs = read_costs()
        count = 0
        for rule in dict.fromkeys(job.rule for job in self.jobs if not job.local):
            size = batch_size(costs.get(rule), site.batch.minutes, site.batch.most)
            count += -(-sum(job.rule == rule for job in self.jobs) // size)
        return count


def forecast(jobs: Sequence[Job], costs: Mapping[str, float]) -> Forecast:
    """Look up what jobs took, and what their like will take; `costs` are minutes by rule for want of better."""
    took = [_took(job) for job in jobs]
    measured = {}
    for rule in dict.fromkeys(job.rule for job in jobs):
        known = [time for job, time in zip(jobs, took, strict=True) if job.rule == rule and time is not None]
        if known:
            measured[rule] = fmean(known)
    guesses = {rule: 60 * minutes for rule, minutes in costs.items()}
    seconds = [
        0.0 if job.local else time if time is not None else measured.get(job.rule, guesses.get(job.rule))
        for job, time in zip(jobs, took, strict=True)
    ]
    return Forecast(tuple(jobs), tuple(seconds), measured, _sizes(jobs))


def _took(job: Job) -> float | None:
    """Return the wall time of a job that ran [s]."""
    file = Path(job.benchmark)
    times = read_benchmark(file) if job.benchmark and file.is_file() else None
    return times[1] if times else None


def _sizes(jobs: Sequence[Job]) -> dict[str, float]:
    """Return rule -> mean size of the outputs of its finished jobs [B]."""
    sizes: dict[str, list[int]] = {}
    for job in jobs:
        files = [Path(name) for name in job.outputs]
        if files and all(file.exists() for file in files):
            sizes.setdefault(job.rule, []).append(sum(_size(file) for file in files))
    return {rule: fmean(values) for rule, values in sizes.items()}


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def paper_of(job: Job) -> str:
    """Return the paper that a job belongs to, by the first word of its rule."""
    from rerender.workflow.targets import PAPERS

    first = job.rule.partition("_")[0]
    return first if first in PAPERS else "shared"


def describe(name: str, plan: Forecast, gpus: Sequence[int] = GPUS) -> Iterator[str]:
    """Yield the lines of a plan."""
    work = [job for job in plan.jobs if not job.local]
    left = sum(bool(job.reason) for job in work)
    yield f"{name}: {len(work)} jobs, {left} of them to run; about {plan.slurm_jobs()} Slurm jobs on a cluster"
    for paper in sorted({paper_of(job) for job in work}):
        count = sum(paper_of(job) == paper for job in work)
        yield (
            f"  {paper:<12} {count:>5} jobs {plan.hours(paper, True):>9.2f} GPU h {plan.hours(paper, False):>9.2f} CPU h"
            f" {plan.gigabytes(paper):>8.2f} GB"
        )
    if len(plan.unknown) < len({job.rule for job in work}):
        for title, remaining in (("all of it", False), ("what is left", True)):
            spans = ", ".join(f"{n} GPUs {plan.wall_hours(n, remaining=remaining):.2f} h" for n in gpus)
            yield f"  wall time of {title}: {spans}"
    if plan.unknown:
        listed = ", ".join(f"{rule} ({count})" for rule, count in plan.unknown.items())
        yield f"  counted as nothing, because none has run: {listed}"
        yield f"  measure one of each: rerender plan {name} --calibrate"


def compare(plan: Forecast, planned: Mapping[str, float]) -> Iterator[str]:
    """Yield, for every rule, what a saved plan expected of a job beside what its jobs took."""
    for rule, expected in planned.items():
        if rule in plan.measured and expected > 0:
            actual = plan.measured[rule]
            change = 100 * (actual / expected - 1)
            yield f"  {rule:<28} planned {expected:>9.1f} s, actual {actual:>9.1f} s ({change:+.0f}%)"


def expectations(plan: Forecast) -> dict[str, float]:
    """Return rule -> expected time of a job [s], to be saved."""
    found: dict[str, list[float]] = {}
    for job, cost in zip(plan.jobs, plan.seconds, strict=True):
        if cost is not None and not job.local:
            found.setdefault(job.rule, []).append(cost)
    return {rule: fmean(values) for rule, values in found.items()}


def save(name: str, plan: Forecast, file: Path = SAVED) -> None:
    """Keep what a plan expects, to compare with later."""
    write_text(file, json.dumps({**saved(file), name: expectations(plan)}, indent=1))


def saved(file: Path = SAVED) -> dict[str, dict[str, float]]:
    """Return the saved plans by name."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def read_costs(file: Path = COSTS) -> dict[str, float]:
    """Return rule -> minutes, from the file that batches are sized by."""
    return dict(yaml.safe_load(file.read_text(encoding="utf-8")) or {}) if file.exists() else {}


def write_costs(plan: Forecast, file: Path = COSTS) -> None:
    """Put what was measured into the file that batches are sized by; its opening comment stays."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    comment = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    measured = {rule: max(0.01, round(seconds / 60, 2)) for rule, seconds in plan.measured.items()}
    write_text(file, comment + yaml.safe_dump({**read_costs(file), **measured}))


def probes(plan: Forecast) -> list[str]:
    """Return one file of each rule that was never measured: making them measures one job of every kind."""
    found: dict[str, str] = {}
    for job in plan.jobs:
        if not job.local and job.rule not in plan.measured and job.outputs:
            found.setdefault(job.rule, job.outputs[0])
    return list(found.values())


def calibrate(files: Sequence[str], arguments: Sequence[str]) -> None:
    """Make files by Snakemake, so that their jobs leave benchmarks."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--", *files]
    if subprocess.run(command, check=False).returncode:
        raise UserError(
            "the calibration did not finish", "What has run counts; mend the error above, and repeat."
        )
