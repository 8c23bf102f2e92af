"""Names of what is drawn as curves: Figure 2's, where they are known, and what their rows are called; what growth compares. Light, for who draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

STEPS = 20
"""Frames of a video, one a step."""
TRUE_MASS = 1.0
"""Mass of a vertex [kg]."""
LIGHTEST, HEAVIEST = 0.1, 5.0
"""Where the sweeps over the mass of a vertex begin and end [kg]."""
TRUE_RESTITUTION = 0.8
"""Of the cube that bounces."""
SELECTIONS: Mapping[str, Sequence[int]] = MappingProxyType(
    {"all": range(STEPS), "every5": (0, 5, 10, 15), "first_mid": (0, 10), "first_last": (0, 19)}
)
"""The four curves: which frames are compared."""
_PUBLISHED_MASSES = 500


def _published_mass(number: int) -> float:
    return LIGHTEST + number * (HEAVIEST - LIGHTEST) / (_PUBLISHED_MASSES - 1)


COMPARED: tuple[float, ...] = tuple(
    _published_mass(number) for number in (0, 15, 41, 66, 92, 143, 193, 295, 499)
)
"""Masses at which the published curves are known [kg]: those of the published sweep that are nearest to 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3 and 5."""
PEAK = _published_mass(9)
"""Where the published curve of first and last frame has its maximum [kg], by which it is divided; others have it at the lightest."""


LAME_SLICES, PLANE = ("lame_mu", "lame_lambda"), "plane"
"""Slices of the landscape of a beam, each along one parameter, and the plane of both."""
TRUE_LAME = 1000.0
"""Both Lamé parameters of the true beam [Pa]."""
LAME_COMPARED: tuple[float, ...] = (210.0, 402.0, 601.0, 801.0, 1000.0, 1201.0, 1497.0, 2000.0)
"""Parameters [Pa] at which the published slices are known; printed beside 1001, where ours has the truth."""

KERNELS, TWIN = "kernels", "twin"
"""What growth times: our kernels, and the same in plain PyTorch."""


def metric_name(mass: float) -> str:
    """Return the metric of the loss at a mass: `landscape/0.50`."""
    return f"landscape/{mass:.2f}"


def lame_metric_name(value: float) -> str:
    """Return the metric of the loss at a Lamé parameter: `landscape_lame/402`."""
    return f"landscape_lame/{value:.0f}"
