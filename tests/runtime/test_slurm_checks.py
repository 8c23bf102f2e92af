"""Reading what Slurm says of itself; the checks as a whole run on the cluster of tests/slurm."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from rerender.runtime.slurm_checks import gpu_types, parse_minutes, parse_partitions, slurm_checks

SINFO = """\
cpu*|up|1-00:00:00|190000+|(null)
gpu|up|infinite|500000|gpu:h100:4(S:0-1),nvme:1
gpu|up|infinite|250000|gpu:a100:2
old|down|30:00|64000|gpu:2
"""


def test_partitions_are_read_over_all_their_kinds_of_nodes() -> None:
    cpu, gpu, old = parse_partitions(SINFO).values()
    assert (cpu.name, cpu.default, cpu.minutes, cpu.memory_mb, cpu.gpus) == ("cpu", True, 1440, 190000, ())
    assert (gpu.minutes, gpu.memory_mb, gpu.gpus) == (math.inf, 500000, ("h100", "a100"))
    assert (old.up, old.minutes, old.gpus) == (False, 30, ("",))


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("60:00", 60), ("2:30:00", 150), ("1-12:00:00", 2160), ("0:30", 0.5), ("UNLIMITED", math.inf)],
)
def test_times_of_slurm(text: str, minutes: float) -> None:
    assert parse_minutes(text) == minutes


def test_types_of_gpu() -> None:
    assert gpu_types("gpu:h100:4(S:0-1),gpu:a100:2") == ["h100", "a100"]
    assert gpu_types("gpu:2") == [""]
    assert gpu_types("(null)") == []


def test_without_slurm_or_site_file_the_report_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert slurm_checks(tmp_path)[0].status == "fail"
    (tmp_path / "profiles/slurm").mkdir(parents=True)
    (tmp_path / "profiles/slurm/site.yaml").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))
    (_, slurm) = slurm_checks(tmp_path)
    assert (slurm.status, "login node" in slurm.fix) == ("fail", True)
