"""Why array jobs stay off, and why the plugin exists: what the upstream executor does on the same cluster.

When one of these fails after an update of the pins, a repair of ours may have become superfluous.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.slurm.conftest import Project

pytestmark = pytest.mark.flaky(reruns=1)  # real daemons have waits of their own

UNEVEN = '''
rule uneven:
    output: "out/{k}.txt"
    shell: """
        if [ {wildcards.k} = 1 ]; then  # the last to finish, however slow this machine is
            until [ -e done.2 ] && [ -e done.3 ] && [ -e done.4 ]; do sleep 0.2; done
            sleep 10
        fi
        echo {wildcards.k} > {output}
        touch done.{wildcards.k}
    """

rule all:
    input: expand("out/{k}.txt", k=range(1, 5))
    localrule: True
'''


def run_upstream(project: Project, *arguments: str) -> str:
    """Run Snakemake with the upstream executor; its job steps need to be told where the configuration is."""
    shim = project.folder / "bin/srun"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nSLURM_CONF={project.cluster.config} exec /usr/bin/srun "$@"\n')
    shim.chmod(0o755)
    environment = project.cluster.environment
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "snakemake",
                "all",
                "--executor",
                "slurm",
                "--jobs",
                "10",
                "--keep-going",
            ),
            *("--latency-wait", "1", "--seconds-between-status-checks", "1", *arguments),
            *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2"),
            *("--default-resources", "mem_mb=600", "runtime=5", "slurm_partition=cpu"),
        ],
        cwd=project.folder,
        env={**environment, "PATH": f"{shim.parent}{os.pathsep}{environment['PATH']}", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout


@pytest.mark.skipif(
    not os.environ.get("SLOW_TESTS"), reason="slow; after an update of the pins: SLOW_TESTS=1"
)
def test_array_jobs_lose_finished_results(project: Project) -> None:
    """Every task checks and cleans up the outputs of the first one, and fails because that one is slower."""
    (project.folder / "Snakefile").write_text(UNEVEN)
    said = run_upstream(project, "--slurm-array-jobs", "uneven")
    assert "Submitted array job" in said, said[-3000:]
    made = sorted(path.name for path in (project.folder / "out").glob("*.txt"))
    assert len(made) < 4, said[-3000:]
    assert "MissingOutputException" in "".join(
        path.read_text() for path in (project.folder / ".snakemake/slurm_logs").rglob("*.log")
    )


def test_array_jobs_are_refused(project: Project) -> None:
    (project.folder / "Snakefile").write_text(UNEVEN)
    said = project.run("all", "--patient-slurm-array-jobs", "all", code=1)
    assert "issue 447" in said
    assert not project.jobs("all")


def test_the_same_jobs_in_a_batch_lose_nothing(project: Project) -> None:
    (project.folder / "Snakefile").write_text(
        UNEVEN.replace("until", "false && until").replace("sleep 10", "")
    )
    (project.folder / "costs.yaml").write_text("uneven: 5\n")
    project.run("all", "--latency-wait", "1")
    assert len(list((project.folder / "out").glob("*.txt"))) == 4
