"""A user's own edit as a value, and its folder: whole or absent. `tests/commands/test_edit_command.py` makes some."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rerender.core.errors import UserError
from rerender.papers.envmaps import grid
from rerender.papers.envmaps.edit_specs import EDITS
from rerender.papers.envmaps.own_edit_specs import OwnEdit, own_edit
from rerender.papers.envmaps.own_edits import summary
from rerender.papers.envmaps.settings import EnvmapsSettings
from rerender.papers.envmaps.tiers import TIERS

BALL = {"scene": "mirror_sphere", "sky": "sky_00"}


def test_the_edit_is_a_built_in_one_one_of_a_file_or_a_painting(tmp_path: Path) -> None:
    assert own_edit({**BALL, "edit": "blur_shadow"}).spec() == EDITS["blur_shadow"]
    gains = {"id": "blur_shadow", "title": "Mine", "kind": "gains", "gains": [0.5, 1, 1]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"edits": [gains]}))
    strokes = str(tmp_path / "mine.yaml")
    # the file comes before the built-in edits
    for own in ({"strokes": strokes}, {"strokes": strokes, "edit": "blur_shadow"}):
        assert own_edit({**BALL, **own}).spec().title == "Mine"
    painted = own_edit({**BALL, "target": "p.png"})
    assert painted.spec().picture == "p.png" and painted.spec().mse > 0
    assert painted.files == (Path("p.png"),)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"edit": "blur_shadow", "sky": None}, "'sky' is None"),
        ({"edit": "blur_shadow", "scene": "mirror_spere"}, "Did you mean 'mirror_sphere'"),
        ({"edit": "blur_shadow", "scene": "plant", "roughness": 0.5}, "has no roughness to set"),
        (
            {"edit": "blur_shadow", "representations": ["pixels", "pixels"]},
            "names something twice: pixels, pixels",
        ),
        ({"edit": "blur_shadow", "steps": 3}, "unknown key 'steps'"),
        ({"strokes": "a.yaml", "target": "b.png"}, "not strokes and target"),
    ],
)
def test_a_wrong_value_is_named(values: dict[str, object], told: str) -> None:
    with pytest.raises(UserError) as error:
        own_edit({**BALL, **values})
    assert told in str(error.value)


def test_the_sky_of_an_edit_in_the_configuration_must_exist() -> None:
    values = TIERS["smoke"].model_dump()
    values["edits"]["own"] = {"lamp": {**BALL, "sky": "sunny", "edit": "blur_shadow"}}
    settings = EnvmapsSettings.model_validate(values)
    assert isinstance(settings.edits.own["lamp"], OwnEdit)
    with pytest.raises(UserError, match=r"envmaps\.edits\.own\.lamp\.sky"):
        grid.check_names(settings)


def test_an_own_edit_stores_maps_for_its_video_even_where_the_tier_stores_none() -> None:
    tier = TIERS["smoke"]
    quiet = tier.model_copy(update={"inversion": tier.inversion.model_copy(update={"snapshot_every": 0})})
    edit = EDITS["blur_shadow"]
    assert quiet.edit_settings(edit).snapshot_every == 0 < quiet.own_edit_settings(edit).snapshot_every
    assert tier.own_edit_settings(edit) == tier.edit_settings(edit)


def test_the_summary_says_when_an_edit_changed_the_amount_of_light() -> None:
    metrics = {"edit/psnr_inside": 20.0, "edit/psnr_outside": 30.0, "edit/map_histogram": 0.5}
    kept, lost = summary({"a": {**metrics, "edit/y_ratio": 0.9}, "b": {**metrics, "edit/y_ratio": 1.5}})
    assert "in 20.0 dB, out 30.0 dB" in kept
    assert "outside 0.8 to 1.25" in lost and "outside 0.8" not in kept
