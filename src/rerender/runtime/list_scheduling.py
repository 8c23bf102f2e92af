"""How long a graph of jobs takes on so many workers: list scheduling, longest remaining path first.

R. L. Graham, Bounds on multiprocessing timing anomalies (1969): at most 2 - 1/n times the shortest possible span.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One job: how long it takes [any unit], which kind of worker it needs, and what must have ended before."""

    duration: float
    worker: str
    after: tuple[Hashable, ...] = ()


def makespan(tasks: Mapping[Hashable, Task], workers: Mapping[str, int]) -> float:
    """Return when the last task ends, with `workers` of each kind; a kind that is not named is unlimited."""
    followers: dict[Hashable, list[Hashable]] = {name: [] for name in tasks}
    waiting = {name: sum(before in tasks for before in task.after) for name, task in tasks.items()}
    for name, task in tasks.items():
        for before in task.after:
            if before in tasks:
                followers[before].append(name)
    rank = _ranks(tasks, followers, waiting)
    order = {name: number for number, name in enumerate(tasks)}
    ready: dict[str, list[tuple[float, int, Hashable]]] = {}
    running: list[tuple[float, int, Hashable]] = []
    free = dict(workers)
    now = 0.0

    def offer(name: Hashable) -> None:
        heapq.heappush(ready.setdefault(tasks[name].worker, []), (-rank[name], order[name], name))

    def start() -> None:
        for kind, queue in ready.items():
            while queue and free.get(kind, 1) > 0:
                _, number, name = heapq.heappop(queue)
                if kind in free:
                    free[kind] -= 1
                heapq.heappush(running, (now + tasks[name].duration, number, name))

    for name in tasks:
        if not waiting[name]:
            offer(name)
    start()
    while running:
        now, _, name = heapq.heappop(running)
        if tasks[name].worker in free:
            free[tasks[name].worker] += 1
        for after in followers[name]:
            waiting[after] -= 1
            if not waiting[after]:
                offer(after)
        start()
    return now


def _ranks(
    tasks: Mapping[Hashable, Task],
    followers: Mapping[Hashable, Sequence[Hashable]],
    waiting: Mapping[Hashable, int],
) -> dict[Hashable, float]:
    """Return the longest path from the start of each task to the end of all; raise if the tasks form a circle."""
    left, sequence = dict(waiting), [name for name in tasks if not waiting[name]]
    for name in sequence:
        for after in followers[name]:
            left[after] -= 1
            if not left[after]:
                sequence.append(after)
    if len(sequence) < len(tasks):
        raise ValueError("tasks wait for each other in a circle")
    rank: dict[Hashable, float] = {}
    for name in reversed(sequence):
        rank[name] = tasks[name].duration + max((rank[after] for after in followers[name]), default=0.0)
    return rank
