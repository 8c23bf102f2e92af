"""The literal command of the user on the test cluster: every table of the smoke tier, in few Slurm jobs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.slurm.cluster import Cluster

pytestmark = pytest.mark.flaky(reruns=1)  # real daemons have waits of their own

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config", "profiles", "src", "workflow")
HURRY = ("--seconds-between-status-checks", "2", "--latency-wait", "10")
SITE = {
    "cpu": {"partition": "cpu", "max_runtime": 60, "max_memory_mb": 7000},
    "gpu": {"partition": "gpu", "max_runtime": 60, "max_memory_mb": 7000, "request": "gres", "type": "h200"},
    "batch": {"minutes": 15, "most": 8, "linger": 5},
}


def failures(text: str) -> str:
    """What Snakemake said of each job that failed, and its last lines."""
    blocks = re.findall(r"^(?:Error|WorkflowError|Traceback).*\n(?:(?!\[).*\n){0,40}", text, re.M)
    return "\n".join([*(block[:4000] for block in blocks[:4]), text[-2000:]])


@pytest.fixture(scope="module")
def said(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A checkout with its site file adapted, and what the command said, twice."""
    folder = tmp_path_factory.mktemp("checkout")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, folder / part)
    (folder / "slurm").symlink_to("profiles/slurm")
    (folder / "profiles/slurm/site.yaml").write_text(yaml.safe_dump(SITE))
    costs = folder / "profiles/slurm/costs.yaml"
    rules = ("envmaps_invert", "envmaps_edit", "envmaps_bake", "metamers_evaluate")
    rules += (
        "metamers_optimise_geometry",
        "metamers_optimise_material",
        "viewpoints_search",
        "materials_fit",
    )
    measured = dict.fromkeys(rules, 0.4)
    costs.write_text(yaml.safe_dump({**yaml.safe_load(costs.read_text()), **measured}))
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--profile",
        "slurm",
        "all_tables",
        "--config",
        "tier=smoke",
    ]
    texts = []
    for _ in range(2):
        done = subprocess.run(
            [*command, *HURRY],
            cwd=folder,
            env={**cluster.environment, "PYTHONPATH": str(folder / "src"), "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, failures(done.stdout)
        texts.append(done.stdout)
    return folder, texts


def test_every_table_is_made(said: tuple[Path, list[str]]) -> None:
    folder, (first, _) = said
    assert "executor: patient-slurm" in (folder / "slurm/config.yaml").read_text()
    tables = {path.name for path in (folder / "results/smoke").glob("*/tables/*.csv")}
    assert {"t1.csv", "table1.csv"} <= tables
    assert (folder / "results/smoke/metrics.parquet").exists()
    assert re.search(r"(\d+) of \1 steps \(100%\) done", first)


def test_it_takes_fewer_slurm_jobs_than_runs(said: tuple[Path, list[str]]) -> None:
    _, (first, _) = said
    runs = int(re.search(r"^total +(\d+)", first, re.M)[1])
    assert first.count("submitted with SLURM jobid") < 0.75 * runs


def test_the_second_call_has_nothing_to_do(said: tuple[Path, list[str]]) -> None:
    assert "Nothing to be done" in said[1][1]


def test_nothing_is_left_but_results_and_logs(said: tuple[Path, list[str]]) -> None:
    folder, _ = said
    assert not list((folder / ".snakemake/patient_slurm").iterdir())
    assert not list((folder / "logs/slurm").rglob("*.log"))
