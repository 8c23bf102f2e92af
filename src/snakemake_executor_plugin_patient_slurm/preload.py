"""Import once, fork for every run: the members of a batch share the start of Python and of its heavy libraries.

A process that is forked off before Snakemake starts its threads runs every Python script of the batch in a child of its
own. The first one imports what it needs and says what that was; the process then imports the same before it forks the
next. A run that crashes takes nothing with it, and nothing that a run computes is seen by another.

Libraries may be imported before a fork, but not used: a process with more than one thread is not forked any more, and
scripts are started in the ordinary way then.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from snakemake_executor_plugin_patient_slurm.requests import thread_variables

LIBRARIES = ("PIL", "matplotlib", "numpy", "pandas", "scipy", "skimage", "torch")
"""What is imported ahead: libraries whose import takes time and only loads code. Not Dr.Jit, Mitsuba and polars, whose
imports start threads; they are quick."""


class Preloaded:
    """The process that runs scripts in its children. Create it before any thread is started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair()
        if os.fork() == 0:
            ours.close()
            _serve(theirs)
        theirs.close()
        self._channel = ours.makefile("rw", encoding="utf-8")
        self._socket = ours

    @contextlib.contextmanager
    def running(
        self, script: str, environment: Mapping[str, str]
    ) -> Iterator[tuple[int, Callable[[], int]] | None]:
        """Start a script; give its process and a function that waits for its exit code, or None if it is unfit."""
        with self._lock:
            answer = self._ask({"script": script, "environment": dict(environment)})
            yield (answer["pid"], lambda: int(self._read()["code"])) if answer else None

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        self._channel.write(json.dumps(question) + "\n")
        self._channel.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        line = self._channel.readline()
        if not line:
            raise RuntimeError("the process with the libraries died")
        return dict(json.loads(line))


def install(preloaded: Preloaded) -> None:
    """Let Snakemake run its Python scripts there, except those in an environment of their own."""
    from snakemake.benchmark import benchmarked
    from snakemake.script import PythonScript

    ordinary = PythonScript.execute_script

    def execute_script(self: Any, fname: str, edit: bool = False) -> None:
        if self.container_img is not None or self.conda_env is not None or self.env_modules is not None:
            ordinary(self, fname, edit)
            return
        environment = thread_variables(self.threads)
        if folder := self.resources.get("tmpdir"):
            environment |= dict.fromkeys(("TMPDIR", "TMP", "TEMPDIR", "TEMP"), str(folder))
        with preloaded.running(fname, environment) as process:
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

    PythonScript.execute_script = execute_script


def _serve(channel: socket.socket) -> NoReturn:
    """Run scripts until the other side is gone."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)  # Slurm signals every process of a job; this one only waits
    with channel.makefile("rw", encoding="utf-8") as lines:
        for line in lines:
            question = json.loads(line)
            if _threads() > 1:
                _say(lines, {})
                continue
            code, imported = _fork(question, lambda pid: _say(lines, {"pid": pid}))
            _import(imported)  # before the answer, so that nothing runs beside a run's measurement
            _say(lines, {"code": code})
    os._exit(0)


def _say(lines: Any, answer: Mapping[str, Any]) -> None:
    lines.write(json.dumps(answer) + "\n")
    lines.flush()


def _fork(question: Mapping[str, Any], started: Callable[[int], None]) -> tuple[int, list[str]]:
    """Run one script in a child; return its exit code (as a shell counts signals) and the libraries it imported."""
    reading, writing = os.pipe()
    # a signal that arrives before the child has its own handlers must wait for them
    stops = {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        for number in stops:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stops)
        _run(question, writing)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, stops)
    os.close(writing)
    started(pid)
    with open(reading, encoding="utf-8") as pipe:
        text = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return (128 - code if code < 0 else code), json.loads(text or "[]")


def _run(question: Mapping[str, Any], report: int) -> NoReturn:
    """Be the script, to the end of the process."""
    os.environ.update(question["environment"])
    sys.argv = [question["script"]]
    code = 0
    try:
        runpy.run_path(question["script"], run_name="__main__")
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    with contextlib.suppress(OSError):
        os.write(report, json.dumps([name for name in LIBRARIES if name in sys.modules]).encode())
    os.close(report)
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _import(names: list[str]) -> None:
    for name in names:
        if name not in sys.modules and _threads() == 1:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return threading.active_count()
