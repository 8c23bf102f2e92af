"""Early stopping on the mean loss of each window (epoch), as a value that is updated and stored.

A window holds one loss per view, so its mean is comparable with the next one's; the loss of a single step is
not (other view, other noise). Rule (metamers specification 4.6): stop after `patience` windows in a row whose
mean was not lower than the reference by more than `min_delta`; each such improvement becomes the new
reference.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class WindowRule:
    """Window length [iterations], patience [windows; None = never stop], least improvement of the mean."""

    window: int
    patience: int | None
    min_delta: float


@dataclass(frozen=True)
class WindowState:
    """Where the rule stands. `since` counts windows without improvement; `best` is the lowest mean so far."""

    total: float = 0.0
    count: int = 0
    best: float = math.inf
    reference: float = math.inf
    since: int = 0
    improved: bool = False

    def add(self, loss: float, rule: WindowRule) -> WindowState:
        """Return the state after one more loss. `improved`: a window just ended with the lowest mean."""
        total, count = self.total + loss, self.count + 1
        if count < rule.window:
            return replace(self, total=total, count=count, improved=False)
        mean = total / count
        counts = mean < self.reference - rule.min_delta
        return WindowState(
            best=min(self.best, mean),
            reference=mean if counts else self.reference,
            since=0 if counts else self.since + 1,
            improved=mean < self.best,
        )

    def exhausted(self, rule: WindowRule) -> bool:
        """Say whether patience has run out."""
        return rule.patience is not None and self.since >= rule.patience

    def to_tree(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)

    @staticmethod
    def from_tree(tree: dict[str, Any]) -> WindowState:
        """Restore a state from `to_tree`."""
        return WindowState(**tree)
