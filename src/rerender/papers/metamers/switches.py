"""Behaviours of the released code that change results, each a switch that is off by default (fact sheet, section 9).

`layout`, `train_mode_sin` and `clip_norm_for_dino` change the vision model, `frozen_seeds` the noise of the
renders, `last_view_only` and `dual_buffer_lr` the steps of a material run.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from rerender.catalogue.specs import Family
from rerender.core.errors import UserError, unknown_name
from rerender.settings import Frozen

Layout = Literal["nchw", "upstream_view"]
DUAL_BUFFER_LR = 0.09
"""Where the released "decay" of the dual buffer holds every rate but the texture's (section 5)."""


class Switches(Frozen):
    """What a run does as the released code did; each acts where it applies, and on nothing else."""

    layout: Layout = Field(
        "nchw",
        description="upstream_view reinterprets images (H, W, 3) as (3, H, W) without a permute: rows become channels "
        "(section 3.1)",
    )
    last_view_only: bool = Field(
        False, description="materials: only the last of the four views has a gradient (section 5)"
    )
    train_mode_sin: bool = Field(
        False, description="resnet_sin: batch norms use the statistics of the single image (section 9, 3)"
    )
    clip_norm_for_dino: bool = Field(False, description="dino: normalise as for CLIP (section 9, 4)")
    frozen_seeds: bool = Field(
        False,
        description="every step renders a view with the same noise, view 1 with that of its target (section 4.2)",
    )
    dual_buffer_lr: bool = Field(
        False, description="dual_buffer: every rate but the texture's is 0.09 (section 5)"
    )


CORRECTED = "corrected"
"""The variant that has none of them."""

SwitchName = Literal[
    "upstream_view",
    "last_view_only",
    "train_mode_sin",
    "clip_norm_for_dino",
    "frozen_seeds",
    "dual_buffer_lr",
]

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "upstream_view": "Images reinterpreted, not permuted",
        "last_view_only": "Gradient of the last view only",
        "train_mode_sin": "Network in training mode",
        "clip_norm_for_dino": "Normalised as for CLIP",
        "frozen_seeds": "The same noise in every step",
        "dual_buffer_lr": "Learning rate 0.09 but for the texture",
    }
)
_ONLY_MODEL = {
    "train_mode_sin": "resnet_sin",
    "clip_norm_for_dino": "dino",
    "dual_buffer_lr": "dual_buffer",
}


def switched_on(name: str) -> Switches:
    """Return the switches with this one on."""
    if name not in TITLES:
        raise unknown_name("switch", name, TITLES)
    return Switches(layout="upstream_view") if name == "upstream_view" else Switches(**{name: True})


def check_switch(name: str, family: Family, model: str, key: str) -> None:
    """Refuse a switch that would change nothing of a run of this family and model. Raises `UserError`."""
    if name not in TITLES:
        raise unknown_name("switch", name, TITLES, f"The name stands in {key}.")
    if _ONLY_MODEL.get(name, model) != model:
        raise UserError(
            f"the switch '{name}' changes nothing of the model '{model}'",
            f"It concerns '{_ONLY_MODEL[name]}': correct {key}.",
        )
    if name in ("last_view_only", "dual_buffer_lr") and family != "material":
        raise UserError(f"the switch '{name}' concerns materials only", f"Correct {key}.")
