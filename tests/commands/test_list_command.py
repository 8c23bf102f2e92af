"""`rerender list`: what exists, what is blocked and why, and which artefacts are there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rerender import cli
from rerender.catalogue import registry

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _a_checkout_without_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert cli.main(["list", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_all_registered_names_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    words = " ".join(listed(capsys)).split()
    assert {*registry.scenes(), *registry.envmaps(), *registry.vision_models()} <= set(words)


def test_a_blocked_model_says_why_and_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    lines = {line.split()[1 if line.startswith("*") else 0]: line for line in listed(capsys, "models")[1:]}
    assert lines["mae"].endswith("ready")
    assert "blocked (weights): rerender fetch" in lines["resnet"]


def test_names_of_the_tier_are_starred(capsys: pytest.CaptureFixture[str]) -> None:
    lines = listed(capsys, "scenes", "--tier", "smoke")
    assert any(line.startswith("* suzanne") for line in lines)
    assert any(line.startswith("  spot") for line in lines)


def test_artefacts_are_absent_until_they_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = listed(capsys, "figures", "--tier", "smoke")
    assert all("absent" in line for line in before[1:])
    path = tmp_path / "results/smoke/metamers/figures/f2.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    present = [line.split()[1] for line in listed(capsys, "figures", "--tier", "smoke") if "present" in line]
    assert present == ["results/smoke/metamers/figures/f2.png"]


def test_runs_show_blocked_cells(capsys: pytest.CaptureFixture[str]) -> None:
    lines = listed(capsys, "runs", "--tier", "smoke")
    assert any("blocked (weights)" in line and "/lpips/" in line for line in lines)
    assert any("absent" in line and "/mae/s1" in line for line in lines)
