"""The doctor: order, layout, exit code, and each check on a machine where it must complain."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

from rerender.core.errors import UserError
from rerender.runtime import checks, device, llvm, pins
from rerender.runtime.doctor import Check, diagnose, exit_code, render

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder in which nothing is amiss."""
    (tmp_path / "Snakefile").touch()
    (tmp_path / "slurm").mkdir()
    (tmp_path / "slurm" / "config.yaml").touch()
    (tmp_path / "results").mkdir()
    return tmp_path


def test_llvm_comes_first_and_this_machine_is_ready(project: Path, root: Path) -> None:
    shutil.copy(root / "constraints.txt", project)
    report = diagnose(project)
    assert report[0].name == "LLVM"
    assert [check for check in report if check.status == "fail"] == []
    assert exit_code(report) == 0
    assert all(check.fix for check in report if check.status != "ok")


def test_a_check_that_breaks_hides_no_other(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Check:
        raise RuntimeError("boom")

    monkeypatch.setattr(checks, "video_encoder", broken)
    report = {check.name: check for check in diagnose(project)}
    assert report["video"].status == "fail"
    assert "RuntimeError: boom" in report["video"].found
    assert "workflow" in report


def test_the_assets_function_is_called_and_its_user_errors_are_lines(project: Path) -> None:
    assert diagnose(project, assets=lambda: [Check("assets", "ok", "3 real")])[-1].found == "3 real"

    def wrong() -> list[Check]:
        raise UserError("unknown key 'tiir'", "Did you mean 'tier'?")

    last = diagnose(project, assets=wrong)[-1]
    assert (last.name, last.status, last.found, last.fix) == (
        "settings",
        "fail",
        "unknown key 'tiir'",
        "Did you mean 'tier'?",
    )


def test_lines_are_aligned_and_fixes_follow() -> None:
    text = render([Check("LLVM", "ok", "19.1.7"), Check("disk", "fail", "0.1 GiB free", "Free some.")])
    assert text.splitlines() == [
        "ok    LLVM  19.1.7",
        "fail  disk  0.1 GiB free",
        "            fix: Free some.",
        "not ready: 1 failed, 0 warned, 2 checked",
    ]
    assert exit_code([Check("a", "warn", "")]) == 0
    assert exit_code([Check("a", "warn", ""), Check("b", "fail", "")]) == 1


def test_an_old_llvm_fails_unless_cuda_renders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llvm, "check", lambda: llvm.describe((15, 0, 6), None))
    monkeypatch.setattr(device, "cuda_status", lambda: device.CudaStatus(False, "none"))
    assert checks.llvm_library().status == "fail"
    assert "15.0.6" in checks.llvm_library().found
    monkeypatch.setattr(device, "cuda_status", lambda: device.CudaStatus(True, "one", 1))
    assert checks.llvm_library().status == "warn"


def test_an_llvm_whose_kernel_dies_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llvm, "check", lambda: llvm.describe((23, 0, 0), None))
    monkeypatch.setattr(llvm, "probe", lambda: "died with signal 6: LLVM ERROR")
    check = checks.llvm_library()
    assert check.status == "fail"
    assert "signal 6" in check.found


def test_old_python_fails() -> None:
    assert checks.python((3, 10, 4)).status == "fail"
    assert checks.python((3, 11, 0)).status == "ok"


def test_a_gpu_that_cannot_be_used_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cuda_status", lambda: device.CudaStatus(False, "torch is a CPU build", 1))
    check = checks.render_device()
    assert (check.status, "llvm_ad_rgb" in check.found) == ("warn", True)


def test_other_versions_than_the_pins_warn_and_missing_ones_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "constraints.txt"
    file.write_text("numpy==0.0.1\ntorch==0.0.2 ; sys_platform == 'nowhere'\nnot-installed-anywhere==1.0\n")
    check = checks.packages(file)
    assert check.status == "warn"
    assert "numpy" in check.found
    assert "(pin 0.0.1)" in check.found
    assert "torch" not in check.found
    assert "not-installed-anywhere" not in check.found
    assert checks.packages(tmp_path / "absent").status == "warn"
    monkeypatch.setattr(pins, "direct_dependencies", lambda: ["numpy", "not-installed-anywhere"])
    assert checks.packages(file) == Check(
        "packages", "fail", "missing: not-installed-anywhere", f"Type: {checks.INSTALL}"
    )


