"""Edits of a rendering as plain values (fact sheet, section 7): the paper's six, and strokes that a user declares.

Light: neither NumPy nor a renderer is loaded. The paper's strokes were made by hand and are not published; these
procedures stand in for them. A file of edits is YAML: a list under `edits`, each with the keys of `EditSpec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from rerender.core.errors import UserError, unknown_name
from rerender.reporting.yamlfile import explain, read_yaml
from rerender.settings import Frozen, NonNegative, Positive

Where = Literal["all", "floor", "object"]
EditKind = Literal["move_shadow", "enhance_shadow", "blur_shadow", "gains", "strokes", "painted"]
Pair = tuple[float, float]
Colour = tuple[NonNegative, NonNegative, NonNegative]
Share = Annotated[float, Field(gt=0, le=1)]

WHITE: Colour = (1.0, 1.0, 1.0)
BLACK: Colour = (0.0, 0.0, 0.0)

Y_RATIOS = (0.8, 1.25)
"""Total luminance over that of the initial sky: within these limits an edit kept the amount of light."""


EDIT_MSE = 10.0
"""Of section 7 for colours and reflections: colour temperature 29.4 -> 47.5 dB, add reflection 37.6 -> 50.0 dB. A moved
shadow gains by it as well: without, the floor turns pink (27.2 -> 29.3 dB outside of the stroke, 15.7 -> 17.4 inside)."""


class Stroke(Frozen):
    """One stroke: linear radiance is multiplied by `gain`, then `add` comes on top, where the stroke lies.

    Positions are fractions of the picture's width and height, from its top left corner, or with `frame: object` of the
    object's bounding box. Lengths are fractions of the picture's width. The boundary is where half of the stroke acts.
    """

    shape: Literal["ellipse", "polyline"]
    centre: Pair | None = Field(None, description="of an ellipse: x, y")
    radii: tuple[Positive, Positive] | None = Field(None, description="of an ellipse: along x and y")
    angle_deg: float = Field(0.0, description="turns an ellipse, from x towards y")
    points: tuple[Pair, ...] = Field((), description="of a polyline: x, y of its corners, two or more")
    width: Positive | None = Field(None, description="of a polyline")
    gain: Colour = Field(WHITE, description="factor per channel: 1 leaves it, 0.4 darkens")
    add: Colour = Field(BLACK, description="linear radiance per channel on top")
    softness: Share = Field(0.5, description="1 is a Gaussian edge, near 0 a hard one")
    touches: Where = Field("all", description="the only surface that it may change")
    frame: Literal["picture", "object"] = "picture"

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.shape == "ellipse":
            if self.centre is None or self.radii is None or self.points or self.width is not None:
                raise ValueError("an ellipse has `centre` and `radii`, and neither `points` nor `width`")
        elif len(self.points) < 2 or self.width is None or self.centre or self.radii:
            raise ValueError("a polyline has two or more `points` and a `width`, and no `centre` or `radii`")
        if self.gain == WHITE and self.add == BLACK:
            raise ValueError("a stroke with `gain` 1 and `add` 0 changes nothing")
        return self


class EditSpec(Frozen):
    """One edit, and the weights that its inversion needs (section 7).

    `move_shadow` turns the cast shadow about the objects' place by `angle_deg`; `enhance_shadow` raises its depth to
    the power `power`; `blur_shadow` blurs it by `sigma` of the width; `gains` multiplies the channels; `strokes` draws;
    `painted` takes a picture that a user painted over the initial rendering.
    """

    id: str
    title: str
    kind: EditKind
    angle_deg: float = Field(75.0, description="of move_shadow; sweep 60 to 90, either way")
    power: Positive = Field(1.6, description="of enhance_shadow; above 1 is darker")
    sigma: Positive = Field(0.04, description="of blur_shadow, in widths of the picture")
    gains: Colour = Field(WHITE, description="of gains: factor per channel")
    strokes: tuple[Stroke, ...] = ()
    picture: str | None = Field(None, description="of painted: the picture's file")
    luminance: NonNegative = Field(0.02, description="weight of Eq. 8, low so that new lights may appear")
    mse: NonNegative = Field(
        EDIT_MSE, description="weight of the MSE: SSIM alone barely sees colour and exposure"
    )

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if (self.kind == "strokes") != bool(self.strokes):
            raise ValueError(
                f"edit '{self.id}': kind `strokes` needs strokes, and no other kind may have them"
            )
        if (self.kind == "painted") != (self.picture is not None):
            raise ValueError(
                f"edit '{self.id}': kind `painted` needs a `picture`, and no other kind may have one"
            )
        if self.kind == "gains" and self.gains == WHITE:
            raise ValueError(f"edit '{self.id}': gains of 1 change nothing")
        if self.kind == "move_shadow" and self.angle_deg % 360 == 0:
            raise ValueError(f"edit '{self.id}': a turn by {self.angle_deg:g} degrees moves nothing")
        return self


class EditFile(Frozen):
    """A file of edits."""

    edits: tuple[EditSpec, ...]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        if not self.edits:
            raise ValueError("`edits` is empty")
        ids = [edit.id for edit in self.edits]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"edit ids occur twice: {', '.join(twice)}")
        return self


_SPECS = (
    EditSpec(id="move_shadow", title="Different shadow", kind="move_shadow"),
    EditSpec(
        id="add_shadow",
        title="Add a shadow",
        kind="strokes",
        strokes=(
            Stroke(
                shape="ellipse",
                centre=(0.76, 0.68),
                radii=(0.1, 0.06),
                gain=(0.4, 0.4, 0.4),
                softness=0.4,
                touches="floor",
            ),
        ),
    ),
    EditSpec(
        id="add_reflection",
        title="Add a reflection",
        kind="strokes",
        strokes=(
            Stroke(
                shape="ellipse",
                centre=(0.62, 0.3),
                radii=(0.05, 0.05),
                add=(0.6, 0.57, 0.5),
                softness=0.6,
                touches="object",
                frame="object",
            ),
        ),
    ),
    EditSpec(
        id="colour_temperature",
        title="Warmer light",
        kind="gains",
        gains=(1.12, 1.0, 0.78),
    ),
    EditSpec(id="enhance_shadow", title="Enhance the shadow", kind="enhance_shadow"),
    EditSpec(id="blur_shadow", title="Blur the shadow", kind="blur_shadow"),
)

LIMITATION = EditSpec(
    id="dark_spot",
    title="An isolated dark spot",
    kind="strokes",
    strokes=(
        Stroke(
            shape="ellipse",
            centre=(0.2, 0.72),
            radii=(0.05, 0.035),
            gain=(0.3, 0.3, 0.3),
            softness=0.3,
            touches="floor",
        ),
    ),
)
"""What distant light cannot do: nothing stands there that could cast the shadow (section 7). Our choice for Figure 12."""

EDITS: Mapping[str, EditSpec] = MappingProxyType({edit.id: edit for edit in (*_SPECS, LIMITATION)})

PAPER_EDITS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "atenea": ("move_shadow", "add_reflection"),
        "plant": ("add_shadow", "colour_temperature"),
        "multi_objects": ("enhance_shadow", "blur_shadow"),
    }
)
"""The two edits of each row of Fig. 13."""


def edit_spec(name: str, more: Mapping[str, EditSpec] = MappingProxyType({})) -> EditSpec:
    """Return an edit by id, a user's own before the built-in ones; raises `UserError` that names the closest."""
    known = {**EDITS, **more}
    if name not in known:
        raise unknown_name("edit", name, known)
    return known[name]


def painted_edit(picture: Path | str) -> EditSpec:
    """Return the edit that aims at a painted picture; its colours count."""
    return EditSpec(id="painted", title="Painted picture", kind="painted", picture=str(picture))


def load_edits(path: Path | str) -> Mapping[str, EditSpec]:
    """Read a file of edits, by id. Raises `UserError` that names every wrong key and value."""
    raw = read_yaml(Path(path))
    try:
        edits = EditFile.model_validate(raw).edits
    except ValidationError as error:
        told = "\n".join(explain(dict(problem), EditFile, raw) for problem in error.errors(include_url=False))
        raise UserError(f"{path}:\n{told}", "docs/envmap-edits.md explains each key.") from None
    return MappingProxyType({edit.id: edit for edit in edits})
