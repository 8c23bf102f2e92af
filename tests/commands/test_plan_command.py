"""`rerender plan`: counts from the grid, costs from benchmark files, and "unknown" where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from rerender import cli
from rerender.commands.benchmarks import read_benchmark
from rerender.commands.plan import tier_steps
from rerender.workflow.session import Session

ROOT = Path(__file__).resolve().parents[2]
HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def write(path: Path, wall: str, cpu: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEADER}{wall}\t0:00:01\t1\t1\t1\t1\t1\t1\t1\t{cpu}\n")


def session() -> Session:
    return Session({"tier": "smoke", "assets": {"mirror": str(ROOT / "config")}})


def test_a_benchmark_file_gives_cpu_and_wall_seconds(tmp_path: Path) -> None:
    write(tmp_path / "a.tsv", "4.5", "3.25")
    write(tmp_path / "short.tsv", "0.1", "NA")
    (tmp_path / "empty.tsv").write_text("")
    assert read_benchmark(tmp_path / "a.tsv") == (3.25, 4.5)
    assert read_benchmark(tmp_path / "short.tsv") is None
    assert read_benchmark(tmp_path / "empty.tsv") is None


def test_the_cost_of_a_step_is_the_mean_times_the_jobs(tmp_path: Path) -> None:
    folder = tmp_path / "smoke" / "metamers" / "optimise"
    write(folder / "suzanne" / "constant" / "mae" / "s1.tsv", "10", "20")
    write(folder / "suzanne" / "constant" / "ssim" / "s1.tsv", "20", "40")
    steps = {step.name: step for step in tier_steps(session(), "smoke", tmp_path)}
    optimise = steps["optimise"]
    assert (optimise.measured, optimise.cpu_s, optimise.wall_s) == (2, 30, 15)
    assert optimise.cpu_minutes == pytest.approx(30 * optimise.jobs / 60)
    assert steps["evaluate"].cpu_minutes is None


def test_without_benchmarks_the_cost_is_unknown_and_says_what_to_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rerender.commands import plan

    text = "\n".join(plan.describe(session(), "smoke", tmp_path))
    assert "cost unknown" in text
    assert "snakemake --cores 2 results/smoke/metamers/runs/" in text
    assert "CPU minutes" not in text


def test_what_has_not_run_is_left_out_of_the_sum_by_name(tmp_path: Path) -> None:
    from rerender.commands import plan

    write(tmp_path / "smoke" / "metamers" / "optimise" / "a.tsv", "10", "60")
    text = "\n".join(plan.describe(session(), "smoke", tmp_path))
    assert "together about" in text
    assert "without references, evaluate" in text


def test_the_paper_tier_is_the_whole_product_of_the_original_with_five_seeds(tmp_path: Path) -> None:
    """Fact sheet, sections 8.2 and 10: 140 + 35 runs a seed, 160 + 40 with vggloss, of 12 500, 4 000 or 500 steps."""
    from rerender.commands import plan
    from rerender.workflow.metamers import optimise_params

    paper = Session({"tier": "paper", "assets": {"mirror": str(ROOT / "config")}})
    original = {"mae", "dual_buffer", "resnet", "resnet_sin", "vgg", "lpips", "clip", "dino"}
    cells = [cell for cell in paper.cells("paper") if cell.model in original]
    assert len(set(cells)) == len(cells) == 175 * 5
    assert sum(cell.family == "geometry" for cell in cells) == 140 * 5
    assert len([cell for cell in paper.cells("paper") if cell.model in original | {"vggloss"}]) == 200 * 5
    steps = {
        scene: optimise_params(paper, "paper", scene)["iterations"] for scene in ("dog", "suzanne", "aurora")
    }
    assert steps == {"dog": 12_500, "suzanne": 4_000, "aurora": 500}
    total = sum(optimise_params(paper, "paper", cell.scene)["iterations"] for cell in cells)
    assert total == 5 * (1_512_000 + 35 * 500)
    ready = [cell for cell in paper.cells("paper") if cell.blocked is None]
    blocked = len(paper.cells("paper")) - len(ready)
    said = next(plan.describe(paper, "paper", tmp_path))
    assert said.startswith(f"paper: {len(ready)} runs, ") and "optimiser steps" in said
    assert f"{blocked} more runs are blocked: clip, dino, lpips" in said


def test_all_tiers_are_planned_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan"]) == 0
    out = capsys.readouterr().out
    for tier in ("smoke", "laptop", "paper"):
        assert f"{tier}: " in out
    assert "blocked" in out
