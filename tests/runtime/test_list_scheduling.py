"""Spans of small graphs that can be worked out by hand."""

from __future__ import annotations

import pytest

from rerender.runtime.list_scheduling import Task, makespan

FORK = {
    "start": Task(1, "cpu"),
    **{number: Task(2, "gpu", ("start",)) for number in range(5)},
    "end": Task(1, "cpu", tuple(range(5))),
}


@pytest.mark.parametrize(("gpus", "span"), [(1, 12), (2, 8), (3, 6), (5, 4), (50, 4)])
def test_more_gpus_shorten_the_span_until_the_longest_path(gpus: int, span: float) -> None:
    assert makespan(FORK, {"gpu": gpus}) == span


def test_a_kind_without_a_number_is_unlimited() -> None:
    assert makespan(FORK, {}) == 4


def test_the_longest_path_goes_first() -> None:
    tasks = {
        "short": Task(1, "cpu"),
        "other": Task(1, "cpu"),
        "head": Task(1, "cpu"),
        "tail": Task(3, "cpu", ("head",)),
    }
    assert makespan(tasks, {"cpu": 2}) == 4


def test_it_is_never_below_work_or_path() -> None:
    tasks = {number: Task(1 + number % 3, "cpu", (number - 7,)) for number in range(60)}
    work = sum(task.duration for task in tasks.values())
    for workers in (1, 2, 4, 8):
        assert makespan(tasks, {"cpu": workers}) >= max(work / workers, makespan(tasks, {}))
    assert makespan(tasks, {"cpu": 1}) == work


def test_what_came_before_and_is_no_task_counts_as_done() -> None:
    assert makespan({"a": Task(2, "cpu", ("finished",))}, {"cpu": 1}) == 2


def test_a_circle_is_an_error() -> None:
    with pytest.raises(ValueError, match="circle"):
        makespan({"a": Task(1, "cpu", ("b",)), "b": Task(1, "cpu", ("a",))}, {})
