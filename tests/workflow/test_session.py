"""Sources of assets, blocked models, and the params that decide what reruns."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rerender.catalogue import registry
from rerender.core.errors import UserError
from rerender.workflow import assets, envmaps, metamers
from rerender.workflow.session import Session

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    return folder


def session(mirror: Path, **changes: Any) -> Session:
    return Session({"tier": "smoke", "assets": {"mirror": str(mirror)}, **changes})


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def put(mirror: Path, path: str, content: bytes = b"planning only looks whether it is there") -> None:
    (mirror / path).parent.mkdir(parents=True, exist_ok=True)
    (mirror / path).write_bytes(content)


def test_an_absent_asset_is_a_standin_and_a_present_one_says_where_from(mirror: Path) -> None:
    assert session(mirror).source("venice_sunset")["source"] == "standin"
    ledger = session(mirror).ledger["venice_sunset"]
    put(mirror, ledger.relative_path)
    assert session(mirror).source("venice_sunset") == {
        "asset": "venice_sunset",
        "source": "mirror",
        "sha256": ledger.sha256,
    }


def test_another_file_under_an_unverified_name_is_another_source(mirror: Path, tmp_path: Path) -> None:
    places = {"mirror": str(mirror)}
    made = Session({"tier": "smoke", "assets": places})
    ledger = {**made.ledger, "venice_sunset": replace(made.ledger["venice_sunset"], sha256=None, bytes=None)}
    seen = []
    for content in (b"one sky", b"another", b"one sky"):
        put(mirror, ledger["venice_sunset"].relative_path, content)
        made = Session({"tier": "smoke", "assets": places})
        made.__dict__["ledger"] = ledger
        made.places = replace(made.places, raw=tmp_path / "raw")
        seen.append(made.source("venice_sunset"))
    assert seen[0] == seen[2] != seen[1]
    assert seen[0]["sha256"] == hashlib.sha256(b"one sky").hexdigest()


def test_the_place_of_a_mirror_is_in_no_params(mirror: Path, tmp_path: Path) -> None:
    other = tmp_path / "moved"
    other.mkdir()
    here, there = session(mirror), session(other)
    for made in (here, there):
        put(Path(made.places.mirrors[0]), made.ledger["suzanne"].relative_path)
    here, there = session(mirror), session(other)
    assert assets.mesh_params(here, "suzanne") == assets.mesh_params(there, "suzanne")
    assert str(mirror) not in repr(assets.mesh_params(here, "suzanne"))


def test_an_arriving_mesh_changes_the_params_of_its_scene_only(mirror: Path) -> None:
    made = session(mirror)
    before = {name: assets.mesh_params(made, name) for name in ("suzanne", "bunny")}
    put(mirror, made.ledger["suzanne"].relative_path)
    after = {name: assets.mesh_params(session(mirror), name) for name in ("suzanne", "bunny")}
    assert before["suzanne"] != after["suzanne"]
    assert before["bunny"] == after["bunny"]


def test_models_without_their_weights_are_blocked(mirror: Path) -> None:
    made = session(mirror)
    for name, spec in registry.vision_models().items():
        assert made.blocked(name) == ("weights" if spec.weights else None)


def test_constant_light_needs_no_file_and_a_texture_is_an_input(mirror: Path) -> None:
    made = session(mirror)
    assert metamers.scene_assets(made, "smoke", "suzanne", "constant").keys() == {"mesh"}
    assert metamers.scene_assets(made, "smoke", "translucent", "builtin").keys() == {
        "mesh",
        "envmap",
        "texture",
    }


def test_the_ground_is_an_input_only_beside_the_papers_own_object(mirror: Path) -> None:
    made = session(mirror)
    assert not assets.has_own_ground(made, "translucent")
    archive = made.ledger["mrd_material_dragon"].archive
    assert archive is not None
    put(mirror, made.ledger[archive].relative_path)
    assert assets.has_own_ground(session(mirror), "translucent")


def test_params_are_plain_small_and_repeatable(mirror: Path) -> None:
    made, again = session(mirror), session(mirror)
    for function in (metamers.reference_params, metamers.optimise_params, metamers.evaluate_params):
        for scene in ("suzanne", "translucent"):
            first, second = function(made, "smoke", scene), function(again, "smoke", scene)
            assert repr(first) == repr(second)
            assert len(repr(first)) < 1_200


def test_how_often_a_run_saves_is_in_no_params(mirror: Path) -> None:
    often = session(mirror, checkpoint_seconds=1)
    assert metamers.optimise_params(often, "smoke", "suzanne") == metamers.optimise_params(
        session(mirror), "smoke", "suzanne"
    )


def test_a_step_depends_on_its_own_values_only(mirror: Path) -> None:
    changed = {"smoke": {"metamers": {"geometry": {"heldout_views": 3}}}}
    before, after = session(mirror), session(mirror, tiers=changed)
    assert metamers.optimise_params(before, "smoke", "suzanne") == metamers.optimise_params(
        after, "smoke", "suzanne"
    )
    assert metamers.reference_params(before, "smoke", "suzanne") == metamers.reference_params(
        after, "smoke", "suzanne"
    )
    assert metamers.evaluate_params(before, "smoke", "suzanne") != metamers.evaluate_params(
        after, "smoke", "suzanne"
    )


def test_a_new_title_changes_names_but_no_run(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = session(mirror)
    value, names = metamers.scene_value(made, "suzanne", "constant"), metamers.names_params(made, "smoke")
    renamed = replace(registry.scene("suzanne"), title="The monkey", tags=("new",))
    later = session(mirror)
    monkeypatch.setattr(
        type(later), "scene", lambda self, name: renamed if name == "suzanne" else registry.scene(name)
    )
    assert metamers.scene_value(later, "suzanne", "constant") == value
    assert metamers.names_params(later, "smoke") != names


def test_the_stack_of_a_stage_is_what_it_can_import(mirror: Path) -> None:
    made = session(mirror)
    assert {"mitsuba", "drjit", "torch", "cholespy"} <= made.stack("rerender.papers.metamers.optimise").keys()
    assert "torch" not in made.stack("rerender.papers.metamers.tables")
    assert "mitsuba" not in made.stack("rerender.reporting.verdicts")


def test_answers_are_remembered_but_not_between_sessions(mirror: Path) -> None:
    made = session(mirror)
    assert made.cells("smoke") is made.cells("smoke")
    assert made.cells("smoke") is not session(mirror).cells("smoke")
    assert made.cells("smoke") != made.cells("paper")


def test_needed_assets_are_those_of_the_tier(mirror: Path) -> None:
    made = session(mirror)
    wanted = assets.needed(made, "smoke")
    assert "suzanne" in wanted
    assert "stanford_bunny" not in wanted
    assert all(made.ledger[name].kind != "procedural" for name in wanted)


def test_figures_are_drawn_from_the_runs_they_show(mirror: Path) -> None:
    made = session(mirror)
    firsts = [path for path in metamers.figure_runs(made, "smoke", "f1") if "/runs/" in path]
    assert len({path.rpartition("/")[0] for path in firsts}) == 2
    assert all("/builtin/" not in path for path in metamers.figure_runs(made, "smoke", "f2"))
    assert all("/builtin/" in path for path in metamers.figure_runs(made, "smoke", "f3"))
    both = metamers.figure_runs(made, "smoke", "f4")
    assert {"/builtin/" in path for path in both} == {True, False}
    assert all("/evaluations/" in path for path in both)


def test_one_envmaps_job_searches_in_all_modes_of_the_tier_in_use(mirror: Path) -> None:
    named = {"experiment": "shift", "scene": "mirror_sphere", "envmap": "sky_00", "seed": "1"}
    made = session(mirror)
    inversions = envmaps.run_params(made, "smoke", named)["inversions"]
    assert {mode: found["mode"] for mode, found in inversions.items()} == {
        "paper_like": "paper_like",
        "stabilised": "stabilised",
    }
    one_mode = {"smoke": {"envmaps": {"inversion": {"modes": ["stabilised"]}}}}
    fewer = session(mirror, tiers=one_mode)
    assert list(envmaps.run_params(fewer, "smoke", named)["inversions"]) == ["stabilised"]
    other = session(mirror, tiers=one_mode, **{"tier": "laptop"})
    with pytest.raises(UserError, match=r"other modes \(stabilised\).*\n?.*--config tier=smoke"):
        envmaps.run_params(other, "smoke", named)
    edit = {**named, "experiment": "edit_move_shadow", "scene": "atenea", "mode": "stabilised"}
    assert list(envmaps.run_params(made, "smoke", edit)["inversions"]) == ["stabilised"]
