"""Find an LLVM that Dr.Jit can use, and refuse a bad one before the first kernel.

Dr.Jit loads libLLVM at run time and no wheel brings it. Without one, or with 14, the CPU variant cannot start;
with 15 or 16 it starts and then *aborts the process* at the first `minimum`, which Python cannot catch. So
`prepare` runs before Dr.Jit loads the library, and `require` before the first kernel.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rerender.core.errors import UserError

VARIABLE = "DRJIT_LIBLLVM_PATH"
MINIMUM = 17
NO_LLVM = (-1, -1, -1)
PROBE_SECONDS = 120
# Renders were checked with these; the first is what our published numbers come from.
TESTED = (19, 22)
# Lists the packages of an unpacked LLVM, and marks its folder as ours.
RECORD = "packages.txt"
SETUP_COMMAND = "python -m rerender.runtime.llvm_setup"

_NAME = re.compile(r"^libLLVM(?:-(\d+)|\.so\.(\d+)|\.(\d+)[\d.]*\.dylib)")
_FOLDER = re.compile(r"^llvm[-@]?(\d+)$")
_RELEASE = re.compile(r"^(\d+)\.\d+\.\d+")
_LIBRARY_PATTERNS = ("libLLVM*.so*", "libLLVM*.dylib")
_SYSTEM_FOLDERS = (
    "/usr/lib/*-linux-gnu",
    "/usr/lib64",
    "/usr/lib64/llvm*/lib64",
    "/usr/lib/llvm-*/lib",
    "/usr/lib",
    "/usr/local/lib",
    "/opt/homebrew/opt/llvm*/lib",
    "/usr/local/opt/llvm*/lib",
)
_KERNEL = """
import resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from rerender.runtime import llvm
llvm.prepare()
import drjit
from drjit.llvm import Float
assert drjit.all(drjit.minimum(Float(1, 3), Float(2, 2)) == Float(1, 2))
"""


@dataclass(frozen=True)
class LlvmStatus:
    """What Dr.Jit would use: `version` is None where it finds no usable library at all."""

    ok: bool
    version: tuple[int, int, int] | None
    path: Path | None
    message: str
    fix: str


def local_folder(prefix: Path | None = None) -> Path:
    """Return the folder beside the environment where an unpacked LLVM lies."""
    return (prefix or Path(sys.prefix)) / "llvm" / "lib"


def major_version(library: Path) -> int | None:
    """Read the major version from a library's name or folder, symbolic links resolved; None if it does not say."""
    real = library.resolve()
    for name in (library.name, real.name):
        if match := _NAME.match(name):
            return int(next(group for group in match.groups() if group))
    for part in reversed(real.parent.parts):
        if match := _FOLDER.match(part) or _RELEASE.match(part):
            return int(match.group(1))
    return None


def search_folders(prefix: Path | None = None, environment: Mapping[str, str] = os.environ) -> list[Path]:
    """List the folders that may hold libLLVM: the environment's own first, then the system's."""
    base = prefix or Path(sys.prefix)
    folders = [local_folder(base), base / "lib"]
    if "CONDA_PREFIX" in environment:
        folders.append(Path(environment["CONDA_PREFIX"]) / "lib")
    for pattern in _SYSTEM_FOLDERS:
        folders += sorted(Path("/").glob(pattern.removeprefix("/")))
    return list(dict.fromkeys(folders))


def usable_libraries(folders: Iterable[Path]) -> list[Path]:
    """Return the libraries of version 17 or newer: by folder, then tested versions first, then newest first."""

    def rank(item: tuple[int, Path]) -> tuple[int, int, int, str]:
        major, path = item
        tested = TESTED.index(major) if major in TESTED else len(TESTED)
        return (tested, -major, len(path.name), path.name)

    usable: list[Path] = []
    for folder in folders:
        found = [path for pattern in _LIBRARY_PATTERNS for path in folder.glob(pattern) if path.is_file()]
        versions = [(major_version(path) or 0, path) for path in found]
        usable += [path for _, path in sorted((item for item in versions if item[0] >= MINIMUM), key=rank)]
    return usable


