"""What a batch asks of Slurm: the resources of its members, adapted to the site, and the script that runs on the node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rerender.runtime.slurm_site import GpuPlace, Site
from snakemake_executor_plugin_patient_slurm.batches import runtime_of

SNAKEMAKE_MB = 200
"""What Snakemake itself takes beside the work; measured: 125 to 140 MB."""

PRELOAD_MB = 400
"""What a batch takes for libraries that are loaded ahead; counted twice where memory is not counted by cgroups."""

GPU_NAMES = ("gpu", "gpus", "nvidia_gpu")

SCRIPT = """\
#!/bin/sh
# srun must not take this job's own limits for those of its step; the configuration's place it must keep
for name in $(env | sed -n 's/^\\(\\(SLURM\\|SRUN\\|SBATCH\\)_[A-Za-z0-9_]*\\)=.*/\\1/p'); do
    case $name in
        SLURM_CONF|SLURM_JOB_ID|SLURM_JOBID|SLURM_CLUSTER_NAME|SLURM_RESTART_COUNT|SLURM_SUBMIT_*) ;;
        *) unset "$name" ;;
    esac
done
# before Python starts, because libraries read them once
export {threads}
exec srun -n1 --cpu-bind=q {flags} {command}
"""


class Resources(dict[str, Any]):
    """A dictionary whose entries are attributes as well, as the upstream plugin expects of a job's resources."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True)
class Request:
    """The part of a job that the upstream plugin reads when it composes the command line of sbatch."""

    name: str
    threads: int
    resources: Resources

    def is_group(self) -> bool:
        """Say that this is not one of Snakemake's group jobs."""
        return False


def asks_for_gpu(resources: Mapping[str, Any]) -> bool:
    """Say whether a job needs a GPU."""
    return any(resources.get(name) for name in GPU_NAMES) or "gpu" in str(resources.get("gres", ""))


def too_large(jobs: Iterable[Any], site: Site) -> list[str]:
    """Say which rules ask for more memory than a job may have at the site; one sentence each."""
    sentences = {}
    for job in jobs:
        kind = "gpu" if asks_for_gpu(job.resources) else "cpu"
        most, memory = getattr(site, kind).max_memory_mb, job.resources.get("mem_mb")
        if isinstance(memory, int) and memory > most:
            sentences[job.name] = (
                f"Rule {job.name} asks for {memory} MB and the site file allows {most} MB ({kind}.max_memory_mb): raise that "
                f"if the nodes have more, or try the rule with less: --set-resources {job.name}:mem_mb={most}"
            )
    return list(sentences.values())


def request_for(jobs: Sequence[Any], site: Site, cost: float | None = None) -> Request:
    """Compose the request of a batch: the resources of its first job, which the others share, for all of them.

    Memory and time limit grow with every attempt, because the last one may have lacked either.
    """
    first = jobs[0]
    resources = Resources({name: value for name, value in first.resources.items() if value is not None})
    place = site.gpu if asks_for_gpu(resources) else site.cpu
    growth = site.growth ** (first.attempt - 1)
    if isinstance(limit := resources.get("runtime"), int):
        once = min(place.max_runtime, int(limit * growth))
        resources["runtime"] = runtime_of([once] * len(jobs), cost, place.max_runtime)
    if isinstance(memory := resources.get("mem_mb"), int):
        resources["mem_mb"] = min(place.max_memory_mb, int(memory * growth))
        resources["mem_mb"] += SNAKEMAKE_MB + (PRELOAD_MB if len(jobs) > 1 else 0)
    if place.partition:
        resources.setdefault("slurm_partition", place.partition)
    if site.account:
        resources.setdefault("slurm_account", site.account)
    if isinstance(place, GpuPlace) and "gres" not in resources:
        _ask_for_gpu(resources, place)
    warning = f"--signal=TERM@{site.warning}" if site.warning else ""
    extra = " ".join(filter(None, [resources.get("slurm_extra", ""), place.extra, warning]))
    if extra:
        resources["slurm_extra"] = extra
    return Request(first.name, first.threads, resources)


def _ask_for_gpu(resources: Resources, place: GpuPlace) -> None:
    """Write the wish for a GPU in the way of the site."""
    count = next(resources.pop(name) for name in GPU_NAMES if resources.get(name))
    model = resources.pop("gpu_model", place.type)
    if place.request == "gres":
        resources["gres"] = ":".join(filter(None, ["gpu", model, str(count)]))
    else:
        resources["gpu"] = count
        if model:
            resources["gpu_model"] = model


def script(command: str, flags: str, threads: int) -> str:
    """Return the batch script: one step, so that scancel and time limits signal the work and not only the shell."""
    variables = " ".join(f"{name}={value}" for name, value in thread_variables(threads).items())
    return SCRIPT.format(command=command, flags=flags, threads=variables)


def thread_variables(threads: int) -> dict[str, str]:
    """Return the environment in which numerical libraries use so many threads; the list is Snakemake's own."""
    names = ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")
    return {**{f"{name}_NUM_THREADS": str(threads) for name in names}, "VECLIB_MAXIMUM_THREADS": str(threads)}
