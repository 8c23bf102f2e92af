"""What the doctor says about assets: real ones counted, stand-ins named, missing weights told."""

from __future__ import annotations

from pathlib import Path

import pytest

from rerender.commands import doctor
from rerender.config import read_config
from rerender.workflow.session import Session


@pytest.fixture
def no_mirror(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with our configuration and no asset at hand."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "config").symlink_to(root / "config")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def test_without_a_mirror_all_captured_assets_are_stand_ins(no_mirror: Path) -> None:
    settings, assets, weights = doctor.asset_checks()
    assert settings.found == "tier laptop, variant auto"
    assert assets.status == "ok"
    assert assets.found.startswith("0 of ")
    assert "mesh of suzanne" in assets.found
    assert "lpips" in weights.found


def test_a_file_in_a_mirror_is_real(no_mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mirror" / "meshes").mkdir(parents=True)
    (tmp_path / "mirror" / "meshes" / "suzanne.obj").touch()
    monkeypatch.setenv("RERENDER_ASSET_MIRROR", str(tmp_path / "mirror"))
    _, assets, _ = doctor.asset_checks()
    assert assets.found.startswith("1 of ")
    assert "mesh of suzanne" not in assets.found


def test_stand_ins_that_are_forbidden_fail(no_mirror: Path) -> None:
    config = read_config().model_dump()
    config["assets"]["allow_standins"] = False
    assets, _ = doctor.assets_of(Session(config))
    assert assets.status == "fail"
    assert "rerender fetch" in assets.fix


def test_long_lists_are_cut() -> None:
    assert doctor.listed("abcdefgh") == "a, b, c, d, e, f and 2 more"
