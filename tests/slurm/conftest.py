"""A Slurm cluster for the tests of this folder. Machines without Slurm skip them, unless REQUIRE_SLURM is set."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.slurm.cluster import Cluster, missing


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running cluster."""
    if lacking := missing():
        words = f"{', '.join(lacking)} not installed (apt-get install slurmctld slurmd slurm-client munge)"
        if os.environ.get("REQUIRE_SLURM"):
            pytest.fail(words)
        pytest.skip(words)
    # a short path: Slurm puts sockets below it, whose names have 108 characters at most
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        running = Cluster(Path(folder))
        try:
            yield running.start()
        finally:
            running.stop()
        assert not running.processes()
