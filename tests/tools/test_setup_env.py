"""The set-up script: what it repeats, what it skips, and what it says when it cannot go on. Nothing is installed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def setup_env(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, working on an empty project and recording its commands."""
    spec = importlib.util.spec_from_file_location("setup_env", root / "tools" / "setup_env.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("numpy==1\n")
    library = tmp_path / "libLLVM.so"
    library.touch()
    module.commands = []

    def call(command: Sequence[str], complaint: str) -> None:
        module.commands.append(list(command))

    def make_venv(venv: Path, python: Path) -> None:
        python.parent.mkdir(parents=True, exist_ok=True)
        python.unlink(missing_ok=True)
        python.symlink_to(sys.executable)

    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "call", call)
    monkeypatch.setattr(module, "make_venv", make_venv)
    monkeypatch.setattr(module, "ensure_llvm", lambda python: str(library))
    monkeypatch.delenv("RERENDER_INSTALLER", raising=False)
    return module


def run(module: ModuleType, tmp_path: Path, *arguments: str) -> list[list[str]]:
    module.commands.clear()
    assert module.main([*arguments, "--venv", str(tmp_path / "venv")]) == 0
    return list(module.commands)


def test_the_first_call_installs_with_the_pins(setup_env: ModuleType, tmp_path: Path) -> None:
    (command,) = run(setup_env, tmp_path)
    assert command[1:4] == ["-m", "pip", "install"]
    assert command[-4:] == ["-c", "constraints.txt", "-e", "."]


def test_a_second_call_does_nothing(setup_env: ModuleType, tmp_path: Path) -> None:
    run(setup_env, tmp_path)
    assert run(setup_env, tmp_path) == []


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_input_installs_again(setup_env: ModuleType, tmp_path: Path, name: str) -> None:
    run(setup_env, tmp_path)
    (tmp_path / name).write_text("changed\n")
    assert len(run(setup_env, tmp_path)) == 1


def test_an_extra_is_added_and_kept(setup_env: ModuleType, tmp_path: Path) -> None:
    run(setup_env, tmp_path)
    (command,) = run(setup_env, tmp_path, "--extra", "dev")
    assert command[-1] == ".[dev]"
    assert run(setup_env, tmp_path, "--extra", "dev") == []
    # a plain `make` after `make test` takes nothing away
    assert run(setup_env, tmp_path) == []


def test_an_environment_whose_interpreter_is_gone_is_made_again(
    setup_env: ModuleType, tmp_path: Path
) -> None:
    run(setup_env, tmp_path)
    (tmp_path / "venv" / "bin" / "python").unlink()
    assert len(run(setup_env, tmp_path)) == 1


def test_a_damaged_record_installs_again(setup_env: ModuleType, tmp_path: Path) -> None:
    run(setup_env, tmp_path)
    (tmp_path / "venv" / setup_env.RECORD).write_text("{")
    assert len(run(setup_env, tmp_path)) == 1


def test_a_removed_llvm_is_brought_back_without_installing(
    setup_env: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(setup_env, tmp_path)
    (tmp_path / "libLLVM.so").unlink()
    other = tmp_path / "other.so"
    other.touch()
    monkeypatch.setattr(setup_env, "ensure_llvm", lambda python: str(other))
    assert run(setup_env, tmp_path) == []
    assert json.loads((tmp_path / "venv" / setup_env.RECORD).read_text())["llvm"] == str(other)


def test_a_failed_install_is_not_recorded(
    setup_env: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(command: Sequence[str], complaint: str) -> None:
        raise setup_env.SetupFailed(complaint)

    monkeypatch.setattr(setup_env, "call", fail)
    assert setup_env.main(["--venv", str(tmp_path / "venv")]) == 1
    assert "could not be installed" in capsys.readouterr().err
    assert not (tmp_path / "venv" / setup_env.RECORD).exists()


def test_uv_compiles_to_bytecode_and_gets_the_wheel_folders(
    setup_env: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RERENDER_INSTALLER", "uv")
    monkeypatch.setenv("PIP_FIND_LINKS", "/a /b")
    (command,) = run(setup_env, tmp_path)
    assert command[:3] == ["uv", "pip", "install"]
    assert "--compile-bytecode" in command
    assert " ".join(command).count("--find-links") == 2


def test_two_calls_at_once_install_once(setup_env: ModuleType, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    with setup_env.locked(venv):
        waiting = threading.Thread(target=setup_env.main, args=(["--venv", str(venv)],))
        waiting.start()
        waiting.join(timeout=0.3)
        assert waiting.is_alive()
        assert setup_env.commands == []
    waiting.join(timeout=30)
    assert len(setup_env.commands) == 1


def test_an_old_python_is_told_so(
    root: Path, tmp_path: Path, setup_env: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    setup_env.MINIMUM_PYTHON = (99, 0)
    assert setup_env.main(["--venv", str(tmp_path / "venv")]) == 1
    assert "Python 3.11 or newer is needed" in capsys.readouterr().err


def test_a_python_without_venv_gets_advice(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("setup_env", root / "tools" / "setup_env.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run_command(command: Sequence[object], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "ensurepip is not available", "")

    monkeypatch.setattr(module.subprocess, "run", run_command)
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    assert module.main(["--venv", str(tmp_path / "venv")]) == 1
    said = capsys.readouterr().err
    assert "apt-get install -y python3-venv" in said
    assert "make PYTHON=" in said
