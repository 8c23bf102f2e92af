"""Names that settings, grid and stages share, and the constraints on their numbers. Light: imports no numerics."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

SHAPES = (
    *("box", "cone", "cylinder", "sphere", "capsule", "torus", "banana"),
    *("bowl", "l_shape", "cross", "star", "gear", "hourglass", "tetrahedron"),
)
"""The fourteen rigid shapes; `shapes` makes them."""

Variant = Literal["default", "ideal", "noise", "fine"]
"""What the estimate is given: 8-bit frames (`default`), frames as they were rendered, with pixel noise added, or of a
truth that was simulated with twice as many steps."""
VARIANTS: tuple[Variant, ...] = get_args(Variant)

Method = Literal["gradsim", "diffphysics", "random", "average"]
METHODS: tuple[Method, ...] = get_args(Method)

NO_LIGHT = "none"
"""The `envmap` of metric rows: light is fixed."""

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]


class Frozen(BaseModel):
    """An immutable settings value; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)
