"""Scripts in children of one process: each starts clean, ends as it would alone, and finds libraries loaded."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from snakemake_executor_plugin_patient_slurm.preload import Preloaded
from snakemake_executor_plugin_patient_slurm.preload_server import LIBRARIES
from snakemake_executor_plugin_patient_slurm.requests import thread_variables

HERE = Path(__file__).resolve()


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def run(preloaded: Preloaded, script: str, **environment: str) -> int:
    with preloaded.running(script, thread_variables(1), environment) as process:
        assert process is not None
        return process[1]()


def in_a_process_of_its_own(test: str, folder: Path) -> None:
    """A test that signals its group must not be in pytest's."""
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
    preloaded = Preloaded()
    everything = write(
        folder, "a.py", "".join(f"import {name}\n" for name in (*sorted(LIBRARIES), "mitsuba", "polars"))
    )
    assert run(preloaded, everything) == 0
    check = f"import sys; assert {set(LIBRARIES)} <= set(sys.modules); assert 'mitsuba' not in sys.modules"
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
    with preloaded.running(write(folder, "a.py", text), thread_variables(1), {}) as process:
        assert process is not None
        while not (folder / "ready").exists():
            time.sleep(0.01)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
        os.kill(process[0], signal.SIGTERM)
        assert process[1]() == 75
    assert run(preloaded, write(folder, "b.py", "")) == 0


def side_by_side(folder: Path) -> None:
    """Scripts that run at a time do not wait for each other, and a new process knows what others have imported."""
    preloaded = Preloaded()
    assert run(preloaded, write(folder, "a.py", "import PIL")) == 0
    meet = (
        "import os, sys, time; open('{0}/' + '{1}', 'w').close(); assert 'PIL' in sys.modules\n"
        "while not os.path.exists('{0}/' + '{2}'): time.sleep(0.01)\n"
    )
    scripts = [write(folder, f"{x}.py", meet.format(folder, x, y)) for x, y in (("b", "c"), ("c", "b"))]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(functools.partial(run, preloaded), scripts)) == [0, 0]
    preloaded.close()


def threads(folder: Path) -> None:
    """Where an import starts a thread, no script is forked, and none is lost."""
    (folder / "PIL").mkdir()
    (folder / "PIL" / "__init__.py").write_text(
        "import threading, time; threading.Thread(target=time.sleep, args=(30,), daemon=True).start()"
    )
    os.environ["PYTHONPATH"] = str(folder)
    preloaded = Preloaded()
    assert run(preloaded, write(folder, "a.py", "import PIL")) == 0
    for _ in range(2):
        with preloaded.running(write(folder, "b.py", ""), thread_variables(1), {}) as process:
            assert process is None
    preloaded.close()


def dies(folder: Path) -> None:
    """When the process that forks is killed, its script counts as failed, and the next one gets another process."""
    preloaded = Preloaded()
    script = write(folder, "a.py", "import os; os.kill(os.getppid(), 9)")
    with preloaded.running(script, thread_variables(1), {}) as process:
        assert process is not None
        try:
            process[1]()
        except ConnectionResetError:
            pass
        else:
            raise AssertionError("no error")
    # killed while idle: the next script is started in the ordinary way, the one after it is forked again
    note = write(folder, "b.py", f"import os; open('{folder}/parent', 'w').write(str(os.getppid()))")
    assert run(preloaded, note) == 0
    os.kill(int((folder / "parent").read_text()), signal.SIGKILL)
    time.sleep(0.2)
    with preloaded.running(note, thread_variables(1), {}) as process:
        assert process is None
    assert run(preloaded, note) == 0


def test_exit_codes_signals_and_environment(tmp_path: Path) -> None:
    in_a_process_of_its_own("exits", tmp_path)


def test_libraries_are_kept_and_nothing_else(tmp_path: Path) -> None:
    in_a_process_of_its_own("clean", tmp_path)


def test_what_is_imported_ahead_leaves_the_process_fit_to_fork(tmp_path: Path) -> None:
    in_a_process_of_its_own("fork_safe", tmp_path)


def test_a_signal_stops_the_run_and_not_the_batch(tmp_path: Path) -> None:
    in_a_process_of_its_own("stops", tmp_path)


def test_scripts_run_side_by_side(tmp_path: Path) -> None:
    in_a_process_of_its_own("side_by_side", tmp_path)


def test_a_library_that_starts_threads_is_no_harm(tmp_path: Path) -> None:
    in_a_process_of_its_own("threads", tmp_path)


def test_the_death_of_the_process_that_forks(tmp_path: Path) -> None:
    in_a_process_of_its_own("dies", tmp_path)


if __name__ == "__main__":
    tests = (exits, clean, fork_safe, stops, side_by_side, threads, dies)
    {test.__name__: test for test in tests}[sys.argv[1]](Path(sys.argv[2]))
