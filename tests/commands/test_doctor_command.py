"""`rerender doctor`: prints, ends with a verdict, and reports on the settings and assets of this folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_the_command_prints_and_returns(root: Path) -> None:
    environment = {**os.environ, "PYTHONWARNINGS": "error:::rerender"}
    code = (
        "import argparse, sys; from rerender.commands import doctor; parser = argparse.ArgumentParser();"
        "doctor.add_parser(parser.add_subparsers()); args = parser.parse_args(['doctor']); sys.exit(args.run(args))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ok    LLVM")
    assert any(line.split()[1] == "assets" for line in lines)
    assert lines[-1].startswith("ready:")
