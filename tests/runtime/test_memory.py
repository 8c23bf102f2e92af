"""Memory kept between the rounds of a loop: fewer fresh pages, counted by the kernel."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

ROUNDS = """
import resource, sys
import numpy as np
if sys.argv[1] == "kept":
    from rerender.runtime.memory import keep_freed_memory
    keep_freed_memory()
def touched():
    for _ in range(10):
        blocks = [np.ones(750_000, np.float32) for _ in range(8)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
first = touched()
print(touched() - first)
"""


def fresh_pages(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", ROUNDS, how], capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_a_loop_touches_its_own_pages_again() -> None:
    given_back, kept = fresh_pages("not"), fresh_pages("kept")
    assert given_back > 10_000 and kept < given_back / 20
