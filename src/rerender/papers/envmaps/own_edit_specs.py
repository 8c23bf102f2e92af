"""A user's own edit as a plain value: which scene, under which sky, and what to change. Light: imports no numerics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from rerender.core.errors import UserError
from rerender.papers.envmaps.edit_specs import EditSpec, edit_spec, load_edits, painted_edit
from rerender.papers.envmaps.scene_specs import env_scene
from rerender.reporting.yamlfile import explain
from rerender.settings import Frozen

REPRESENTATIONS = ("pixels", "rsiren_a")


class OwnEdit(Frozen):
    """One edit that a user asks for; the target comes from `edit`, `strokes` or `target`."""

    scene: str = Field(description="a scene of the paper, such as bunny")
    sky: str = Field(description="a captured sky by its id, sky_NN, or an .exr or .hdr file")
    roughness: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="of the object, for scenes where that is a setting; null: as the scene has it"
    )
    edit: str | None = Field(None, description="a built-in edit, or which edit of the file `strokes`")
    strokes: str | None = Field(None, description="a YAML file of edits (docs/envmap-edits.md)")
    target: str | None = Field(None, description="a picture that was painted over the initial rendering")
    representations: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        REPRESENTATIONS, description="what the edit is made with, side by side"
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        given = [name for name in ("edit", "strokes", "target") if getattr(self, name) is not None]
        if given not in (["edit"], ["strokes"], ["edit", "strokes"], ["target"]):
            raise ValueError(
                "an edit has one of `edit`, `strokes` and `target`"
                + (f", not {' and '.join(given)}" if given else ", and none is given")
            )
        env_scene(self.scene).with_roughness(self.roughness)
        if len(set(self.representations)) < len(self.representations):
            raise ValueError(f"representations names something twice: {', '.join(self.representations)}")
        return self

    def spec(self) -> EditSpec:
        """Return what is to change. Raises `UserError` for an unknown edit, or a file of several without a choice."""
        if self.target is not None:
            return painted_edit(self.target)
        if self.strokes is None:
            assert self.edit is not None
            return edit_spec(self.edit)
        found = load_edits(self.strokes)
        if self.edit is not None:
            return edit_spec(self.edit, found)
        if len(found) > 1:
            raise UserError(
                f"{self.strokes} holds {len(found)} edits: {', '.join(found)}",
                "Say which one, with --edit on the command line or `edit` in the configuration.",
            )
        return next(iter(found.values()))

    @property
    def files(self) -> tuple[Path, ...]:
        """The user's files that the edit reads."""
        return tuple(Path(name) for name in (self.strokes, self.target) if name is not None)


def own_edit(values: Mapping[str, Any]) -> OwnEdit:
    """Check an edit's values; raises `UserError` with a line for each that is wrong."""
    try:
        return OwnEdit.model_validate(values)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        told = "\n".join(explain(dict(problem), OwnEdit, values).strip() for problem in problems)
        raise UserError(told.replace("the file: ", "")) from None
