"""The methods that are compared: how many networks, which losses and schedules they follow. Light: imports no numerics.

`joint` is upstream's single network with the paper's baseline loss; `two` is the paper's method as its code does it (fact
sheet, section 3). The others change one thing each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from rerender.papers.materials.schedules import Shape

Mix = tuple[tuple[str, float], ...]
Channel = Literal["albedo", "normal", "roughness", "metallic", "occlusion"]

LOGL1_FIRST: Mix = (("logl1", 0.35), ("smape", 0.15))
SMAPE_FIRST: Mix = (("smape", 0.35), ("logl1", 0.15))
BASELINE: Mix = (("relmse", 1.0),)
B_COARSE: Mix = (("relmse", 0.7), ("mse", 0.3))
B_FINE: Mix = (("relmse", 0.5), ("mse", 0.5))
SWAPPED = ("duck",)
"""Scenes for which the paper's configuration swaps the two losses of branch A."""


@dataclass(frozen=True)
class Branch:
    """One network: the channels it predicts, its losses and its schedules in both stages."""

    channels: tuple[Channel, ...]
    coarse: Mix
    fine: Mix
    coarse_schedule: Shape
    fine_schedule: Shape
    hidden: int = 32


@dataclass(frozen=True)
class Method:
    """A way to recover materials.

    `gradients`   `summed`: every parameter follows the sum of all branches' losses, as in the released code;
                  `isolated`: each branch follows its own, and the light follows the first one's
    `divisor`     the gradient of the encodings is divided by this, as upstream does for its single network
    `normals`     `learned`, or `truth`: fixed at the reference's, to see what wrong normals do
    `normals_from`  share of the coarse steps before normals are learned
    """

    id: str
    title: str
    branches: tuple[Branch, ...]
    gradients: Literal["summed", "isolated"] = "summed"
    divisor: float = 1.0
    normals: Literal["learned", "truth"] = "learned"
    normals_from: float = 0.0

    @property
    def is_joint(self) -> bool:
        """Say whether one network predicts everything."""
        return len(self.branches) == 1


EVERYTHING: tuple[Channel, ...] = ("albedo", "roughness", "metallic", "normal")
_ONE = Branch(EVERYTHING, BASELINE, BASELINE, "joint", "warm")
_A = Branch(("albedo", "normal"), LOGL1_FIRST, LOGL1_FIRST, "lead", "warm")
_B = Branch(("roughness", "metallic"), B_COARSE, B_FINE, "delayed", "hold")
_JOINT = Method("joint", "One network", (_ONE,), divisor=8.0)
_TWO = Method("two", "Two branches", (_A, _B))


def _one(**changes: object) -> tuple[Branch, ...]:
    return (replace(_ONE, **changes),)  # type: ignore[arg-type]


_SUMMED: Mix = (*LOGL1_FIRST, *B_COARSE)
_ALL = (
    _JOINT,
    _TWO,
    replace(_JOINT, id="joint_undivided", title="One network, gradient not divided by 8", divisor=1.0),
    replace(
        _JOINT,
        id="joint_summed",
        title="One network, both losses",
        branches=_one(coarse=_SUMMED, fine=(*LOGL1_FIRST, *B_FINE)),
    ),
    replace(_TWO, id="two_divided", title="Two branches, gradient divided by 8", divisor=8.0),
    replace(_TWO, id="two_isolated", title="Two branches, isolated gradients", gradients="isolated"),
    replace(
        _TWO,
        id="two_same_schedule",
        title="Two branches, one network's schedule",
        branches=tuple(replace(one, coarse_schedule="joint", fine_schedule="warm") for one in (_A, _B)),
    ),
    replace(
        _TWO,
        id="two_same_loss",
        title="Two branches, one network's loss",
        branches=tuple(replace(one, coarse=BASELINE, fine=BASELINE) for one in (_A, _B)),
    ),
    replace(_JOINT, id="joint_late_normals", title="One network, normals from half time", normals_from=0.5),
    replace(_TWO, id="two_late_normals", title="Two branches, normals from half time", normals_from=0.5),
    replace(_JOINT, id="joint_true_normals", title="One network, true normals", normals="truth"),
    replace(_TWO, id="two_true_normals", title="Two branches, true normals", normals="truth"),
)

METHODS: Mapping[str, Method] = MappingProxyType({one.id: one for one in _ALL})


def method_for(name: str, scene: str) -> Method:
    """Return a method as it is run on a scene: the losses of branch A are swapped where the paper swaps them."""
    found = METHODS[name]
    if found.is_joint or not scene.startswith(SWAPPED):
        return found
    first, *rest = found.branches
    if first.coarse != LOGL1_FIRST:
        return found
    return replace(found, branches=(replace(first, coarse=SMAPE_FIRST, fine=SMAPE_FIRST), *rest))
