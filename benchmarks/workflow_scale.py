"""What planning costs as the paper tier grows: dry run, and a run with nothing to do, in CPU seconds and memory.

    python benchmarks/workflow_scale.py [--factors 1 10 100] [--plain]

The seeds of every experiment of all papers are multiplied. Where a paper has all seeds in one job or none at all, its rooms
(`viewpoints`) and experiments (`materials`) are. `--plain` plans as Snakemake comes (`fast_planning: false`). Nothing is computed: for the run with nothing to do, empty outputs are made
and recorded by `snakemake --touch`. Budget at 10,000 jobs: 13 CPU s and 350 MB dry, 9 CPU s with nothing to do; the
costs per job are printed to compare with it. Writes benchmarks/out/workflow_scale.json.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks/out/workflow_scale.json"
PARTS = ("Snakefile", "config", "profiles", "src", "workflow")
TARGET = "all"
SETTINGS = Path("config/tiers/paper.yaml")
REPEATED = ("seeds", "other_seeds")


def run(folder: Path, *arguments: str) -> tuple[float, float, str]:
    """Run Snakemake; return CPU seconds, peak memory [MB] and what it printed."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "NO_COLOR": "1"}
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out)
        _, status, used = os.wait4(process.pid, 0)
        out.seek(0)
        said = out.read().decode()
    if status:
        sys.exit(said[-3000:])
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, said


def multiply(value: Any, factor: int) -> Any:
    """Return settings with `factor` times the seeds."""
    if isinstance(value, dict):
        return {
            key: one * factor if key in REPEATED and isinstance(one, int) else multiply(one, factor)
            for key, one in value.items()
        }
    return [multiply(one, factor) for one in value] if isinstance(value, list) else value


def enlarge(tier: dict[str, Any], factor: int) -> dict[str, Any]:
    """Return a tier with `factor` times the runs of every paper."""
    tier = multiply(tier, factor)
    for part in ("scenes", "views", "words"):
        tier["viewpoints"][part]["rooms"] *= factor
    known = tier["materials"]["experiments"]
    copies = {f"{name}_{i}": one for i in range(2, factor + 1) for name, one in known.items()}
    tier["materials"]["experiments"] = {**known, **copies}
    return tier


def measure(folder: Path, factor: int, plain: bool) -> dict[str, float]:
    """Measure one size."""
    settings = folder / SETTINGS
    settings.write_text(
        yaml.safe_dump(enlarge(yaml.safe_load(settings.read_text()), factor), sort_keys=False)
    )
    config = ("--config", "tier=paper", f"fast_planning={str(not plain).lower()}")
    dry, memory, said = run(folder, "-n", "--quiet", "rules", *config, "--", TARGET)
    jobs = int(re.search(r"^total +(\d+)", said, re.M)[1])
    make_outputs(folder, config)
    run(folder, "--cores", "1", "--touch", "--forceall", "--quiet", "all", *config, "--", TARGET)
    idle, idle_memory, said = run(folder, "--cores", "1", *config, "--", TARGET)
    assert "Nothing to be done" in said, said[-2000:]
    return {
        "jobs": jobs,
        "dry_cpu_s": round(dry, 2),
        "dry_mb": round(memory),
        "idle_cpu_s": round(idle, 2),
        "idle_mb": round(idle_memory),
    }


def make_outputs(folder: Path, config: tuple[str, ...]) -> None:
    """Make an empty file for everything that the target needs."""
    _, _, said = run(folder, "-n", "--summary", *config, "--", TARGET)
    for line in said.splitlines():
        name = line.split("\t")[0]
        if name.startswith(("results/", "resources/")):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix:
                path.write_text("-")
            else:
                path.mkdir(exist_ok=True)


def main() -> None:
    """Measure all sizes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--factors", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--plain", action="store_true")
    arguments = parser.parse_args()
    found = {}
    for factor in arguments.factors:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for part in PARTS:
                if (ROOT / part).is_dir():
                    shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / part, folder / part)
            run(folder, "--list-rules")  # fills the cache of code fingerprints
            began = time.monotonic()
            found[str(factor)] = one = measure(folder, factor, arguments.plain)
            print(
                f"{factor:>4} x: {one['jobs']:>6.0f} jobs; dry {one['dry_cpu_s']:>6.1f} CPU s, {one['dry_mb']:>4.0f} MB; "
                f"nothing to do {one['idle_cpu_s']:>6.1f} CPU s, {one['idle_mb']:>4.0f} MB "
                f"({time.monotonic() - began:.0f} s wall)",
                flush=True,
            )
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
