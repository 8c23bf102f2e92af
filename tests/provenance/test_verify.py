"""Verification: every way in which a run may no longer be what its manifest says."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from rerender.core.errors import UserError
from rerender.provenance.fingerprint import CodeTree
from rerender.provenance.manifest import Code, write_manifest
from rerender.provenance.stack import stack
from rerender.provenance.verify import Checked, changes, flat, report, verify

ENTRY = "rerender.provenance.stack"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_run(tmp_path, "s1")


def make_run(root: Path, name: str, **changes: Any) -> Path:
    folder = root / "results" / "smoke" / name
    folder.mkdir(parents=True)
    (root / "mesh.ply").write_bytes(b"mesh")
    (root / "ledger.tsv").write_text("a\n")
    (folder / "final.npz").write_bytes(b"final")
    arguments: dict[str, Any] = {
        "stage": "optimise",
        "run_id": "0" * 16,
        "parameters": {"fit": {"lr": 0.1, "steps": [1, 2]}},
        "inputs": {"mesh": root / "mesh.ply"},
        "outputs": {"final": folder / "final.npz"},
        "code": Code.of(ENTRY),
        "stack": stack("numpy"),
        "root": root,
    }
    write_manifest(folder / "manifest.json", **{**arguments, **changes})
    return folder


def check(root: Path, **options: Any) -> Checked:
    (checked,) = verify([root / "results"], root=root, **options)
    return checked


def test_an_untouched_run_is_ok(tmp_path: Path, folder: Path) -> None:
    assert check(tmp_path) == Checked(folder, ())
    assert check(tmp_path).state == "ok"


def test_a_changed_output_is_found(tmp_path: Path, folder: Path) -> None:
    (folder / "final.npz").write_bytes(b"fanal")
    assert check(tmp_path).state == "outputs changed"


def test_a_changed_input_is_found(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "mesh.ply").write_bytes(b"other")
    assert check(tmp_path).state == "inputs changed"


@pytest.mark.parametrize("gone", ["results/smoke/s1/final.npz", "mesh.ply", "results/smoke/s1/manifest.json"])
def test_missing_files_are_found(tmp_path: Path, folder: Path, gone: str) -> None:
    (tmp_path / gone).unlink()
    assert check(tmp_path).state == "missing"


def test_a_damaged_manifest_is_found(tmp_path: Path, folder: Path) -> None:
    (folder / "manifest.json").write_text("{")
    assert check(tmp_path).state == "unreadable"


def test_other_code_is_found_and_its_module_named(tmp_path: Path, folder: Path) -> None:
    tree = CodeTree.read()
    edited = dataclasses.replace(tree.modules[ENTRY], digest="edited")
    checked = check(tmp_path, tree=CodeTree(tree.package, {**tree.modules, ENTRY: edited}))
    assert checked.state == "code differs"
    assert checked.problems[0].detail == f"{ENTRY} changed"
    gone = {name: code for name, code in tree.modules.items() if name != ENTRY}
    assert check(tmp_path, tree=CodeTree(tree.package, gone)).state == "code differs"


def test_code_data_files_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ledger.tsv").write_text("a\n")
    make_run(tmp_path, "s2", code=Code.of(ENTRY, files=["ledger.tsv"]))
    assert check(tmp_path).state == "ok"
    (tmp_path / "ledger.tsv").write_text("b\n")
    checked = check(tmp_path)
    assert checked.state == "code differs" and "ledger.tsv" in checked.problems[0].detail


def test_other_versions_are_found(tmp_path: Path) -> None:
    make_run(tmp_path, "s3", stack={"numpy": "0.1"})
    checked = check(tmp_path)
    assert checked.state == "stack differs" and "numpy 0.1 ->" in checked.problems[0].detail


def test_other_parameters_are_found(tmp_path: Path, folder: Path) -> None:
    asked: list[Path] = []

    def now(path: Path, manifest: Any) -> Any:
        asked.append(path)
        return {"fit": {"lr": 0.2, "steps": (1, 2)}}

    checked = check(tmp_path, parameters_now=now)
    assert [problem.detail for problem in checked.problems] == ["fit.lr 0.1 -> 0.2"]
    assert asked == [folder / "manifest.json"]
    assert check(tmp_path, parameters_now=lambda path, manifest: None).state == "ok"


def test_files_only_leaves_out_code_versions_and_parameters(tmp_path: Path) -> None:
    make_run(tmp_path, "s4", stack={"numpy": "0.1"}, code=Code(("rerender.gone",), {}, "0"))
    assert check(tmp_path, files_only=True, parameters_now=lambda path, manifest: {}).state == "ok"
    assert {problem.kind for problem in check(tmp_path).problems} == {"code differs", "stack differs"}


def test_linked_result_folders_are_followed(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "scratch", "s5")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "paper").symlink_to(folder.parent)
    (checked,) = verify([tmp_path / "results"], root=tmp_path / "scratch")
    assert checked.state == "ok"


def test_one_file_of_a_run_names_the_run(tmp_path: Path, folder: Path) -> None:
    (checked,) = verify([folder / "final.npz"], root=tmp_path)
    assert checked.folder == folder


def test_nothing_to_check_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no manifest found"):
        verify([tmp_path])


def test_report_counts_and_names(tmp_path: Path, folder: Path) -> None:
    other = make_run(tmp_path, "s6", stack={"numpy": "0.1"})
    text = report(verify([tmp_path], root=tmp_path))
    assert text.endswith("2 runs: 1 ok, 1 stack differs")
    assert [line.split() for line in text.splitlines()[:2]] == [
        ["ok", str(folder)],
        ["stack", "differs", str(other)],
    ]
    assert str(folder) not in report(verify([tmp_path], root=tmp_path), quiet=True)


def test_differences_of_nested_values() -> None:
    old, new = flat({"a": {"b": 1, "c": 2}, "d": [1]}), flat({"a": {"b": 1}, "d": [2], "e": 3})
    assert list(changes(old, new)) == ["a.c is gone", "d changed", "e is new"]
