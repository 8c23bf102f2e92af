"""Settings of a tier: what they derive, what they refuse, and the three presets."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from rerender.papers.envmaps.settings import (
    EnvmapsSettings,
    PartSettings,
    noise_variant,
    perceptual_model,
    place_id,
    row_spec,
    split_place,
)
from rerender.papers.envmaps.tiers import TIERS


def changed(**changes: Any) -> EnvmapsSettings:
    """Return the smoke settings with some keys replaced, level by level."""
    values = TIERS["smoke"].model_dump()
    for key, change in changes.items():
        values[key] = values[key] | change if isinstance(change, dict) else change
    return EnvmapsSettings.model_validate(values)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"skies": {"numbered": 0}}, "there is none"),
        ({"shift": 0.001}, "columns; allowed: 1 to 63 columns"),
        ({"table1": {"skies": 9}}, "table1.skies = 9, but the tier has only 1"),
        ({"table1": {"scene": "sphere"}}, "Did you mean 'mirror_sphere'"),
        ({"table2": {"roughness": [0.5]}}, "horse has no roughness to set"),
        ({"table1": {"representations": ["sirn"]}}, "Did you mean 'siren'"),
        ({"table1": {"representations": ["siren", "siren"]}}, "names something twice"),
        ({"fit": {"gamma_low": 0.02}}, "must be smaller than gamma_high"),
        ({"render": {"backend": "blender"}}, "transport"),
        ({"fit": {"widht": 3}}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        changed(**changes)


def test_the_target_is_moved_by_a_share_of_the_width() -> None:
    settings = changed(shift=0.25)
    assert (settings.map_shape, settings.columns) == ((16, 64), 16)


def test_a_place_has_scene_and_roughness_in_its_name() -> None:
    part = PartSettings(scene="bunny", roughness=(0.0, 0.25, 1.0), representations=("siren",))
    assert part.places == ("bunny_r000", "bunny_r025", "bunny_r100")
    assert [split_place(place) for place in part.places] == [("bunny", 0.0), ("bunny", 0.25), ("bunny", 1.0)]
    assert split_place(place_id("mirror_sphere", None)) == ("mirror_sphere", None)


def test_a_representation_has_the_network_of_the_tier_and_keeps_what_makes_it_itself() -> None:
    settings = changed(fit={"lam_hdr": 3.0, "gamma_low": 2e-3, "gamma_high": 4e-3})
    fits = {name: settings.representation(name).fit for name in ("siren_wo", "siren", "rsiren_a", "rsiren_b")}
    assert all(fit is not None and fit.iterations == settings.fit.iterations for fit in fits.values())
    assert [fit.lam_hdr for fit in fits.values() if fit] == [0.0, 3.0, 3.0, 3.0]
    assert [fit.gamma for fit in fits.values() if fit] == [0.0, 0.0, 2e-3, 4e-3]
    assert settings.representation("siren_stock").network.output == "linear"
    assert settings.representation("siren").network.width == settings.fit.width
    assert settings.representation("pixels").lr == settings.inversion.lr_pixels


def test_the_stand_in_for_dists_has_a_name_of_its_own() -> None:
    row = "rsiren_a_dists_proxy"
    assert (row_spec(row).id, row_spec(row).perceptual) == (row, True)
    assert "proxy" in row_spec(row).title
    assert [perceptual_model(name) for name in ("rsiren_a", "rsiren_a_dists", row)] == [
        None,
        "dists",
        "dists_proxy",
    ]


def test_modes_differ_by_what_stabilises_alone() -> None:
    settings = TIERS["paper"]
    plain, stable = (settings.inversion_settings(mode) for mode in settings.inversion.modes)
    assert stable == plain.model_copy(update={"mode": "stabilised"})


def test_noise_has_a_variant() -> None:
    assert [noise_variant(x) for x in (0.0, 0.03, 0.005)] == ["noise_0", "noise_3", "noise_0.5"]


def test_the_paper_tier_has_the_published_protocol() -> None:
    paper = TIERS["paper"]
    assert len(paper.skies.all) == 44
    assert paper.table3.skies is None and paper.table3.roughness == (0.0, 0.5, 1.0)
    assert len(paper.table3.representations) == 4
    assert paper.map_shape == (128, 512)


@pytest.mark.parametrize("tier", ["laptop", "paper"])
def test_every_tier_for_people_has_clear_and_overcast_skies_and_both_modes(tier: str) -> None:
    settings = TIERS[tier]
    assert {"rustig_koppie_puresky", "wasteland_clouds_puresky"} <= set(
        settings.skies.all[: settings.table1.skies]
    )
    assert settings.inversion.modes == ("paper_like", "stabilised")
