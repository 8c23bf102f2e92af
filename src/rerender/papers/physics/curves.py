"""Names of what is drawn as curves: Figure 2's, where they are known, and what their rows are called; what growth compares. Light, for who draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

STEPS = 20
"""Frames of a video, one a step."""
TRUE_MASS = 1.0
"""Mass of a vertex [kg]."""
SELECTIONS: Mapping[str, Sequence[int]] = MappingProxyType(
    {"all": range(STEPS), "every5": (0, 5, 10, 15), "first_mid": (0, 10), "first_last": (0, 19)}
)
"""The four curves: which frames are compared."""
COMPARED: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
"""Masses at which the published curves are known."""


KERNELS, TWIN = "kernels", "twin"
"""What growth times: our kernels, and the same in plain PyTorch."""


def metric_name(mass: float) -> str:
    """Return the metric of the loss at a mass: `landscape/0.50`."""
    return f"landscape/{mass:.2f}"
