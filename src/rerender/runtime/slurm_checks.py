"""Does the site file fit the cluster? Asked of Slurm itself: `sinfo`, and `sbatch --test-only`, which submits nothing."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rerender.core.errors import UserError, closest_first
from rerender.runtime.checks import SHARED_FILE_SYSTEMS, file_system
from rerender.runtime.doctor import Check
from rerender.runtime.slurm_site import SITE_FILE, GpuPlace, Place, Site, read_site

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")


@dataclass(frozen=True)
class Partition:
    """What `sinfo` says of a partition: longest time [min], most memory of a node [MB], types of GPU by node."""

    name: str
    default: bool
    up: bool
    minutes: float
    memory_mb: int
    gpus: tuple[str, ...]


def slurm_checks(root: Path, site_file: Path = SITE_FILE) -> list[Check]:
    """Check the site file of the project folder `root` against the cluster that this machine submits to."""
    try:
        site = read_site(root / site_file)
    except UserError as error:
        return [Check("site", "fail", error.message, error.hint)]
    checks = [Check("site", "ok", str(site_file))]
    if missing := [name for name in COMMANDS if shutil.which(name) is None]:
        fix = "Run this on a machine from which jobs are submitted, such as the login node."
        return [*checks, Check("slurm", "fail", f"not found: {', '.join(missing)}", fix)]
    said = _run("sinfo", "-h", "-o", "%P|%a|%l|%m|%G")
    if said.returncode:
        return [*checks, Check("slurm", "fail", f"sinfo: {said.stderr.strip()}", "Is the cluster up?")]
    partitions = parse_partitions(said.stdout)
    version = _run("sinfo", "--version").stdout.strip()
    checks.append(Check("slurm", "ok", f"{version}; partitions: {', '.join(partitions)}"))
    for kind, place in (("cpu", site.cpu), ("gpu", site.gpu)):
        checks += place_checks(kind, place, partitions, site)
    return [*checks, versions_check(), shared_folder(root), remembered()]


def parse_partitions(text: str) -> dict[str, Partition]:
    """Read the lines of `sinfo -h -o '%P|%a|%l|%m|%G'`: one for each kind of node in a partition."""
    found: dict[str, Partition] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        marked, up, limit, memory, gres = (word.strip() for word in line.split("|"))
        name = marked.rstrip("*")
        other = found.get(name)
        gpus = tuple(gpu_types(gres))
        found[name] = Partition(
            name=name,
            default=marked.endswith("*"),
            up=up == "up",
            minutes=parse_minutes(limit),
            memory_mb=max(int(memory.rstrip("+")), other.memory_mb if other else 0),
            gpus=(*(other.gpus if other else ()), *gpus),
        )
    return found


def gpu_types(gres: str) -> list[str]:
    """Return the types of GPU in a text such as `gpu:h100:4(S:0-1),nvme:1`; an empty name for one without type."""
    parts = [part.partition("(")[0].split(":") for part in gres.split(",")]
    return [words[1] if len(words) > 2 else "" for words in parts if words[0] == "gpu"]


def parse_minutes(text: str) -> float:
    """Turn Slurm's `[days-]hours:minutes:seconds`, `minutes:seconds` or `infinite` into minutes."""
    if text in ("infinite", "UNLIMITED"):
        return float("inf")
    days, _, clock = text.rpartition("-")
    parts = [int(part) for part in clock.split(":")]
    hours, minutes, seconds = ([0] * (3 - len(parts)) + parts)[:3]
    return (int(days or 0) * 24 + hours) * 60 + minutes + seconds / 60


