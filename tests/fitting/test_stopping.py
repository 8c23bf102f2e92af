from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from rerender.fitting.stopping import WindowRule, WindowState


def feed(losses: Sequence[float], rule: WindowRule) -> list[WindowState]:
    """Return the states after each loss, up to the one that stops."""
    states = [WindowState()]
    for loss in losses:
        states.append(states[-1].add(loss, rule))
        if states[-1].exhausted(rule):
            break
    return states[1:]


def test_best_is_the_lowest_window_mean_not_the_lowest_loss() -> None:
    rule = WindowRule(window=2, patience=None, min_delta=0.0)
    states = feed([4, 2, 0, 9, 2, 1], rule)  # means 3, 4.5, 1.5; the single 0 does not count
    assert [state.improved for state in states] == [False, True, False, False, False, True]
    assert states[-1].best == 1.5


@pytest.mark.parametrize("patience", [1, 3])
def test_stops_after_patience_windows_without_improvement(patience: int) -> None:
    rule = WindowRule(window=1, patience=patience, min_delta=0.0)
    losses = [3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    assert len(feed(losses, rule)) == 2 + patience


def test_improvement_resets_patience() -> None:
    rule = WindowRule(window=1, patience=2, min_delta=0.0)
    assert len(feed([5, 6, 4, 6, 3, 6, 6, 6], rule)) == 7


def test_small_improvements_do_not_reset_patience_but_are_kept_as_best() -> None:
    rule = WindowRule(window=1, patience=2, min_delta=0.5)
    states = feed([3.0, 2.8, 2.7, 1.0], rule)
    assert len(states) == 3
    assert states[-1].best == 2.7
    assert states[-1].improved


def test_small_improvements_add_up_against_the_reference() -> None:
    rule = WindowRule(window=1, patience=3, min_delta=0.5)
    assert not feed([3.0, 2.7, 2.4, 2.1, 1.8, 1.5], rule)[-1].exhausted(rule)


def test_no_patience_never_stops() -> None:
    assert len(feed([1.0] * 50, WindowRule(window=1, patience=None, min_delta=0.0))) == 50


def test_an_unfinished_window_is_not_judged() -> None:
    states = feed([9, 9, 9, 0], WindowRule(window=3, patience=1, min_delta=0.0))
    assert states[-1].best == 9
    assert (states[-1].total, states[-1].count) == (0, 1)


def test_state_survives_storage_exactly() -> None:
    rule = WindowRule(window=3, patience=4, min_delta=0.01)
    state = feed([0.1, 0.2, 0.30000000000000004, 1 / 3], rule)[-1]
    assert WindowState.from_tree(json.loads(json.dumps(state.to_tree()))) == state
    assert WindowState.from_tree(json.loads(json.dumps(WindowState().to_tree()))) == WindowState()
