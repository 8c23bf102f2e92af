"""What it saves to fork jobs from processes that have the libraries loaded: a smoke target from scratch, in turns.

python benchmarks/preload.py [--target viewpoints] [--cores 2] [--rounds 2]
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "config", "profiles", "pyproject.toml", "resources", "workflow")


def run(target: str, cores: int, preload: bool) -> tuple[float, float]:
    """Make `target` of the smoke tier in a new folder; return CPU and wall seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in PARTS:
            source = ROOT / part
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / part)
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        command = [sys.executable, "-m", "snakemake", "-q", "all", "--cores", str(cores), target]
        subprocess.run([*command, "--config", "tier=smoke", f"preload={preload}"], cwd=folder, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return cpu, time.monotonic() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="viewpoints")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    print("preload  CPU s  wall s")
    for _ in range(options.rounds):
        for preload in (False, True):
            cpu, wall = run(options.target, options.cores, preload)
            print(f"{preload!s:7}  {cpu:5.0f}  {wall:6.0f}", flush=True)


if __name__ == "__main__":
    main()