@pytest.mark.parametrize(("free", "status"), [(0.1, "fail"), (2.0, "warn"), (50.0, "ok")])
def test_disk(free: float, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, int(free * checks.GIB)))
    assert checks.disk(tmp_path / "not" / "yet").status == status


def test_a_results_folder_that_refuses_writes_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    assert checks.folder(tmp_path / "results").found == "will be made"
    (tmp_path / "results").mkdir()
    assert checks.folder(tmp_path / "results") == Check("results/", "ok", "writable")
    monkeypatch.chdir(tmp_path)
    assert checks.folder(Path("results")).found == "writable"
    # root may write anywhere, so the refusal is played
    monkeypatch.setattr(checks.tempfile, "TemporaryFile", refuse)
    check = checks.folder(tmp_path / "results")
    assert check.status == "fail"
    assert "Permission denied" in check.found
    assert "chmod" in check.fix


def test_a_file_in_the_place_of_results_fails(tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    assert checks.folder(tmp_path / "results").status == "fail"


def test_the_kernel_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRJIT_CACHE_DIR", str(tmp_path / "cache"))
    assert checks.kernel_cache() == Check("kernel cache", "ok", str(tmp_path / "cache"))
    monkeypatch.setattr(checks, "file_system", lambda _: "nfs4")
    assert checks.kernel_cache().status == "warn"
    monkeypatch.delenv("DRJIT_CACHE_DIR")
    monkeypatch.delenv("HOME", raising=False)
    assert checks.kernel_cache().found == "off: no HOME"


def test_the_longest_mount_point_wins(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"a / ext4 rw 0 0\nb {tmp_path.resolve()} tmpfs rw 0 0\nb {tmp_path.resolve()} nfs4 rw 0 0\nc /elsewhere xfs rw 0 0\n"
    )
    assert checks.file_system(tmp_path, mounts) == "nfs4"
    assert checks.file_system(Path("/"), mounts) == "ext4"
    assert checks.file_system(tmp_path, tmp_path / "absent") == ""


def test_a_missing_ffmpeg_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    import imageio_ffmpeg

    def absent() -> str:
        raise RuntimeError("No ffmpeg exe could be found")

    assert checks.video_encoder().status == "ok"
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", absent)
    assert checks.video_encoder().status == "fail"


def test_the_slurm_link_and_the_snakefile(project: Path) -> None:
    assert checks.workflow_folder(project).status == "ok"
    (project / "slurm" / "config.yaml").unlink()
    assert "ln -sfn" in checks.workflow_folder(project).fix
    (project / "Snakefile").unlink()
    assert checks.workflow_folder(project).status == "warn"


def test_stale_locks_are_told_from_a_running_snakemake(project: Path) -> None:
    assert checks.locks(project).status == "ok"
    lock = project / ".snakemake" / "locks" / "0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert checks.locks(project).fix == "Type: snakemake --unlock"
    fake = project / "snakemake"
    fake.write_text("import time; time.sleep(60)\n")
    running = subprocess.Popen([sys.executable, str(fake)], cwd=project)
    try:
        deadline = time.monotonic() + 10
        while not (seen := checks.running_snakemakes(project)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert seen == [running.pid]
        assert str(running.pid) in checks.locks(project).found
    finally:
        running.kill()
        running.wait()


def test_no_browser_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert checks.browser().status == "ok"
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert checks.browser().found == "/usr/bin/chromium"


def test_pins_are_parsed_and_filtered() -> None:
    text = (
        "# note\n\nPillow==13.0\nzope.interface==1 ; python_version < '3.0'\nruamel_yaml==2+cpu\nnumpy>=1\n"
    )
    parsed = list(pins.parse_pins(text))
    assert [pin.name for pin in parsed] == ["pillow", "zope-interface", "ruamel-yaml"]
    assert pins.applicable(parsed) == {"pillow": "13.0", "ruamel-yaml": "2+cpu"}
    assert pins.applicable(parsed, {"python_version": "2.7"})["zope-interface"] == "1"


def test_hash_grids_run_without_the_optional_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rerender.runtime.device.importlib.util.find_spec", lambda name: None)
    assert checks.hash_grids().status == "ok"
    assert checks.hash_grids().found == "own kernels (the package tinycudann is not installed)"