def place_checks(kind: str, place: Place, partitions: dict[str, Partition], site: Site) -> list[Check]:
    """Check the partition of one kind of jobs, its limits, and with `sbatch --test-only` the largest request."""
    where = f"in {SITE_FILE}"
    name = place.partition or next((one.name for one in partitions.values() if one.default), "")
    if not name:
        fix = f"Set {kind}.partition {where} to one of: {', '.join(partitions)}."
        return [Check(f"{kind} partition", "fail", "the cluster has no default partition", fix)]
    if name not in partitions:
        near = ", ".join(closest_first(name, partitions))
        return [
            Check(
                f"{kind} partition", "fail", f"there is no '{name}'", f"Set {kind}.partition {where}: {near}."
            )
        ]
    one, wrong = partitions[name], []
    if not one.up:
        wrong.append(("is not up", "Wait, or name another one."))
    if place.max_runtime > one.minutes:
        wrong.append(
            (f"ends jobs after {one.minutes:.0f} minutes", f"Set {kind}.max_runtime: {int(one.minutes)}")
        )
    if place.max_memory_mb > one.memory_mb:
        wrong.append(
            (f"has nodes with {one.memory_mb} MB at most", f"Set {kind}.max_memory_mb: {one.memory_mb}")
        )
    if isinstance(place, GpuPlace):
        if not one.gpus:
            others = [other.name for other in partitions.values() if other.gpus]
            wrong.append(("has no GPU", f"Partitions with GPUs: {', '.join(others) or 'none'}."))
        elif place.type and place.type not in one.gpus:
            known = ", ".join(sorted(set(one.gpus) - {""})) or "none has a name: leave it empty"
            wrong.append((f"has no GPU of type '{place.type}'", f"Set gpu.type {where}: {known}."))
    if wrong:
        return [Check(f"{kind} partition", "fail", f"{name} {text}", fix) for text, fix in wrong]
    return [largest_request(kind, place, name, site)]


def largest_request(kind: str, place: Place, partition: str, site: Site) -> Check:
    """Ask Slurm whether it would take a job with all that the site file allows."""
    options = [*(["-A", site.account] if site.account else []), "-p", partition, *shlex.split(place.extra)]
    options += [
        "-t",
        str(place.max_runtime),
        f"--mem={place.max_memory_mb}",
        "--cpus-per-task=1",
        "--ntasks=1",
    ]
    if isinstance(place, GpuPlace):
        wish = ":".join(filter(None, [place.type, "1"]))
        options.append(f"--gres=gpu:{wish}" if place.request == "gres" else f"--gpus={wish}")
    said = _run("sbatch", "--test-only", *options, "--wrap", "true")
    text = f"{partition}, {place.max_runtime} min, {place.max_memory_mb} MB"
    if said.returncode == 0:
        return Check(f"{kind} jobs", "ok", text)
    why = said.stderr.strip().splitlines()[-1:] or ["no reason given"]
    return Check(f"{kind} jobs", "fail", f"refused: {why[0]}", f"Asked: sbatch {shlex.join(options)}")


def versions_check() -> Check:
    """The executor plugin refuses to run with versions it was not tested with."""
    from snakemake_executor_plugin_patient_slurm.versions import complaint, untested

    found = untested()
    if found:
        return Check("executor", "fail", "untested versions", complaint(found))
    return Check("executor", "ok", "patient-slurm, with the versions it was tested with")


def shared_folder(root: Path) -> Check:
    """Nodes and this machine must see the same project folder."""
    kind = file_system(root.resolve())
    if kind in SHARED_FILE_SYSTEMS:
        return Check("shared folder", "ok", f"the project is on {kind}")
    fix = (
        "Type: srun ls Snakefile     in this folder; if that fails, move the project to a shared file system."
    )
    return Check(
        "shared folder",
        "warn",
        f"the project is on {kind or 'an unknown file system'}; do nodes see it?",
        fix,
    )


def remembered() -> Check:
    """How long the controller knows jobs that have ended; only for those that leave no mark of their own."""
    lines = _run("scontrol", "show", "config").stdout.splitlines()
    age = next((line.partition("=")[2].strip() for line in lines if line.strip().startswith("MinJobAge")), "")
    seconds = int(age.split()[0]) if age[:1].isdigit() else 0
    if seconds >= 60:
        return Check("squeue", "ok", f"jobs that ended are listed for {seconds} s")
    fix = "With an accounting database set patient-slurm-status-command: sacct in profiles/slurm/config.yaml."
    return Check("squeue", "warn", f"jobs that ended are listed for {seconds} s only", fix)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    arguments: Sequence[str] = command
    try:
        return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(arguments, 1, "", "no answer within a minute")
