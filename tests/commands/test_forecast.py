"""`rerender plan TARGET`: costs from benchmarks, then from the mean of the rule, then from the file of costs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.commands.test_plan_command import write

from rerender.commands import forecast as module
from rerender.commands.dag import Job
from rerender.commands.forecast import compare, describe, forecast, probes, save, saved, write_costs


def job(rule: str, output: str, *inputs: str, gpu: bool = False) -> Job:
    outputs = (output,) if output else ()
    return Job(rule, "", inputs, outputs, {}, {}, "Missing", f"bench/{output}.tsv", gpu, local=not output)


JOBS = (
    job("asset_mesh", "mesh"),
    job("metamers_optimise_geometry", "a", "mesh", gpu=True),
    job("metamers_optimise_geometry", "b", "mesh", gpu=True),
    job("metamers_table", "table", "a", "b"),
    job("all_tables", "", "table"),
)


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_costs_come_from_the_job_its_rule_and_the_file_in_this_order() -> None:
    write(Path("bench/a.tsv"), "3600", "1")
    plan = forecast(JOBS, {"metamers_optimise_geometry": 1, "asset_mesh": 30})
    assert plan.seconds == (1800, 3600, 3600, None, 0)
    assert plan.unknown == {"metamers_table": 1}
    assert (plan.hours("metamers", True), plan.hours("shared", False)) == (2, 0.5)


def test_wall_time_follows_the_graph_and_the_gpus() -> None:
    write(Path("bench/a.tsv"), "3600", "1")
    plan = forecast(JOBS, {"asset_mesh": 30, "metamers_table": 6})
    assert plan.wall_hours(1) == pytest.approx(0.5 + 2 + 0.1)
    assert plan.wall_hours(2) == pytest.approx(0.5 + 1 + 0.1)


def test_a_report_has_the_hours_and_the_disk_of_every_paper() -> None:
    write(Path("bench/a.tsv"), "7200", "1")
    Path("a").write_bytes(b"x" * 25_000_000)
    lines = list(describe("all_tables", forecast(JOBS, {"asset_mesh": 30, "metamers_table": 6})))
    (line,) = (line for line in lines if line.split()[0] == "metamers")
    assert line.split() == ["metamers", "3", "jobs", "4.00", "GPU", "h", "0.10", "CPU", "h", "0.05", "GB"]


def test_disk_is_the_mean_of_what_there_is_times_the_jobs() -> None:
    Path("a").write_bytes(b"x" * 1000)
    plan = forecast(JOBS, {})
    assert plan.gigabytes("metamers") == pytest.approx(2e-6)


def test_the_report_names_what_it_does_not_know_and_how_to_measure_it() -> None:
    text = "\n".join(describe("all_tables", forecast(JOBS, {"asset_mesh": 30})))
    assert "4 jobs, 4 of them to run" in text
    assert "GPU h" in text and "CPU h" in text and "GB" in text
    assert "metamers_optimise_geometry (2), metamers_table (1)" in text
    assert "rerender plan all_tables --calibrate" in text


def test_a_calibration_makes_one_file_of_every_kind_not_yet_measured() -> None:
    write(Path("bench/a.tsv"), "3600", "1")
    assert probes(forecast(JOBS, {"asset_mesh": 1})) == ["mesh", "table"]


def test_a_saved_plan_is_compared_with_what_happened() -> None:
    save("all_tables", forecast(JOBS, {"metamers_optimise_geometry": 1, "asset_mesh": 1}))
    write(Path("bench/b.tsv"), "90", "1")
    lines = list(compare(forecast(JOBS, {}), saved()["all_tables"]))
    assert len(lines) == 1
    assert "metamers_optimise_geometry" in lines[0] and "60.0 s, actual      90.0 s (+50%)" in lines[0]


def test_measured_costs_join_the_file_and_its_comment_stays() -> None:
    module.COSTS.parent.mkdir(parents=True)
    module.COSTS.write_text("# why\n# what\nasset_mesh: 0.3\nmetamers_optimise_geometry: 9\n")
    write(Path("bench/a.tsv"), "150", "1")
    write_costs(forecast(JOBS, {}))
    text = module.COSTS.read_text()
    assert text.startswith("# why\n# what\n")
    assert yaml.safe_load(text) == {"asset_mesh": 0.3, "metamers_optimise_geometry": 2.5}
