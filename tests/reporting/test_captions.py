"""Caption sentences say what is missing and why."""

from __future__ import annotations

from rerender.reporting.captions import (
    Names,
    assets_sentence,
    blocked_sentence,
    blocked_text,
    join_words,
    seeds_sentence,
    sentences,
    tier_sentence,
)

NAMES = Names(models={"lpips": "LPIPS"}, scenes={"dragon": "Dragon"}, envmaps={"constant": "Constant"})


def test_names_fall_back_to_the_id() -> None:
    assert (NAMES.model("lpips"), NAMES.model("other")) == ("LPIPS", "other")
    assert (NAMES.scene("dragon"), NAMES.scene("x")) == ("Dragon", "x")
    assert (NAMES.envmap("constant"), NAMES.envmap("y")) == ("Constant", "y")


def test_join_words() -> None:
    assert [join_words(words) for words in ((), ("a",), ("a", "b"), ("a", "b", "c"))] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_blocked_text_is_not_doubled() -> None:
    assert blocked_text("weights") == blocked_text("blocked (weights)") == "blocked (weights)"


def test_blocked_sentence_groups_by_reason() -> None:
    text = blocked_sentence({"lpips": "weights", "dino": "weights", "clip": "licence"}, NAMES)
    assert text.startswith("Blocked (weights): LPIPS and dino – pretrained weights")
    assert text.endswith("Blocked (licence): clip.")
    assert blocked_sentence({}, NAMES) == ""


def test_assets_sentence_names_the_light_only_where_lights_differ() -> None:
    text = assets_sentence({("dragon", "constant"): "mirror", ("dragon", "sky"): "standin"}, NAMES)
    assert "not the paper's own, for Dragon (Constant)" in text
    assert "stand-ins (marked *) for Dragon (sky)" in text
    text = assets_sentence({("dragon", "constant"): "standin", ("dragon", "sky"): "standin"}, NAMES)
    assert text == "Inputs: procedural stand-ins (marked *) for Dragon."
    assert assets_sentence({}, NAMES) == "Inputs: none used yet."


def test_tier_and_seed_sentences() -> None:
    assert tier_sentence("smoke").startswith("Smoke tier")
    assert tier_sentence("own") == "Tier: own."
    assert seeds_sentence([1]) == "One seed: no spread over seeds."
    assert seeds_sentence([1, 2, 3]) == "3 seeds."
    assert sentences("a.", "", "b.") == "a. b."
