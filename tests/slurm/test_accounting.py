"""Status by `sacct`: with a real slurmdbd, on a cluster whose controller forgets a job two seconds after its end."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.slurm.cluster import Cluster, until
from tests.slurm.conftest import Project

pytestmark = pytest.mark.flaky(reruns=1)  # real daemons have waits of their own

# `slow` is cancelled from outside in its first attempt
WORK = """
rule one:
    output: "out/{k}.txt"
    log: "logs/{k}.log"
    shell:
        "[ {wildcards.k} != bad ] || exit 3; "
        "if [ {wildcards.k} = slow ] && [ ! -e begun ]; then touch begun; sleep 300; fi; "
        "echo $SLURM_JOB_ID > {output}"
"""
SACCT = ("--patient-slurm-status-command", "sacct")


@pytest.fixture
def project(accounting_cluster: Cluster) -> Iterator[Project]:
    with tempfile.TemporaryDirectory(prefix="project-") as folder:
        one = Project(accounting_cluster, Path(folder).resolve())
        (one.folder / "Snakefile").write_text(WORK)
        # so that only the database can tell what became of a job
        (one.folder / "bin").mkdir()
        (one.folder / "bin/squeue").write_text("#!/bin/sh\nexit 1\n")
        (one.folder / "bin/squeue").chmod(0o755)
        one.path = f"{one.folder / 'bin'}{os.pathsep}"
        try:
            yield one
        finally:
            one.end()


def test_ends_are_told_by_the_database(project: Project) -> None:
    said = project.run("out/a.txt", "out/bad.txt", "--retries", "0", *SACCT, code=1)
    job = (project.folder / "out/a.txt").read_text().strip()
    assert "1 of 2 steps" in said
    assert not (project.folder / "out/bad.txt").exists()
    # the controller has forgotten what the database knows
    until(lambda: not project.cluster.state(job), what="for the controller to forget")
    assert project.cluster.run("sacct", "-Xnj", job, "-o", "state").split() == ["COMPLETED"]


def test_a_job_cancelled_from_outside_is_tried_again(project: Project) -> None:
    process = project.start("out/slow.txt", *SACCT)
    until((project.folder / "begun").exists, what="for the job to begin")
    (first,) = project.jobs("R")
    project.cluster.run("scancel", first)
    project.wait(process)
    again = (project.folder / "out/slow.txt").read_text().strip()
    assert again != first
    assert re.search(rf"SLURM job {first} did not finish: CANCELLED", project.log.read_text())


def test_a_database_that_is_away_loses_nothing(project: Project) -> None:
    process = project.start("out/slow.txt", *SACCT)
    until((project.folder / "begun").exists, what="for the job to begin")
    cluster = project.cluster
    cluster.daemons["slurmdbd"].kill()
    cluster.daemons["slurmdbd"].wait()
    until(lambda: "Slurm does not answer" in project.log.read_text(), what="for the warning")
    (first,) = project.jobs("R")
    cluster.run("scancel", first)
    cluster.start_dbd()
    project.wait(process)
    assert "Slurm answers again" in project.log.read_text()
    assert (project.folder / "out/slow.txt").is_file()
