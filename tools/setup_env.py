"""Make or refresh the project's environment: `.venv` with pip and constraints.txt, and an LLVM for Dr.Jit.

    python3 tools/setup_env.py [--extra dev]

Needs nothing but Python 3.11 and its standard library. What it did is recorded in `.venv/rerender-setup.json`;
a second call that has nothing to do takes a few milliseconds. Two calls at once wait for each other. Set
`RERENDER_INSTALLER=uv` to install with uv, where that is at hand, instead of pip.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

MINIMUM_PYTHON = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
RECORD = "rerender-setup.json"
# The install is decided by these; a change in any of them runs pip again.
INPUTS = ("pyproject.toml", "constraints.txt")


class SetupFailed(Exception):
    """The set-up cannot go on; the text says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up, or say why it cannot be done; return the exit code."""
    parser = argparse.ArgumentParser(description="Make or refresh the project's environment.")
    parser.add_argument(
        "--extra", action="append", default=[], help="an optional group to install, such as dev"
    )
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="where the environment lies")
    options = parser.parse_args(arguments)
    try:
        if sys.version_info < MINIMUM_PYTHON:
            raise SetupFailed(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
        with locked(options.venv):
            set_up(options.venv, set(options.extra))
    except (SetupFailed, OSError) as error:
        print(f"set-up failed: {error}", file=sys.stderr)
        return 1
    return 0


def set_up(venv: Path, extras: set[str]) -> None:
    """Bring `venv` up to date: interpreter, packages, LLVM."""
    record = read_record(venv)
    wanted = digest(ROOT)
    python = venv / "bin" / "python"
    current = record.get("inputs") == wanted and runs(python)
    extras |= set(record.get("extras", [])) if current else set()
    if not current or extras != set(record.get("extras", [])):
        make_venv(venv, python)
        install(python, extras)
        record = {"inputs": wanted, "extras": sorted(extras)}
    if not Path(record.get("llvm", "")).is_file():
        record["llvm"] = ensure_llvm(python)
    write_record(venv, record)


@contextmanager
def locked(venv: Path) -> Iterator[None]:
    """Hold the environment's lock, so that two set-ups at once do not write into each other's files."""
    venv.mkdir(parents=True, exist_ok=True)
    with open(venv / "rerender-setup.lock", "w", encoding="utf-8") as handle:
        try:
            import fcntl
        except ImportError:  # no such locks on this system; the rest works
            yield
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another set-up of this environment to finish", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def digest(root: Path) -> str:
    """Hash what decides the install, the place of the project and the Python version included."""
    state = hashlib.sha256(f"{root}\n{sys.version_info[:2]}\n".encode())
    for name in INPUTS:
        state.update((root / name).read_bytes())
    return state.hexdigest()


def read_record(venv: Path) -> dict[str, object]:
    """Read what the last set-up did; empty if there was none or it is damaged."""
    try:
        value = json.loads((venv / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_record(venv: Path, record: dict[str, object]) -> None:
    """Write the record whole or not at all, and only if it changed."""
    if record == read_record(venv):
        return
    partial = venv / f"{RECORD}.part"
    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    partial.replace(venv / RECORD)


def runs(python: Path) -> bool:
    """Say whether the environment's interpreter starts (its base may have been removed)."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def make_venv(venv: Path, python: Path) -> None:
    """Create the environment unless its interpreter works and is of the version asked for."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if runs(python) and (venv / "lib" / f"python{version}").is_dir():
        return
    print(f"making {venv.name} with Python {version} ({sys.executable})", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return
    if shutil.which("uv"):
        call(
            ["uv", "venv", "--seed", "--allow-existing", "--python", sys.executable, str(venv)],
            "uv venv failed",
        )
        return
    raise SetupFailed(
        f"{(done.stdout + done.stderr).strip()}\n"
        "Where the distribution leaves `venv` out of Python, install it (Debian, Ubuntu: apt-get install -y "
        "python3-venv), or name another Python: make PYTHON=/path/to/python3"
    )


def install(python: Path, extras: set[str]) -> None:
    """Install the project in place with its dependencies at the pins of constraints.txt."""
    project = f".[{','.join(sorted(extras))}]" if extras else "."
    print(f"installing {project} (a few minutes and about 2 GB; more with CUDA)", flush=True)
    what = ["-c", "constraints.txt", "-e", project]
    if os.environ.get("RERENDER_INSTALLER", "pip") == "uv":
        # uv reads neither pip's settings nor, unless told, does it compile to bytecode
        links = [
            option
            for item in os.environ.get("PIP_FIND_LINKS", "").split()
            for option in ("--find-links", item)
        ]
        command = ["uv", "pip", "install", "--python", str(python), "--compile-bytecode", *links, *what]
    else:
        quiet = [] if sys.stdout.isatty() else ["-qq"]
        command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", *quiet, *what]
    call(command, "the packages could not be installed (see above); is a package index reachable?")


def ensure_llvm(python: Path) -> str:
    """Let the installed package find or unpack LLVM; return its path, or "" where CUDA makes it needless."""
    call([str(python), "-m", "rerender.runtime.llvm_setup"], "no LLVM for Dr.Jit (see above)")
    query = [str(python), "-c", "from rerender.runtime import llvm; print(llvm.locate() or '')"]
    return subprocess.run(query, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def call(command: Sequence[str], complaint: str) -> None:
    """Run a command in the project folder, its output shown; raise `SetupFailed` if it fails."""
    try:
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
    except FileNotFoundError as error:
        raise SetupFailed(f"{command[0]} is not installed") from error
    if code != 0:
        raise SetupFailed(f"{complaint} (exit {code})")


if __name__ == "__main__":
    sys.exit(main())
