"""`rerender verify`: exit codes, tiers, and the configuration's parameters."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from rerender.commands import verify
from rerender.core.errors import UserError
from rerender.provenance.manifest import Code, write_manifest
from rerender.provenance.stack import stack


def call(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    verify.add_parser(parser.add_subparsers())
    args = parser.parse_args(["verify", *arguments])
    return int(args.run(args))


def make(folder: Path, parameters: Any) -> None:
    folder.mkdir(parents=True)
    (folder / "final.npz").write_bytes(b"1")
    write_manifest(
        folder / "manifest.json",
        stage="optimise",
        run_id="0" * 16,
        parameters=parameters,
        inputs={},
        outputs={"final": folder / "final.npz"},
        code=Code.of("rerender.provenance.stack"),
        stack=stack("numpy"),
    )


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make(Path("results/smoke/metamers/runs/suzanne/constant/mae/s1"), {"other": 1})
    make(Path("results/laptop/metamers/runs/suzanne/constant/mae/s1"), {"other": 1})
    return tmp_path


def test_intact_results_exit_with_0(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call() == 0
    assert "2 runs: 2 ok" in capsys.readouterr().out


def test_a_changed_file_exits_with_1_and_is_named(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workdir / "results/smoke/metamers/runs/suzanne/constant/mae/s1/final.npz").write_bytes(b"2")
    assert call("--quiet") == 1
    out = capsys.readouterr().out
    assert "outputs changed" in out and "final.npz" in out and "laptop" not in out
    assert call("--tier", "laptop") == 0
    assert call("results/laptop") == 0
    assert call("--tier", "smoke") == 1


def test_parameters_are_those_of_the_configuration(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rerender.config import read_config
    from rerender.workflow.metamers import optimise_params, scene_value
    from rerender.workflow.session import Session

    session = Session(read_config().model_dump())
    now = optimise_params(session, "smoke", "suzanne")
    scene = scene_value(session, "suzanne", "constant")["scene"]
    good = Path("results/smoke/metamers/runs/suzanne/constant/mse/s1")
    recorded = {key: value for key, value in now.items() if key != "checkpoint_seconds"}
    make(good, {"settings": recorded, "target": scene, "variant": "auto", "seed": 1})
    assert call(str(good)) == 0
    changed = Path("results/smoke/metamers/runs/suzanne/constant/ssim/s1")
    make(changed, {"settings": {**now, "iterations": now["iterations"] + 1}, "seed": 1})
    capsys.readouterr()
    assert call(str(changed)) == 1
    wanted = f"settings.iterations {now['iterations'] + 1} -> {now['iterations']}"
    assert f"parameters differ: {wanted}" in capsys.readouterr().out
    assert call(str(changed), "--files-only") == 0
    moved = Path("results/smoke/metamers/runs/suzanne/constant/frontend/s1")
    make(moved, {"target": dataclasses.replace(scene, lr=0.5)})
    capsys.readouterr()
    assert call(str(moved)) == 1
    assert "parameters differ: target.lr 0.5 -> 0.1" in capsys.readouterr().out


def test_nothing_to_verify_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no manifest found"):
        call()
