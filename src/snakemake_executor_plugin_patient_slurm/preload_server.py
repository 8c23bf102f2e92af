"""A process that has libraries loaded and runs scripts in its children: `python preload_server.py DESCRIPTOR`.

Lines of JSON come and go through the descriptor of a socket. It imports nothing but the standard library by itself:
each script, in a child, says in the end which libraries it had imported, and this process imports the same before it
forks the next. A run that crashes takes nothing with it, and nothing that a run computes is seen by another.

Libraries may be imported before a fork, but not used: a process with more than one thread is not forked any more.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

LIBRARIES = frozenset(
    [
        "PIL",
        "PIL.Image",
        "cma",
        "gpytoolbox",
        "imageio",
        "matplotlib",
        "matplotlib.figure",
        "matplotlib.pyplot",
        "numpy",
        "pandas",
        "plenoptic",
        "pydantic",
        "scipy",
        "scipy.interpolate",
        "scipy.ndimage",
        "scipy.optimize",
        "scipy.signal",
        "scipy.sparse",
        "scipy.sparse.linalg",
        "scipy.spatial",
        "scipy.special",
        "scipy.stats",
        "skimage",
        "skimage.measure",
        "skimage.metrics",
        "snakemake.script",
        "torch",
        "torch.nn.functional",
        "trimesh",
        "warp",
        "xatlas",
        "yaml",
    ]
)
"""What may be imported ahead: modules whose import takes time and only loads code. Not Dr.Jit, Mitsuba and polars, whose
imports start threads; they are quick."""

STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1}


def serve(channel: socket.socket) -> None:
    """Run one script after the other, until the other side is gone."""
    for number in STOPS:
        signal.signal(
            number, signal.SIG_IGN
        )  # whoever signals a whole group means the scripts; this one waits for them
    with channel.makefile("rw", encoding="utf-8") as lines:

        def say(answer: Mapping[str, Any]) -> None:
            lines.write(json.dumps(answer) + "\n")
            lines.flush()

        for line in lines:
            question = json.loads(line)
            load(question["ahead"])
            if _threads() > 1:
                say({})
                continue
            gc.freeze()  # a collection in a child would otherwise touch, and so copy, all of this memory
            code, imported = _fork(question, lambda pid: say({"pid": pid}))
            load(imported)  # before the answer, so that nothing runs beside a run's measurement
            say({"code": code, "imported": imported})


def _fork(question: Mapping[str, Any], started: Callable[[int], None]) -> tuple[int, list[str]]:
    """Run one script in a child; return its exit code (as a shell counts signals) and the libraries it imported."""
    reading, writing = os.pipe()
    signal.pthread_sigmask(
        signal.SIG_BLOCK, STOPS
    )  # what arrives before the child has its own handlers waits for them
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        for number in STOPS:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        _run(question, writing)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
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
    with contextlib.suppress(OSError), open("/proc/self/comm", "w", encoding="utf-8") as name:
        # for ps and top, which would show this file's name; Snakemake calls a script tmp1234.name.py
        name.write(os.path.basename(question["script"]).removesuffix(".py").rpartition(".")[2])
    code = 0
    try:
        runpy.run_path(question["script"], run_name="__main__")
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    with contextlib.suppress(OSError):
        os.write(report, json.dumps([name for name in sys.modules if name in LIBRARIES]).encode())
    os.close(report)
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def load(names: list[str]) -> None:
    """Import what is not there yet, as long as nothing has started a thread."""
    for name in names:
        if name not in sys.modules and _threads() == 1:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return threading.active_count()


if __name__ == "__main__":
    sys.path.pop(0)  # this folder: scripts must not find their modules in it
    serve(socket.socket(fileno=int(sys.argv[1])))
