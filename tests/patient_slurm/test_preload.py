"""Scripts in children of one process: each starts clean, ends as it would alone, and finds libraries loaded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from snakemake_executor_plugin_patient_slurm.preload import LIBRARIES, Preloaded

HERE = Path(__file__).resolve()


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def run(preloaded: Preloaded, script: str, **environment: str) -> int:
    with preloaded.running(script, environment) as process:
        assert process is not None
        return process[1]()


def in_a_process_of_its_own(test: str, folder: Path) -> None:
    """pytest has threads and libraries; a fresh process has neither, as on a node."""
    done = subprocess.run(
        [sys.executable, str(HERE), test, str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def exits(folder: Path) -> None:
    preloaded = Preloaded()
    for code, text in [(0, ""), (75, "raise SystemExit(75)"), (1, "1 / 0"), (1, "raise SystemExit('no')")]:
        assert run(preloaded, write(folder, "a.py", text)) == code
    assert run(preloaded, write(folder, "b.py", "import os; os.kill(os.getpid(), 9)")) == 128 + 9
    assert run(preloaded, write(folder, "c.py", "import os; assert os.environ['X'] == '5'"), X="5") == 0
    assert "X" not in os.environ


def clean(folder: Path) -> None:
    """The second script finds the library loaded, but nothing of what the first one did with it."""
    preloaded = Preloaded()
    note = "import sys; open('{}', 'w').write(str('PIL' in sys.modules) + str(hasattr(sys, 'mine')))\n"
    for number in (1, 2):
        script = note.format(folder / str(number)) + "import PIL; sys.mine = PIL\n"
        assert run(preloaded, write(folder, f"{number}.py", script)) == 0
    assert (folder / "1").read_text() == "FalseFalse"
    assert (folder / "2").read_text() == "TrueFalse"


def fork_safe(folder: Path) -> None:
    """Nothing that is imported ahead starts a thread: the process stays fit to fork."""
    for name in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{name}_NUM_THREADS"] = "1"
    preloaded = Preloaded()
    everything = write(
        folder, "a.py", "".join(f"import {name}\n" for name in (*LIBRARIES, "mitsuba", "polars"))
    )
    assert run(preloaded, everything) == 0
    check = f"import sys; assert set({LIBRARIES}) <= set(sys.modules); assert 'mitsuba' not in sys.modules"
    assert run(preloaded, write(folder, "b.py", check)) == 0


def stops(folder: Path) -> None:
    """A signal reaches the script and not the process that waits for it."""
    preloaded = Preloaded()
    text = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))\n"
        f"open('{folder}/ready', 'w').close()\n"
        "time.sleep(60)\n"
    )
    os.setpgrp()
    with preloaded.running(write(folder, "a.py", text), {}) as process:
        assert process is not None
        while not (folder / "ready").exists():
            time.sleep(0.01)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
        os.kill(process[0], signal.SIGTERM)
        assert process[1]() == 75
    assert run(preloaded, write(folder, "b.py", "")) == 0


def test_exit_codes_signals_and_environment(tmp_path: Path) -> None:
    in_a_process_of_its_own("exits", tmp_path)


def test_libraries_are_kept_and_nothing_else(tmp_path: Path) -> None:
    in_a_process_of_its_own("clean", tmp_path)


def test_what_is_imported_ahead_leaves_the_process_fit_to_fork(tmp_path: Path) -> None:
    in_a_process_of_its_own("fork_safe", tmp_path)


def test_a_signal_stops_the_run_and_not_the_batch(tmp_path: Path) -> None:
    in_a_process_of_its_own("stops", tmp_path)


if __name__ == "__main__":
    {"exits": exits, "clean": clean, "fork_safe": fork_safe, "stops": stops}[sys.argv[1]](Path(sys.argv[2]))
