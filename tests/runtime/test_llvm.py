"""Finding LLVM, judging its version, and never letting an old one reach a kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rerender.core.errors import UserError
from rerender.runtime import llvm


def library(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.touch()
    return path


@pytest.mark.parametrize(
    ("name", "major"),
    [
        ("libLLVM-14.so.1", 14),
        ("libLLVM-15.so", 15),
        ("libLLVM-14.0.6.so.1", 14),
        ("libLLVM.so.19.1", 19),
        ("libLLVM.so.18.1", 18),
        ("libLLVM-22.so", 22),
        ("libLLVM.20.1.dylib", 20),
        ("libLLVM.so", None),
        ("libLLVM.dylib", None),
        ("libLLVMgold.so", None),
    ],
)
def test_versions_are_read_from_file_names(tmp_path: Path, name: str, major: int | None) -> None:
    assert llvm.major_version(library(tmp_path, name)) == major


def test_versions_are_read_through_links_and_from_folders(tmp_path: Path) -> None:
    link = tmp_path / "libLLVM.so"
    link.symlink_to(library(tmp_path, "libLLVM.so.19.1").name)
    assert llvm.major_version(link) == 19
    assert llvm.major_version(library(tmp_path / "llvm@21" / "lib", "libLLVM.dylib")) == 21
    assert llvm.major_version(library(tmp_path / "llvm" / "22.1.8" / "lib", "libLLVM.dylib")) == 22


def test_old_versions_are_left_out_and_tested_ones_come_first(tmp_path: Path) -> None:
    names = ["libLLVM-14.so.1", "libLLVM-15.so.1", "libLLVM.so.16.1", "libLLVM.so.17.0", "libLLVM.so.22.1"]
    names += ["libLLVM.so.19.1", "libLLVM.so.30.1", "libLLVM.so"]
    for name in names:
        library(tmp_path, name)
    found = [path.name for path in llvm.usable_libraries([tmp_path])]
    assert found == ["libLLVM.so.19.1", "libLLVM.so.22.1", "libLLVM.so.30.1", "libLLVM.so.17.0"]


def test_the_environments_own_folder_comes_before_the_systems(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    library(own, "libLLVM.so.17.0")
    library(other, "libLLVM.so.19.1")
    assert llvm.usable_libraries([own, other])[0].parent == own
    folders = llvm.search_folders(tmp_path, {"CONDA_PREFIX": str(tmp_path / "conda")})
    assert folders[:3] == [tmp_path / "llvm" / "lib", tmp_path / "lib", tmp_path / "conda" / "lib"]


def test_prepare_sets_the_variable_only_if_it_is_unset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = library(tmp_path, "libLLVM.so.19.1")
    monkeypatch.setattr(llvm, "search_folders", lambda: [tmp_path])
    monkeypatch.setenv(llvm.VARIABLE, "/named/by/user.so")
    llvm.prepare()
    assert os.environ[llvm.VARIABLE] == "/named/by/user.so"
    monkeypatch.delenv(llvm.VARIABLE)
    llvm.prepare()
    assert os.environ[llvm.VARIABLE] == str(found)


def test_prepare_leaves_dr_jit_alone_where_nothing_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(llvm.VARIABLE, raising=False)
    monkeypatch.setattr(llvm, "search_folders", lambda: [])
    llvm.prepare()
    assert llvm.VARIABLE not in os.environ


@pytest.mark.parametrize("version", [(15, 0, 6), (16, 0, 6), (14, 0, 0), (-1, -1, -1)])
def test_old_or_missing_versions_are_refused(version: tuple[int, int, int]) -> None:
    status = llvm.describe(version, None)
    assert not status.ok
    assert status.fix


@pytest.mark.parametrize("version", [(17, 0, 0), (19, 1, 7), (22, 1, 8)])
def test_new_versions_are_accepted(version: tuple[int, int, int]) -> None:
    assert llvm.describe(version, None).ok


def test_a_variable_that_names_a_bad_library_is_blamed() -> None:
    status = llvm.describe((15, 0, 6), Path("/usr/lib/libLLVM-15.so"))
    assert f"Unset {llvm.VARIABLE}" in status.fix
    assert "15.0.6" in status.message


@pytest.mark.parametrize(
    ("system", "release", "environment", "expected"),
    [
        ("Linux", {"ID": "debian"}, {}, "apt-get install -y libllvm19"),
        ("Linux", {"ID": "ubuntu", "ID_LIKE": "debian"}, {}, llvm.SETUP_COMMAND),
        ("Linux", {"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, {}, "dnf install llvm-libs"),
        ("Linux", {"ID": "arch"}, {}, "pacman -S llvm-libs"),
        ("Linux", {"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"}, {}, "zypper install"),
        ("Linux", {"ID": "nobody-knows"}, {}, llvm.VARIABLE),
        ("Darwin", {}, {}, "brew install llvm"),
        ("Darwin", {}, {"CONDA_PREFIX": "/c"}, "conda install -c conda-forge libllvm19"),
    ],
)
def test_the_hint_is_the_command_for_this_system(
    system: str, release: dict[str, str], environment: dict[str, str], expected: str
) -> None:
    assert expected in llvm.install_hint(system, release, environment)


def test_os_release_is_read(tmp_path: Path) -> None:
    file = tmp_path / "os-release"
    file.write_text('ID=ubuntu\nID_LIKE="debian other"\n\n# note\n')
    assert llvm.read_os_release(file) == {"ID": "ubuntu", "ID_LIKE": "debian other"}
    assert llvm.read_os_release(tmp_path / "absent") == {}


def child(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def old_libraries() -> list[Path]:
    folders = llvm.search_folders()
    found = {path.resolve() for folder in folders for path in folder.glob("libLLVM*.so*") if path.is_file()}
    return sorted(path for path in found if (llvm.major_version(path) or llvm.MINIMUM) < llvm.MINIMUM)


def test_without_any_llvm_the_error_comes_before_the_first_kernel(tmp_path: Path) -> None:
    code = "from rerender.rendering.variants import start_variant; start_variant('llvm_ad_rgb')"
    done = child(code, **{llvm.VARIABLE: str(tmp_path / "absent.so")})
    assert done.returncode == 1, done.stderr
    assert "rerender.core.errors.UserError: rendering on the CPU needs LLVM 17 or newer" in done.stderr


@pytest.mark.parametrize("path", old_libraries() or [None], ids=str)
def test_an_old_llvm_is_an_error_and_not_an_abort(path: Path | None) -> None:
    if path is None:
        pytest.skip("no LLVM older than 17 on this machine")
    code = "from rerender.rendering.variants import start_variant; start_variant('llvm_ad_rgb')"
    done = child(code, **{llvm.VARIABLE: str(path)})
    assert done.returncode == 1, done.stderr
    assert "needs LLVM 17 or newer" in done.stderr


@pytest.mark.parametrize("path", old_libraries() or [None], ids=str)
def test_the_probe_refuses_an_old_llvm_without_dying(path: Path | None) -> None:
    if path is None:
        pytest.skip("no LLVM older than 17 on this machine")
    assert llvm.probe(path)


def test_the_llvm_of_this_machine_runs_a_kernel(variant: str) -> None:
    assert llvm.probe() == ""
    status = llvm.check()
    assert status.ok
    llvm.require()


def test_require_raises_with_the_command_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = llvm.LlvmStatus(False, (15, 0, 6), None, "15.0.6 is too old", "Type: something")
    monkeypatch.setattr(llvm, "check", lambda: bad)
    with pytest.raises(UserError, match=r"LLVM 17 or newer; found: 15\.0\.6") as caught:
        llvm.require()
    assert caught.value.hint == "Type: something"
