"""Frames of runs, found by iteration."""

from __future__ import annotations

import numpy as np

from rerender.reporting.reels import Reel, timeline


def test_reels_are_synchronised_by_iteration() -> None:
    frames = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1) * np.ones((3, 2, 2, 3), np.uint8)
    slow = Reel("a", frames, np.array([0, 10, 40]))
    fast = Reel("b", frames, np.array([0, 20, 30]))
    assert timeline([slow, fast]) == [0, 10, 20, 30, 40]
    assert [int(slow.at(step).max()) for step in (0, 10, 20, 30, 40)] == [0, 1, 1, 1, 2]
    assert [int(fast.at(step).max()) for step in (0, 10, 20, 30, 40)] == [0, 0, 1, 2, 2]
    assert fast.last == 30
    assert slow.state(50) == "stopped at 40"
    assert slow.state(40) == ""
