"""A Slurm cluster for the tests of this folder. Machines without Slurm skip them, unless REQUIRE_SLURM is set."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from tests.slurm.cluster import ACCOUNTING, PROGRAMS, Cluster, missing, until

SRC = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running cluster."""
    demand(PROGRAMS, "slurmctld slurmd slurm-client munge")
    yield from running(accounting=False)


@pytest.fixture(scope="session")
def accounting_cluster() -> Iterator[Cluster]:
    """A running cluster with an accounting database, whose controller forgets jobs that ended."""
    demand((*PROGRAMS, *ACCOUNTING), "slurmctld slurmd slurm-client munge slurmdbd mariadb-server")
    yield from running(accounting=True)


def demand(programs: Sequence[str], packages: str) -> None:
    """Skip the test, or fail where Slurm is required, if a program is not installed."""
    if lacking := missing(programs):
        words = f"{', '.join(lacking)} not installed (apt-get install {packages})"
        if os.environ.get("REQUIRE_SLURM"):
            pytest.fail(words)
        pytest.skip(words)


def running(*, accounting: bool) -> Iterator[Cluster]:
    """Start a cluster, and stop it at the end."""
    # a short path: Slurm puts sockets below it, whose names have 108 characters at most
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        one = Cluster(Path(folder), accounting=accounting)
        try:
            yield one.start()
        finally:
            one.stop()
        assert not one.processes()


POLL = "1"
OPTIONS = (
    *("--executor", "patient-slurm", "--jobs", "200", "--rerun-incomplete", "--keep-going", "--retries", "3"),
    *("--seconds-between-status-checks", POLL, "--latency-wait", "10", "--show-failed-logs"),
    *("--patient-slurm-site", "site.yaml", "--patient-slurm-costs", "costs.yaml"),
    *("--default-resources", "mem_mb=600", "runtime=10", "--patient-slurm-status-command", "squeue"),
)


class Project:
    """A folder with a small workflow, and Snakemake run in it on the cluster."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.log = folder / "main.log"
        self.path = ""  # goes before the cluster's PATH
        self._started: list[subprocess.Popen[bytes]] = []
        self.site()

    def site(self, **values: object) -> None:
        """Write the site file: GPUs go to `gpu`, memory doubles, nothing lingers long."""
        site = {
            "gpu": {"partition": "gpu", "max_runtime": 60, "max_memory_mb": 7000, "type": "h200"},
            "cpu": {"partition": "cpu", "max_runtime": 60, "max_memory_mb": 7000},
            "batch": {"linger": 0.5},
            "node_cache": str(self.folder / "cache"),
            **values,
        }
        (self.folder / "site.yaml").write_text(yaml.safe_dump(site))

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Snakemake."""
        with open(self.log, "ab") as log:
            process = subprocess.Popen(
                # tests that run in the background may have been told to ignore Ctrl-C, which children inherit
                ["env", "--default-signal=INT", sys.executable, "-m", "snakemake", *OPTIONS, *arguments],
                cwd=self.folder,
                env={
                    **self.cluster.environment,
                    "PATH": self.path + self.cluster.environment["PATH"],
                    "PYTHONPATH": f"{SRC}{os.pathsep}{SRC.parent}",
                    "NO_COLOR": "1",
                },
                stdout=log,
                stderr=log,
            )
        self._started.append(process)
        return process

    def run(self, *arguments: str, code: int = 0, seconds: float = 240) -> str:
        """Run Snakemake to its end, check its exit code, and return all that was printed so far."""
        self.wait(self.start(*arguments), code, seconds)
        return self.log.read_text()

    def wait(self, process: subprocess.Popen[bytes], code: int = 0, seconds: float = 240) -> None:
        """Wait for a Snakemake to end, and check its exit code."""
        try:
            assert process.wait(seconds) == code, self.log.read_text()[-8000:]
        except subprocess.TimeoutExpired:
            raise AssertionError(f"hangs; {self.log.read_text()[-8000:]}") from None

    def jobs(self, states: str = "PD,R,CF,CG") -> list[str]:
        """Return this project's jobs."""
        return self.cluster.jobs(self.folder, states)

    def end(self) -> None:
        """Leave nothing behind."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.wait()
        if jobs := self.jobs():
            self.cluster.run("scancel", "--full", *jobs, check=False)
            until(lambda: not self.jobs("PD,R,CF"), what="for cancelled jobs")


@pytest.fixture(scope="module")
def make_project(cluster: Cluster) -> Iterator[Callable[[], Project]]:
    """Make projects that end with the tests of a module."""
    with ExitStack() as stack:

        def make() -> Project:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="project-"))
            one = Project(cluster, Path(folder).resolve())
            stack.callback(one.end)
            return one

        yield make


@pytest.fixture
def project(cluster: Cluster) -> Iterator[Project]:
    """A project of its own for a test."""
    with tempfile.TemporaryDirectory(prefix="project-") as folder:
        one = Project(cluster, Path(folder).resolve())
        try:
            yield one
        finally:
            one.end()
