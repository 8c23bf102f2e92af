"""Unpacking LLVM from distribution packages, with stand-ins for apt so that nothing is downloaded."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from rerender.core.errors import UserError
from rerender.runtime import device, llvm, llvm_setup
from rerender.runtime.llvm_setup import AptFailed


def test_packages_are_sorted_tested_first_and_old_ones_dropped() -> None:
    names = [
        "libllvm13",
        "libllvm15",
        "libllvm16",
        "libllvm16-dbg",
        "libllvm18",
        "libllvm19",
        "libllvm22",
        "libllvm23",
        "x",
    ]
    assert llvm_setup.offered(names) == ["libllvm19", "libllvm22", "libllvm23", "libllvm18"]
    assert llvm_setup.offered(["libllvm14"]) == []


class FakeApt:
    """Answers apt and dpkg commands: `offers` per package list (the machine's, then a private one)."""

    def __init__(self, offers: Sequence[Sequence[str]], refuse: Sequence[str] = ()) -> None:
        self.offers, self.refuse = offers, refuse
        self.calls: list[list[str]] = []

    def __call__(self, command: Sequence[str], folder: Path) -> str:
        self.calls.append(list(command))
        private = any("Dir::State::Lists" in word for word in command)
        if command[0] == "apt-cache" and "pkgnames" in command:
            return "\n".join(self.offers[int(private)])
        if command[0] == "apt-cache":
            return f"{command[-1]}\n  Depends: libc6\nlibc6\n<virtual>\nlibz3-4\n  Depends: libc6\n"
        if "download" in command:
            package = command[command.index("download") + 1]
            if package in self.refuse:
                raise AptFailed("404 Not Found")
            for name in command[command.index("download") + 1 :]:
                (folder / f"{name}_1_amd64.deb").touch()
        if command[0] == "dpkg-deb":
            libraries = folder / "tree" / "usr" / "lib" / "x86_64-linux-gnu"
            libraries.mkdir(parents=True, exist_ok=True)
            package = command[2].split("_")[0]
            name = f"libLLVM.so.{package[7:]}.1" if package.startswith("libllvm") else "libz3.so.4"
            (libraries / name).write_text(package)
            (folder / "tree" / "usr" / "share" / "lib.so.txt").parent.mkdir(parents=True, exist_ok=True)
        return ""


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A Debian machine without any LLVM, whose first kernels work."""
    monkeypatch.delenv(llvm.VARIABLE, raising=False)
    monkeypatch.setattr(llvm, "search_folders", lambda *_: [])
    monkeypatch.setattr(llvm, "probe", lambda *_: "")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(llvm_setup, "installed", lambda _: False)
    monkeypatch.setattr(device, "cuda_status", lambda: device.CudaStatus(False, "no CUDA driver library"))
    return monkeypatch


def test_the_package_is_unpacked_beside_the_environment(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    fake = FakeApt([["libllvm14", "libllvm19", "libllvm22"]])
    bare.setattr(llvm_setup, "apt", fake)
    found = llvm_setup.ensure(tmp_path)
    assert found == tmp_path / "llvm" / "lib" / "libLLVM.so.19.1"
    assert {path.name for path in found.parent.iterdir()} == {"libLLVM.so.19.1", "libz3.so.4"}
    assert (tmp_path / "llvm" / llvm.RECORD).read_text() == "libllvm19_1_amd64\nlibz3-4_1_amd64\n"
    assert [path.name for path in tmp_path.iterdir()] == ["llvm"]
    downloads = [call for call in fake.calls if "download" in call]
    assert downloads[0][-2:] == ["libllvm19", "libz3-4"]


def test_empty_package_lists_are_replaced_by_private_ones(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    fake = FakeApt([[], ["libllvm19"]])
    bare.setattr(llvm_setup, "apt", fake)
    assert llvm_setup.ensure(tmp_path).is_file()
    assert any("update" in call for call in fake.calls)
    assert all(any("Dir::State::Lists" in word for word in call) for call in fake.calls if "update" in call)


def test_the_next_package_is_tried_when_one_fails(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    bare.setattr(llvm_setup, "apt", FakeApt([["libllvm19", "libllvm22"]], refuse=["libllvm19"]))
    assert llvm_setup.ensure(tmp_path).name == "libLLVM.so.22.1"


def test_a_package_whose_kernel_dies_is_not_kept(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    bare.setattr(llvm_setup, "apt", FakeApt([["libllvm19"], ["libllvm19"]]))
    bare.setattr(llvm, "probe", lambda *_: "died with signal 6: Cannot select")
    with pytest.raises(UserError, match="died with signal 6"):
        llvm_setup.ensure(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_network_is_one_clear_message(
    tmp_path: Path, bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(command: Sequence[str], folder: Path) -> str:
        raise AptFailed("`apt-get` failed: Could not resolve host")

    bare.setattr(llvm_setup, "apt", offline)
    bare.setattr(llvm_setup.sys, "prefix", str(tmp_path))
    assert llvm_setup.main() == 1
    said = capsys.readouterr().err
    assert "Could not resolve host" in said
    assert "Traceback" not in said


def test_other_systems_get_their_command(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    bare.setattr(shutil, "which", lambda _: None)
    bare.setattr(llvm, "install_hint", lambda: "Type: brew install llvm")
    with pytest.raises(UserError, match="no usable LLVM") as caught:
        llvm_setup.ensure(tmp_path)
    assert caught.value.hint == "Type: brew install llvm"


def test_a_machine_with_cuda_needs_no_llvm(
    tmp_path: Path, bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bare.setattr(shutil, "which", lambda _: None)
    bare.setattr(device, "cuda_status", lambda: device.CudaStatus(True, "1 CUDA device", 1))
    assert llvm_setup.main() == 0
    assert "uses CUDA" in capsys.readouterr().out


def test_a_named_library_that_fails_is_blamed(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    bare.setenv(llvm.VARIABLE, "/old/libLLVM-15.so")
    bare.setattr(llvm, "probe", lambda *_: "died with signal 6")
    with pytest.raises(UserError, match=llvm.VARIABLE):
        llvm_setup.ensure(tmp_path)


def test_the_c_and_cxx_run_times_are_never_unpacked(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    tree = "libllvm19\n  Depends: libc6\n" + "\n".join(
        ["libc6", "libgcc-s1", "libstdc++6", "gcc-12-base", "libedit2", "libz3-4", "<awk>"]
    )
    bare.setattr(llvm_setup, "apt", lambda *_: tree)
    assert llvm_setup.missing_dependencies("libllvm19", [], tmp_path) == ["libedit2", "libz3-4"]
    bare.setattr(llvm_setup, "installed", lambda _: True)
    assert llvm_setup.missing_dependencies("libllvm19", [], tmp_path) == ["libz3-4"]


def test_a_failing_command_says_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(AptFailed, match="`sh` failed: second"):
        llvm_setup.apt(["sh", "-c", "echo first >&2; echo second >&2; exit 3"], tmp_path)


def test_installed_packages_are_known_to_dpkg() -> None:
    if shutil.which("dpkg-query") is None:
        pytest.skip("not a Debian system")
    listed = subprocess.run(["dpkg-query", "-S", "/bin/sh"], capture_output=True, text=True, check=False)
    if listed.returncode == 0 and "diversion" not in listed.stdout:
        assert llvm_setup.installed(listed.stdout.split(":")[0].split(",")[0])
    assert not llvm_setup.installed("no-such-package-anywhere")
