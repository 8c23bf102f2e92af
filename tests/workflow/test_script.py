"""What every workflow script does around its call: log, thread limits, errors without tracebacks, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
import os, sys
from types import SimpleNamespace
from rerender.core.errors import UserError
from rerender.runtime.signals import Interrupted
from rerender.workflow.script import script
snakemake = SimpleNamespace(threads=1, log=["logs/deep/job.log"], rule="toy_rule")
"""


def run(folder: Path, body: str) -> tuple[int, str, str, str]:
    """Return exit code, stdout, stderr and log of a script whose `with` block is `body`."""
    text = HEAD + "with script(snakemake):\n    " + body.replace("\n", "\n    ")
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr, (folder / "logs/deep/job.log").read_text()


def test_all_output_goes_to_the_log_native_code_included(tmp_path: Path) -> None:
    body = "print('from python')\nprint('to stderr', file=sys.stderr)\nos.system('echo from a child')"
    code, out, err, log = run(tmp_path, body)
    assert code == 0
    assert (out, err) == ("", "")
    assert {"from python", "to stderr", "from a child"} <= set(log.splitlines())


def test_a_user_error_is_one_message_in_log_and_console(tmp_path: Path) -> None:
    code, _, err, log = run(tmp_path, "raise UserError('the mesh has holes', 'Close them.')")
    assert code == 2
    assert err == log == "rerender: the mesh has holes\n  Close them.\n"


def test_any_other_error_has_its_traceback_in_the_log_only(tmp_path: Path) -> None:
    code, _, err, log = run(tmp_path, "1 / 0")
    assert code == 1
    assert "ZeroDivisionError: division by zero" in err
    assert "logs/deep/job.log" in err
    assert "Traceback" not in err
    assert "Traceback" in log


def test_try_again_passes_through(tmp_path: Path) -> None:
    code, _, err, _ = run(tmp_path, "raise Interrupted('saved at step 7')")
    assert code == 75
    assert "saved at step 7" in err


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"])
def test_libraries_are_held_to_the_threads_of_the_job(tmp_path: Path, name: str) -> None:
    _, _, _, log = run(tmp_path, f"print(os.environ['{name}'])")
    assert log == "1\n"
