"""The single checks of the doctor. Each looks at one thing and changes nothing that stays."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from rerender.runtime import device, llvm, pins, threads
from rerender.runtime.doctor import Check

GIB = 2**30
INSTALL = "python -m pip install -c constraints.txt -e ."
MINIMUM_PYTHON = (3, 11)
# Below this an `all` on the laptop tier may not fit; below the other, not even smoke.
DISK_WARN_GIB, DISK_FAIL_GIB = 5.0, 0.5
MEMORY_WARN_GIB = 6.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SHARED_FILE_SYSTEMS = {
    "nfs",
    "nfs4",
    "lustre",
    "gpfs",
    "beegfs",
    "cephfs",
    "fuse.sshfs",
    "smb3",
    "cifs",
    "afs",
}


def llvm_library() -> Check:
    """LLVM: the version Dr.Jit loads, and one kernel run in a process of its own."""
    status = llvm.check()
    gpu = device.cuda_status()
    if not status.ok:
        if gpu.ok:
            return Check("LLVM", "warn", f"{status.message}; rendering uses CUDA", status.fix)
        return Check("LLVM", "fail", status.message, status.fix)
    if complaint := llvm.probe():
        return Check(
            "LLVM", "fail", f"{status.message}: a first kernel failed: {complaint}", llvm.install_hint()
        )
    return Check("LLVM", "ok", status.message)


def python(version: tuple[int, int, int] | None = None) -> Check:
    """Is Python new enough?"""
    version = version or sys.version_info[:3]
    found = f"{'.'.join(map(str, version))} ({sys.executable})"
    if version[:2] < MINIMUM_PYTHON:
        return Check(
            "Python", "fail", found, "Install Python 3.11 or newer, then: make PYTHON=/path/to/python3"
        )
    return Check("Python", "ok", found)


def packages(constraints: Path) -> Check:
    """Installed packages against the pins: missing ones fail, other versions warn."""
    names = pins.direct_dependencies()
    missing = [name for name in names if pins.installed_version(name) is None]
    if missing:
        return Check("packages", "fail", f"missing: {', '.join(missing)}", f"Type: {INSTALL}")
    if not constraints.exists():
        return Check(
            "packages", "warn", "no constraints.txt here to compare with", "Run this in the project folder."
        )
    pinned = pins.applicable(pins.read_pins(constraints))
    present = {name: pins.installed_version(name) for name in pinned}
    others = [
        f"{name} {present[name]} (pin {pinned[name]})"
        for name in pinned
        if _differs(present[name], pinned[name])
    ]
    if others:
        shown = ", ".join(others[:4]) + (f" and {len(others) - 4} more" if len(others) > 4 else "")
        return Check(
            "packages", "warn", f"not the pinned versions, numbers may differ: {shown}", f"Type: {INSTALL}"
        )
    count = sum(version is not None for version in present.values())
    torch = metadata.version("torch")
    return Check("packages", "ok", f"{count} at their pins (mitsuba {present['mitsuba']}, torch {torch})")


def _differs(present: str | None, pin: str) -> bool:
    return present is not None and present != pin.partition("+")[0]


def render_device() -> Check:
    """The device that `variant: auto` takes, and why."""
    status = device.cuda_status()
    found = f"variant auto = {device.choose_variant()}: {status.reason}"
    if status.devices and not status.ok:
        return Check("device", "warn", found, "There is a GPU, but it cannot be used until this is mended.")
    return Check("device", "ok", found)


def cores_and_memory() -> Check:
    """Cores this process may use, and memory; the laptop tier is made for two cores and 6 GiB."""
    import psutil

    total = psutil.virtual_memory().total / GIB
    found = f"{threads.available_cores()} cores, {total:.1f} GiB on {platform.system()} {platform.machine()}"
    if total < MEMORY_WARN_GIB:
        return Check("cores, memory", "warn", found, "Run fewer jobs at once: snakemake --cores 1")
    return Check("cores, memory", "ok", found)


def folder(path: Path) -> Check:
    """Can files be written below `path`, or can it be made?"""
    name = f"{path.name}/"
    where = nearest_existing(path)
    if not where.is_dir():
        return Check(name, "fail", f"{where} is not a folder", f"Move {where} away.")
    try:
        with tempfile.TemporaryFile(dir=where):
            pass
    except OSError as error:
        return Check(name, "fail", f"{where} is not writable: {error.strerror}", f"Type: chmod u+w {where}")
    return Check(name, "ok", "writable" if where == path.absolute() else "will be made")


def nearest_existing(path: Path) -> Path:
    """Return `path`, or the closest folder above it that exists."""
    path = path.absolute()
    return next(item for item in (path, *path.parents) if item.exists())


def disk(path: Path) -> Check:
    """Free space for results."""
    free = shutil.disk_usage(nearest_existing(path)).free / GIB
    found = f"{free:.1f} GiB free"
    if free < DISK_FAIL_GIB:
        return Check("disk", "fail", found, f"Free at least {DISK_FAIL_GIB} GiB.")
    if free < DISK_WARN_GIB:
        return Check("disk", "warn", found, f"The laptop tier is comfortable with {DISK_WARN_GIB:.0f} GiB.")
    return Check("disk", "ok", found)


def kernel_cache() -> Check:
    """Dr.Jit keeps compiled kernels in a folder; without one every process compiles them again."""
    named = os.environ.get("DRJIT_CACHE_DIR")
    if not named and not os.environ.get("HOME"):
        return Check(
            "kernel cache", "warn", "off: no HOME", "Set DRJIT_CACHE_DIR to a folder on a local disk."
        )
    path = Path(named) if named else Path(os.environ["HOME"]) / ".drjit"
    where = nearest_existing(path)
    if not where.is_dir() or not os.access(where, os.W_OK):
        return Check(
            "kernel cache", "warn", f"{where} is not writable", "Set DRJIT_CACHE_DIR to a writable folder."
        )
    kind = file_system(where)
    if kind in SHARED_FILE_SYSTEMS:
        fix = "Set DRJIT_CACHE_DIR to a folder on a local disk: shared ones have corrupted kernels."
        return Check("kernel cache", "warn", f"{path} is on {kind}", fix)
    return Check("kernel cache", "ok", str(path))


def file_system(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """Name the kind of file system that holds `path`; empty where the system does not say."""
    try:
        lines = [line.split() for line in mounts.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return ""
    real = path.resolve()
    fields = [(Path(line[1]), line[2]) for line in lines if len(line) > 2]
    holding = [(len(point.parts), kind) for point, kind in fields if real.is_relative_to(point)]
    # The longest mount point wins, and of equals the one mounted last.
    return max(enumerate(holding), key=lambda item: (item[1][0], item[0]))[1][1] if holding else ""


def video_encoder() -> Check:
    """The ffmpeg binary that imageio-ffmpeg carries."""
    import imageio_ffmpeg

    try:
        path = imageio_ffmpeg.get_ffmpeg_exe()
        version = imageio_ffmpeg.get_ffmpeg_version()
    except (RuntimeError, OSError) as error:
        reinstall = "Type: python -m pip install --force-reinstall --no-deps imageio-ffmpeg"
        return Check("video", "fail", f"no working ffmpeg: {error}", reinstall)
    return Check("video", "ok", f"ffmpeg {version} ({Path(path).name})")


def workflow_folder(root: Path) -> Check:
    """The Snakefile, and the link that lets `snakemake --profile slurm` find its profile."""
    version = pins.installed_version("snakemake")
    if not (root / "Snakefile").is_file():
        return Check("workflow", "warn", f"no Snakefile in {root}", "Run this in the project folder.")
    if not (root / "slurm" / "config.yaml").is_file():
        link = "Type: ln -sfn profiles/slurm slurm"
        return Check("workflow", "warn", f"Snakemake {version}; `--profile slurm` would not resolve", link)
    return Check("workflow", "ok", f"Snakemake {version}; `--profile slurm` resolves")


def locks(root: Path) -> Check:
    """Lock files of Snakemake: left behind by a killed run, or held by one that still runs."""
    held = [path for path in (root / ".snakemake" / "locks").glob("*") if path.is_file()]
    if not held:
        return Check("locks", "ok", "none")
    pids = ", ".join(map(str, running_snakemakes(root)))
    if pids:
        return Check(
            "locks", "warn", f"a Snakemake is at work in this folder (process {pids})", "Wait for it to end."
        )
    return Check("locks", "warn", "stale: no Snakemake is at work in this folder", "Type: snakemake --unlock")


def running_snakemakes(root: Path) -> list[int]:
    """Return the ids of processes that look like Snakemake and work in `root`."""
    import psutil

    found = []
    for process in psutil.process_iter(["cwd", "cmdline"]):
        words = process.info["cmdline"] or []
        named = any(Path(word).name == "snakemake" for word in words[:3])
        if named and process.info["cwd"] == str(root.resolve()):
            found.append(process.pid)
    return found


def hash_grids() -> Check:
    """What encodes positions for material networks: own kernels anywhere, or tinycudann on CUDA."""
    problem = device.tinycudann_problem()
    return Check("hash grids", "ok", "tinycudann" if problem is None else f"own kernels ({problem})")


def browser() -> Check:
    """Chromium opens the report in one test; nothing else needs it."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    return Check("Chromium", "ok", path or "none (optional: one test opens the report in it)")
