"""Import once, fork for every run: scripts share the start of Python and of its heavy libraries.

`install()` lets Snakemake run its Python scripts in children of processes that have the libraries loaded
(`preload_server.py`), as many as run at a time. Where that cannot be, a script is started in the ordinary way.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_patient_slurm.requests import thread_variables

SERVER = Path(__file__).with_name("preload_server.py")


class Server:
    """A process that runs scripts in its children, one at a time. The environment is that of its libraries."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(SERVER), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, **environment},
            )
        with ours:
            self._channel = ours.makefile("rw", encoding="utf-8")

    def start(self, script: str, environment: Mapping[str, str], ahead: list[str]) -> int | None:
        """Start a script, after the import of the libraries `ahead`; return its process, or None if that cannot be.

        An `OSError` says that the server has died, with nothing started.
        """
        question = {"script": script, "environment": dict(environment), "ahead": ahead}
        self._channel.write(json.dumps(question) + "\n")
        self._channel.flush()
        return self._read().get("pid")

    def wait(self) -> tuple[int, list[str]]:
        """Return the exit code of the script, as a shell counts signals, and the libraries that it used."""
        answer = self._read()
        return int(answer["code"]), list(answer["imported"])

    def close(self) -> None:
        """Let it end and wait for it; a script that is running ends first."""
        with contextlib.suppress(OSError):
            self._channel.close()
        self._process.wait()

    def _read(self) -> dict[str, Any]:
        line = self._channel.readline()
        if not line:
            raise ConnectionResetError(f"the process that starts scripts died: {self._process.poll()}")
        return dict(json.loads(line))


class Preloaded:
    """Servers, made when there is none idle, by the environment that their libraries were loaded in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[tuple[tuple[str, str], ...], list[Server]] = {}
        self._unfit: set[tuple[tuple[str, str], ...]] = set()
        self._known: dict[str, None] = {}

    @contextlib.contextmanager
    def running(
        self, script: str, libraries: Mapping[str, str], environment: Mapping[str, str]
    ) -> Iterator[tuple[int, Callable[[], int]] | None]:
        """Start a script; give its process and a function that waits for its exit code, or None if it is unfit.

        `libraries` is the part of the environment that libraries read when they are loaded.
        """
        kind = tuple(sorted(libraries.items()))
        if kind in self._unfit:  # a library starts threads there: no use in trying again
            yield None
            return
        with self._lock:
            idle = self._idle.setdefault(kind, [])
            server = idle.pop() if idle else None
            ahead = list(self._known)
        server = server or Server(libraries)
        try:
            pid = server.start(script, {**libraries, **environment}, ahead)
            if pid is None:
                self._unfit.add(kind)
        except OSError:  # killed while it was idle; the next script gets another one
            pid = None
        if pid is None:
            server.close()
            yield None
            return
        fit = False

        def wait() -> int:
            nonlocal fit
            code, imported = server.wait()
            with self._lock:
                self._known.update(dict.fromkeys(imported))
            fit = True
            return code

        try:
            yield pid, wait
        finally:
            if fit:
                with self._lock:
                    self._idle.setdefault(kind, []).append(server)
            else:
                server.close()

    def close(self) -> None:
        """Let all servers end that run nothing."""
        with self._lock:
            for server in itertools.chain(*self._idle.values()):
                server.close()
            self._idle.clear()


def install() -> None:
    """Let Snakemake run its Python scripts so, except those in an environment of their own. Twice is as once."""
    from snakemake.benchmark import benchmarked
    from snakemake.script import PythonScript

    ordinary = PythonScript.execute_script
    if getattr(ordinary, "is_preloaded", False) or sys.platform != "linux":
        return
    preloaded = Preloaded()
    atexit.register(preloaded.close)

    def execute_script(self: Any, fname: str, edit: bool = False) -> None:
        if self.container_img is not None or self.conda_env is not None or self.env_modules is not None:
            ordinary(self, fname, edit)
            return
        folder = self.resources.get("tmpdir")
        folders = dict.fromkeys(("TMPDIR", "TMP", "TEMPDIR", "TEMP"), str(folder)) if folder else {}
        with preloaded.running(fname, thread_variables(self.threads), folders) as process:
            if process is None:
                ordinary(self, fname, edit)
                return
            pid, wait = process
            with (
                benchmarked(pid, self.bench_record)
                if self.bench_record is not None
                else contextlib.nullcontext()
            ):
                code = wait()
        if code:
            raise subprocess.CalledProcessError(code, f"python {fname}")

    execute_script.is_preloaded = True  # type: ignore[attr-defined]
    PythonScript.execute_script = execute_script
