"""A copy of the workflow in a folder of its own, and Snakemake run in it as a user would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config", "profiles", "src", "workflow")


@dataclass(frozen=True)
class Workspace:
    """A checkout without results. Its package is its own copy, so a test may edit it."""

    folder: Path
    mirror: Path | None = None
    """Where it finds real assets: nowhere, since results must not depend on who runs the tests."""

    def take(self, finished: Path) -> None:
        """Copy what Snakemake made and knows in another checkout of the same commit, so that nothing is made twice."""
        for part in ("resources", "results", "logs", "benchmarks/out", ".snakemake/metadata"):
            shutil.copytree(finished / part, self.folder / part)

    def environment(self) -> dict[str, str]:
        """Return the environment in which the copy of the package is the one that is imported."""
        mirror = {"RERENDER_ASSET_MIRROR": str(self.mirror)} if self.mirror else {}
        return {**os.environ, **mirror, "PYTHONPATH": str(self.folder / "src"), "NO_COLOR": "1"}

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of Snakemake."""
        return [sys.executable, "-m", "snakemake", *arguments]

    def snakemake(self, *arguments: str, code: int | None = 0) -> str:
        """Run Snakemake; check its exit code unless that is None; return all that it printed."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        if code is not None:
            assert done.returncode == code, done.stdout[-6000:]
        return done.stdout

    def job_counts(self, *arguments: str) -> dict[str, int]:
        """Return rule -> number of jobs of a dry run."""
        said = self.snakemake("-n", *arguments)
        table = re.search(r"^job +count\n[- ]+\n(.*?)^total", said, re.S | re.M)
        if table is None:
            assert "Nothing to be done" in said, said[-3000:]
            return {}
        rows = [line.split() for line in table[1].splitlines() if line.strip()]
        return {name: int(count) for name, count in rows}

    def edit(self, module: str, old: str, new: str) -> None:
        """Replace text that occurs exactly once in a file, named from the workspace's root."""
        path = self.folder / module
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {module}"
        path.write_text(text.replace(old, new))


@pytest.fixture(scope="session")
def make_workspace(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Workspace]:
    """Make fresh workspaces."""

    def make() -> Workspace:
        folder = tmp_path_factory.mktemp("workspace")
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(source, folder / part, ignore=ignored)
            else:
                shutil.copy(source, folder / part)
        (folder / "slurm").symlink_to("profiles/slurm")
        return Workspace(folder)

    return make


@pytest.fixture(scope="module")
def workspace(make_workspace: Callable[[], Workspace]) -> Workspace:
    """One workspace for the tests of a module that change nothing in it."""
    return make_workspace()
