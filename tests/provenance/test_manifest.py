"""Manifests: equal for equal runs, free of host names, and hard to change unnoticed."""

from __future__ import annotations

import dataclasses
import getpass
import json
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rerender.core.errors import UserError
from rerender.core.files import write_json
from rerender.provenance.fingerprint import fingerprint
from rerender.provenance.host import Cost, Stopwatch, git_state, hardware
from rerender.provenance.manifest import (
    Code,
    hash_files,
    plain,
    read_manifest,
    run_id,
    stable_part,
    write_manifest,
)

Write = Callable[..., dict[str, Any]]
COST = Cost(started="2026-01-01T00:00:00+00:00", wall_s=2.0, cpu_s=1.5, gpu_s=None, peak_memory_mb=100.0)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    folder = tmp_path / "results" / "smoke" / "run"
    folder.mkdir(parents=True)
    (tmp_path / "mesh.ply").write_bytes(b"mesh")
    (folder / "final.npz").write_bytes(b"final")
    code = Code.of("rerender.provenance.stack")

    def call(**changes: Any) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "stage": "metamers_optimise",
            "run_id": run_id({"lr": 0.1}, code.fingerprint, hash_files({"mesh": tmp_path / "mesh.ply"})),
            "parameters": {"lr": 0.1, "size": (16, 16)},
            "inputs": {"mesh": tmp_path / "mesh.ply"},
            "outputs": {"final": folder / "final.npz"},
            "seeds": {"run": 1},
            "code": code,
            "stack": {"numpy": "2"},
            "backend": "llvm_ad_rgb",
            "cost": COST,
            "root": tmp_path,
        }
        return write_manifest(folder / "manifest.json", **{**arguments, **changes})

    return call


def test_round_trip(write: Write, tmp_path: Path) -> None:
    written = write()
    manifest = read_manifest(tmp_path / "results/smoke/run/manifest.json")
    assert manifest == written
    assert manifest["inputs"]["mesh"]["path"] == "mesh.ply"
    assert manifest["outputs"]["final"]["path"] == "final.npz"
    assert manifest["outputs"]["final"]["bytes"] == 5
    assert manifest["run"]["wall_s"] == 2.0 and manifest["run"]["gpu_s"] is None
    assert manifest["code"]["fingerprint"] == fingerprint("rerender.provenance.stack")


def test_equal_runs_have_equal_stable_parts(write: Write) -> None:
    first = write()
    second = write(cost=dataclasses.replace(COST, wall_s=9.0), attempts=3, resumed_from=40)
    assert first["run"] != second["run"]
    assert stable_part(first) == stable_part(second)
    assert stable_part(write(seeds={"run": 2})) != stable_part(first)


def test_no_host_user_or_absolute_path(write: Write, tmp_path: Path) -> None:
    text = json.dumps(write())
    assert str(tmp_path) not in text
    assert platform.node() not in text or len(platform.node()) < 4
    assert f"/{getpass.getuser()}" not in text


@pytest.mark.parametrize("bad", [Path("/data/x"), "/data/x", {"deep": ["/data/x"]}])
def test_absolute_paths_in_parameters_are_refused(write: Write, bad: object) -> None:
    with pytest.raises(UserError, match="absolute path"):
        write(parameters={"mesh": bad})


def test_inputs_outside_the_workflow_keep_only_their_hash(write: Write, tmp_path: Path) -> None:
    entry = write(root=tmp_path / "results")["inputs"]["mesh"]
    assert entry["path"] is None and len(entry["sha256"]) == 64


def test_missing_or_misplaced_outputs_are_refused(write: Write, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        write(outputs={"final": tmp_path / "results/smoke/run/other.npz"})
    with pytest.raises(UserError, match="not below"):
        write(outputs={"final": tmp_path / "mesh.ply"})
    assert not (tmp_path / "results/smoke/run/manifest.json").exists()


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: m["parameters"].update(lr=0.2),
        lambda m: m["run"].update(wall_s=0.1),
        lambda m: m["outputs"]["final"].update(sha256="0" * 64),
        lambda m: m.update(extra=1),
        lambda m: m.pop("digest"),
    ],
)
def test_an_edited_manifest_is_refused(write: Write, tmp_path: Path, edit: Callable[[Any], Any]) -> None:
    manifest = write()
    edit(manifest)
    path = tmp_path / "results/smoke/run/manifest.json"
    write_json(path, manifest)
    with pytest.raises(UserError, match="changed after"):
        read_manifest(path)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 0}', "{"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(UserError, match="manifest"):
        read_manifest(path)


def test_run_id_depends_on_each_part_and_not_on_order() -> None:
    base = run_id({"a": 1, "b": (1, 2)}, "code", {"x": "1", "y": "2"})
    assert base == run_id({"b": [1, 2], "a": 1}, "code", {"y": "2", "x": "1"})
    others = [
        run_id({"a": 1.5, "b": (1, 2)}, "code", {"x": "1", "y": "2"}),
        run_id({"a": 1, "b": (2, 1)}, "code", {"x": "1", "y": "2"}),
        run_id({"a": 1, "b": (1, 2)}, "edoc", {"x": "1", "y": "2"}),
        run_id({"a": 1, "b": (1, 2)}, "code", {"x": "2", "y": "1"}),
        run_id({"a": 1, "b": (1, 2)}, "code", {"x": "1", "y": "2"}, {"torch": "2"}),
    ]
    assert len({base, *others}) == 6
    assert len(base) == 16


def test_plain_values() -> None:
    @dataclasses.dataclass(frozen=True)
    class Settings:
        rate: float
        steps: tuple[int, ...]

    assert plain(Settings(0.1, (1, 2))) == {"rate": 0.1, "steps": [1, 2]}
    assert plain({"n": np.int64(3), "s": {"b", "a"}, "p": Path("a/b")}) == {
        "n": 3,
        "s": ["a", "b"],
        "p": "a/b",
    }
    with pytest.raises(UserError, match="finite"):
        plain({"x": float("nan")})
    with pytest.raises(TypeError, match="object"):
        plain(object())


def test_stopwatch_measures_this_process() -> None:
    watch = Stopwatch.start()
    sum(range(200_000))
    cost = watch.stop(gpus=2)
    assert 0 < cost.cpu_s <= cost.wall_s * 64 + 1
    assert cost.gpu_s == pytest.approx(2 * cost.wall_s, abs=0.01)
    assert cost.peak_memory_mb > 5
    assert watch.stop().gpu_s is None
    assert hardware(gpu=False)["gpu"] is None and hardware(gpu=False)["cores"] >= 1


def test_git_state_names_commit_and_changes(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    file = tmp_path / "code.py"
    file.write_text("a = 1\n")
    git("init", "-q")
    assert git_state(file) == {"commit": None, "dirty": None}  # the repository does not track it
    git("add", ".")
    git("commit", "-q", "-m", "first")
    clean = git_state(file)
    assert clean["dirty"] is False and len(clean["commit"]) == 40
    file.write_text("a = 2\n")
    assert git_state(file) == {"commit": clean["commit"], "dirty": True}
