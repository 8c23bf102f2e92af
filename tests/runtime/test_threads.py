"""One number for all thread pools."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rerender.runtime import threads

REPORT = """
from rerender.runtime.threads import limit_threads
{before}
limit_threads(1)
import torch, polars
print(torch.get_num_threads(), polars.thread_pool_size())
"""


@pytest.mark.parametrize(
    "before", ["", "import torch"], ids=["before the imports", "after torch was imported"]
)
def test_libraries_obey(before: str) -> None:
    # the variables that conftest sets would do the work
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", REPORT.format(before=before)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["1", "1"]


def test_dr_jit_obeys_when_it_is_loaded(variant: str) -> None:
    import drjit as dr

    threads.limit_threads(2)
    assert dr.thread_count() == 2
    threads.limit_threads(1)
    assert dr.thread_count() == 1


def test_a_count_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        threads.limit_threads(0)


def test_affinity_is_respected() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no CPU affinity on this system")
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from rerender.runtime.threads import available_cores; print(available_cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
