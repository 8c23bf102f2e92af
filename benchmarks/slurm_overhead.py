"""What Slurm and Snakemake cost a run: upstream executor, ours with one run a job, ours in batches.

    python benchmarks/slurm_overhead.py [--runs 200] [--batch 50] [--few 12]

Runs that do nothing, then runs that only import torch, Mitsuba and SciPy, which a batch does mostly once.

Needs the Debian packages of tests/slurm (slurmctld slurmd slurm-client munge); the cluster is thrown away afterwards.
`cluster s/run` is the time that Slurm jobs hold their resources, divided by the runs: what a site would charge for
runs that do nothing. Compare the lines of one call with each other; the machine sets their level.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.slurm.cluster import Cluster  # noqa: E402

WORKFLOW = """
rule tiny:
    output: "out/{{k}}.txt"
    log: "logs/{{k}}.log"
    benchmark: "benchmarks/{{k}}.tsv"
    threads: 1
    {work}

rule all:
    input: expand("out/{{k}}.txt", k=range({runs}))
    localrule: True
"""
NOTHING = 'shell: "echo {wildcards.k} > {output} 2> {log}"'
IMPORTS = 'script: "imports.py"'
COMMON = ("--jobs", "1000", "--latency-wait", "10", "--seconds-between-status-checks", "1")
DEFAULTS = ("--default-resources", "mem_mb=800", "runtime=10", "slurm_partition=cpu")
UPSTREAM = (
    *("--executor", "slurm", "--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "5"),
)
OURS = (
    *("--executor", "patient-slurm", "--patient-slurm-status-command", "squeue"),
    *("--patient-slurm-site", "site.yaml", "--patient-slurm-costs", "costs.yaml"),
)


def measure(
    cluster: Cluster, name: str, runs: int, batch: int, options: tuple[str, ...], work: str = NOTHING
) -> None:
    """Run the workflow once and print a line."""
    with tempfile.TemporaryDirectory(prefix="slurm-cost-") as text:
        folder = Path(text).resolve()
        (folder / "Snakefile").write_text(WORKFLOW.format(runs=runs, work=work))
        (folder / "imports.py").write_text(
            "import mitsuba, scipy.optimize, torch\nopen(snakemake.output[0], 'w').close()\n"
        )
        (folder / "site.yaml").write_text(
            f"batch: {{minutes: {batch if batch > 1 else 0}, most: 1000}}\ncpu: {{max_runtime: 60}}\n"
        )
        (folder / "costs.yaml").write_text("tiny: 1\n")
        shim = folder / "bin/srun"  # the upstream executor takes SLURM_CONF away from it
        shim.parent.mkdir()
        shim.write_text(f'#!/bin/sh\nSLURM_CONF={cluster.config} exec /usr/bin/srun "$@"\n')
        shim.chmod(0o755)
        path = f"{shim.parent}{os.pathsep}{cluster.environment['PATH']}"
        environment = {**cluster.environment, "PATH": path, "PYTHONPATH": str(ROOT / "src")}
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "all", *options, *COMMON, *DEFAULTS],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        wall = time.monotonic() - began
        if done.returncode:
            sys.exit(done.stdout[-4000:])
        held = [elapsed(cluster, job) for job in cluster.jobs(folder, "all")]
        print(
            f"{name:<22} {runs:>5} runs {len(held):>5} Slurm jobs {wall:>8.1f} s wall "
            f"{sum(held) / runs:>8.2f} cluster s/run",
            flush=True,
        )


def elapsed(cluster: Cluster, job: str) -> float:
    """Return how long a job held its resources [s]."""
    said = cluster.run("scontrol", "show", "job", job)
    found = re.search(r"RunTime=(?:(\d+)-)?(\d+):(\d+):(\d+)", said)
    assert found, said
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def main() -> None:
    """Measure all ways."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--few", type=int, default=12, help="runs of the two ways that start a job for each")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        cluster = Cluster(Path(folder))
        cluster.cpus = len(os.sched_getaffinity(0)) // 2 or 1  # as many jobs at once as there are cores
        try:
            cluster.start()
            measure(cluster, "upstream", arguments.few, 1, UPSTREAM)
            measure(cluster, "ours, one run a job", arguments.few, 1, OURS)
            measure(cluster, f"ours, batches of {arguments.batch}", arguments.runs, arguments.batch, OURS)
            print("importing torch, Mitsuba and SciPy:")
            measure(cluster, "ours, one run a job", arguments.few // 2, 1, OURS, IMPORTS)
            measure(cluster, "ours, batches of 12", 2 * arguments.few, 12, OURS, IMPORTS)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
