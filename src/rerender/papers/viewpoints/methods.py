"""Ways to search for a camera, by id, and how hard the starts are. Light: imports no numerics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from rerender.core.errors import unknown_name

EXACT_DEGREES, EXACT_DISTANCE = 0.1, 0.002
"""A camera is found exactly within these: view direction [deg], distance relative to the true one."""
VIEW_SETS: Mapping[str, str] = MappingProxyType(
    {
        "chosen": "chosen by the score, then by area",
        "covering": "chosen by area",
        "words": "chosen by words",
        "best_of_n": "best of random views, by the score",
        "random": "random views",
        "turntable": "uniform turntable",
    }
)
"""Sets of views that are compared, with their titles."""
WORD_SEARCHES: Mapping[str, str] = MappingProxyType(
    {
        "words": "gradients from the best of a grid",
        "words_evolution": "evolution from there, as many pictures",
        "words_grid": "best camera of the grid",
    }
)
"""How the view that fits words best is looked for, with titles."""
PREDICTIONS: Mapping[str, str] = MappingProxyType(
    {
        "predictor": "predictor",
        "average": "the label's average in training",
        "random": "random camera of the grid",
        "grid": "best camera of the grid",
        "search": "whole search",
    }
)
"""What proposes a view before it is refined, with titles."""
RACE, TOGETHER = "race", "together"
"""The experiment that times several methods on the starts of `near` in one process, and what stands for its methods in its path."""
PAIRS = ("closer", "far", "lens")
"""Pairs of cameras of the gradient check."""

Optimiser = Literal["levenberg", "adam", "network", "simplex", "cma"]
Gradient = Literal["full", "interior", "differences", "none"]


@dataclass(frozen=True)
class Method:
    """How a camera is searched for.

    `optimiser`: Levenberg-Marquardt, Adam, the released code's network with Adam, Nelder-Mead or CMA-ES. `gradient`: with the outlines'
    term, without it (what the released code differentiates), or central differences. `pyramid`: pictures are compared blurred
    first. `restarts`: where the picture does not match in the end, the best cameras of a grid are tried.
    """

    id: str
    title: str
    optimiser: Optimiser
    gradient: Gradient
    pyramid: bool = True
    restarts: bool = False


_ALL = (
    Method("lm", "Levenberg-Marquardt", "levenberg", "full"),
    Method("lm_restarts", "Levenberg-Marquardt, restarts", "levenberg", "full", restarts=True),
    Method("lm_fd", "LM, finite differences", "levenberg", "differences"),
    Method("lm_flat", "LM, no pyramid", "levenberg", "full", pyramid=False),
    Method("lm_interior", "LM, interior gradient", "levenberg", "interior"),
    Method("adam", "Adam, full gradient", "adam", "full"),
    Method("adam_interior", "Adam, interior gradient", "adam", "interior", pyramid=False),
    Method("upstream", "released recipe", "network", "interior", pyramid=False),
    Method("simplex", "Nelder-Mead", "simplex", "none"),
    Method("cma", "CMA-ES", "cma", "none"),
)
METHODS: Mapping[str, Method] = MappingProxyType({method.id: method for method in _ALL})


@dataclass(frozen=True)
class Level:
    """How starts differ from the camera that is searched for: half-widths in scene units and degrees, all uniform.

    Azimuths are about the camera's; distances and elevations are about `centre`, or about the camera's where there is none.
    With `search` there is no start: every camera of a grid is compared first, and the cameras that are searched for differ.
    """

    id: str
    title: str
    distance: float
    elevation: float
    azimuth: float
    centre: tuple[float, float] | None = None
    search: bool = False


_LEVELS = (
    Level("near", "within 45° of azimuth", 1.5, 20.0, 45.0),
    Level("half", "within 90° of azimuth", 2.0, 35.0, 90.0, centre=(6.0, 40.0)),
    Level("anywhere", "no start", 0.0, 0.0, 180.0, search=True),
)
LEVELS: Mapping[str, Level] = MappingProxyType({level.id: level for level in _LEVELS})


def method(name: str) -> Method:
    """Return a method; raises `UserError` that names the closest one."""
    if name not in METHODS:
        raise unknown_name("method", name, METHODS)
    return METHODS[name]