def locate() -> Path | None:
    """Return the libLLVM to use (>= 17), or None. What `DRJIT_LIBLLVM_PATH` names is taken as it is."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    return next(iter(usable_libraries(search_folders())), None)


def prepare() -> None:
    """Point Dr.Jit at a usable LLVM. Call it before Dr.Jit starts; it does nothing where none was found."""
    library = locate()
    if library is None:
        return
    os.environ[VARIABLE] = str(library)
    if (library.parent.parent / RECORD).exists():
        _preload(library)


def _preload(library: Path) -> None:
    """Load what lies beside an unpacked libLLVM, so that the loader need not look for it.

    The order of dependence is not known, hence the rounds: each loads what it can.
    """
    waiting = sorted(path for path in library.parent.glob("*.so*") if not path.name.startswith("libLLVM"))
    while waiting:
        failed = [path for path in waiting if not _loads(path)]
        if len(failed) == len(waiting):
            return
        waiting = failed


def _loads(path: Path) -> bool:
    try:
        ctypes.CDLL(str(path))
    except OSError:
        return False
    return True


def check() -> LlvmStatus:
    """Say which LLVM Dr.Jit uses. Runs no kernel, so it is safe with LLVM 15 and 16 as well.

    Dr.Jit is not asked where the answer is known before: on an old or missing library its start-up thread logs a
    warning and waits for Python's lock, while the question waits for that thread with the lock held.
    """
    prepare()
    library = locate()
    if library is None:
        old = _old_libraries(search_folders())
        return describe((major_version(old[0]) or -1, 0, 0), old[0]) if old else describe(NO_LLVM, None)
    if not library.is_file():
        return describe(NO_LLVM, library)
    major = major_version(library)
    if major is not None and major < MINIMUM:
        return describe((major, 0, 0), library)
    import drjit

    version = tuple(drjit.detail.llvm_version())
    return describe(version, library)


def _old_libraries(folders: Iterable[Path]) -> list[Path]:
    """Return the libraries that are there but too old, newest first."""
    found = [path for folder in folders for pattern in _LIBRARY_PATTERNS for path in folder.glob(pattern)]
    old = [path for path in found if path.is_file() and 0 < (major_version(path) or 0) < MINIMUM]
    return sorted(old, key=lambda path: -(major_version(path) or 0))


def describe(version: tuple[int, int, int], path: Path | None) -> LlvmStatus:
    """Judge a version; `NO_LLVM` means that there is none."""
    text = ".".join(map(str, version))
    where = f" ({path})" if path else ""
    if version[0] >= MINIMUM:
        return LlvmStatus(True, version, path, f"{text}{where}", "")
    fix = install_hint()
    if os.environ.get(VARIABLE):
        fix = f"Unset {VARIABLE}, which names {path}; then, if this check still fails: {fix}"
    if version[0] < 0:
        return LlvmStatus(False, None, path, f"no LLVM that Dr.Jit can load{where}", fix)
    return LlvmStatus(False, version, path, f"{text}{where} is too old; Dr.Jit aborts on it", fix)


def require() -> None:
    """Raise `UserError` with the exact command to run unless Dr.Jit has LLVM >= 17."""
    status = check()
    if not status.ok:
        raise UserError(
            f"rendering on the CPU needs LLVM {MINIMUM} or newer; found: {status.message}", status.fix
        )


def probe(library: Path | None = None) -> str:
    """Run one kernel in a process of its own; return "" if it works, else what happened.

    This is the real test of an LLVM that nobody tried before: a bad one kills only the child. One that is known to
    be too old is not tried, since Dr.Jit can hang on it (see `check`).
    """
    major = major_version(library) if library else None
    if major is not None and major < MINIMUM:
        return f"LLVM {major} is too old"
    environment = {**os.environ, **({VARIABLE: str(library)} if library else {})}
    with tempfile.TemporaryDirectory(prefix="rerender-llvm-") as folder:
        environment["DRJIT_CACHE_DIR"] = folder
        try:
            done = subprocess.run(
                [sys.executable, "-c", _KERNEL],
                env=environment,
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=PROBE_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return f"no answer in {PROBE_SECONDS} s"
    if done.returncode == 0:
        return ""
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    died = f"died with signal {-done.returncode}" if done.returncode < 0 else f"exit {done.returncode}"
    return f"{died}: {last}"


def read_os_release(path: Path = Path("/etc/os-release")) -> dict[str, str]:
    """Read the distribution's name card; empty where there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {key: value.strip().strip('"') for key, value in pairs}


def install_hint(
    system: str | None = None,
    release: Mapping[str, str] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> str:
    """Return the command that brings a usable LLVM to this kind of system."""
    if "CONDA_PREFIX" in environment:
        return "Type: conda install -c conda-forge libllvm19"
    if (system or platform.system()) == "Darwin":
        return "Type: brew install llvm"
    release = read_os_release() if release is None else release
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    if family & {"debian", "ubuntu"}:
        return f"Type: {SETUP_COMMAND}   (no root needed), or as root: apt-get update && apt-get install -y libllvm19"
    if family & {"fedora", "rhel", "centos"}:
        return "Type: sudo dnf install llvm-libs"
    if family & {"suse", "opensuse"}:
        return "Type: sudo zypper install libLLVM19"
    if family & {"arch"}:
        return "Type: sudo pacman -S llvm-libs"
    return f"Install LLVM {MINIMUM} or newer, or set {VARIABLE} to its libLLVM file."
