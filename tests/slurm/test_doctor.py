"""`rerender doctor --slurm` on the test cluster: what fits passes, what does not is named with its mending."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.slurm.cluster import Cluster

from rerender.runtime.doctor import Check
from rerender.runtime.slurm_checks import slurm_checks

FITS = {
    "cpu": {"partition": "cpu", "max_runtime": 60, "max_memory_mb": 7000},
    "gpu": {"partition": "gpu", "max_runtime": 60, "max_memory_mb": 7000, "type": "h200"},
}


@pytest.fixture
def diagnose(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Check]]:
    for name in ("SLURM_CONF", "PATH"):
        monkeypatch.setenv(name, cluster.environment[name])

    def check(kind: str = "gpu", **changes: object) -> dict[str, Check]:
        file = tmp_path / "profiles/slurm/site.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump({**FITS, kind: {**FITS[kind], **changes}}))
        return {one.name: one for one in slurm_checks(tmp_path)}

    return check


@pytest.mark.parametrize("style", ["gpu", "gres"])
def test_a_site_file_that_fits(diagnose: Callable[..., dict[str, Check]], style: str) -> None:
    found = diagnose(request=style)
    assert {name: one.status for name, one in found.items() if one.status == "fail"} == {}
    assert found["gpu jobs"].status == "ok"


@pytest.mark.parametrize(
    ("kind", "changes", "problem", "mending"),
    [
        (
            "gpu",
            {"partition": "gpus"},
            "there is no 'gpus'",
            "gpu.partition in profiles/slurm/site.yaml: gpu",
        ),
        ("gpu", {"partition": "cpu"}, "cpu has no GPU", "Partitions with GPUs: gpu, scavenge, urgent"),
        ("gpu", {"type": "a100"}, "no GPU of type 'a100'", "gpu.type in profiles/slurm/site.yaml: h200"),
        ("cpu", {"max_runtime": 90}, "ends jobs after 60 minutes", "cpu.max_runtime: 60"),
        ("cpu", {"max_memory_mb": 9000}, "8000 MB at most", "cpu.max_memory_mb: 8000"),
    ],
)
def test_what_does_not_fit_is_named(
    diagnose: Callable[..., dict[str, Check]], kind: str, changes: dict, problem: str, mending: str
) -> None:
    (wrong,) = [one for one in diagnose(kind, **changes).values() if one.status == "fail"]
    assert problem in wrong.found
    assert mending in wrong.fix


def test_slurm_itself_is_asked(diagnose: Callable[..., dict[str, Check]]) -> None:
    assert "refused" in diagnose("cpu", extra="--constraint=nonesuch")["cpu jobs"].found
