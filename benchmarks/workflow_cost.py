"""What Snakemake costs here, in CPU seconds: python benchmarks/workflow_cost.py

Parsing this workflow beside parsing an empty one, planning every tier, and the overhead of one job that only runs an
empty script. The smallest of several repeats is taken, since other load on the machine only adds.

Budget: parsing at most 0.4 s above the empty workflow, planning the paper tier at most 3 s. Writes
benchmarks/out/workflow_cost.json; exits with 1 above budget.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks" / "out" / "workflow_cost.json"
BUDGET_S = {"parse_above_empty": 0.4, "plan_paper": 3.0}
REPEATS = 5
EMPTY = "rule all:\n    input: []\n"
JOBS = 20
SCRIPTED = f"""
rule all:
    input: expand("{{i}}.txt", i=range({JOBS}))

rule one:
    output: "{{i}}.txt"
    log: "{{i}}.log"
    benchmark: "{{i}}.tsv"
    script: "one.py"
"""


def cpu_seconds(folder: Path, *arguments: str) -> float:
    """Return the CPU time of one Snakemake call and its children."""
    before = os.times()
    command = [sys.executable, "-m", "snakemake", *arguments]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def least(folder: Path, *arguments: str) -> float:
    """Return the least CPU time of several calls [s]."""
    return round(min(cpu_seconds(folder, *arguments) for _ in range(REPEATS)), 3)


def measure() -> dict[str, float]:
    """Measure everything."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Snakefile").write_text(EMPTY)
        cpu_seconds(ROOT, "--list-rules")  # fills the cache of code fingerprints
        found["parse_empty"] = least(folder, "--list-rules")
        found["parse"] = least(ROOT, "--list-rules")
        found["parse_above_empty"] = round(found["parse"] - found["parse_empty"], 3)
        for tier in ("smoke", "laptop", "paper"):
            found[f"plan_{tier}"] = least(ROOT, "-n", "--config", f"tier={tier}")
        (folder / "Snakefile").write_text(SCRIPTED)
        (folder / "one.py").write_text("open(snakemake.output[0], 'w').close()\n")
        jobs = cpu_seconds(folder, "--cores", "1")
        found["script_job"] = round((jobs - found["parse_empty"]) / JOBS, 3)
    return found


def main() -> int:
    """Measure, print, write, and compare with the budget."""
    found = measure()
    for name, value in found.items():
        limit = BUDGET_S.get(name)
        print(f"{name:<18} {value:6.2f} CPU s" + (f"   (budget {limit:g})" if limit else ""))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(any(found[name] > limit for name, limit in BUDGET_S.items()))


if __name__ == "__main__":
    sys.exit(main())
