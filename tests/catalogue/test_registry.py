from __future__ import annotations

import dataclasses
import subprocess
import sys
import types
from pathlib import Path

import pytest

from rerender.catalogue import registry
from rerender.catalogue.specs import Bsdf, EnvmapSpec, MeshChoice, Placement, SceneSpec, VisionModelSpec
from rerender.core.errors import UserError


def some_scene(name: str = "mine") -> SceneSpec:
    choice = MeshChoice(asset="spot", placement=Placement(diagonal=2.0), origin="mirror")
    return SceneSpec(
        id=name,
        title="Mine",
        family="geometry",
        meshes=(choice,),
        bsdf=Bsdf(plugin="diffuse"),
        n_views=4,
        lr=0.1,
    )


def test_the_registry_is_light() -> None:
    code = (
        "import sys; from rerender.catalogue import registry, ledger, resolve; registry.scenes();"
        "heavy = {'numpy', 'torch', 'mitsuba', 'drjit', 'scipy', 'skimage'} & set(sys.modules);"
        "sys.exit(f'imports {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_scenes_of_the_fact_sheet_have_its_settings() -> None:
    scenes = registry.scenes()
    assert {"suzanne", "bunny", "dragon", "spot", "rocker_arm", "translucent", "diffuse"} <= set(scenes)
    assert (scenes["suzanne"].n_views, scenes["suzanne"].large_steps_lambda) == (8, 25.0)
    assert (scenes["dragon"].n_views, scenes["dragon"].large_steps_lambda) == (25, 15.0)
    assert scenes["dragon"].remesh_epochs == (5, 25, 50, 100, 150, 250, 350, 450)
    truth = scenes["translucent"]
    assert truth.bsdf.scalars == {"roughness": 0.001, "eta": 1.49, "spec_trans": 1.0}
    assert truth.start_bsdf is not None and truth.start_bsdf.scalars == {
        "roughness": 0.69,
        "eta": 1.64,
        "spec_trans": 0.11,
    }
    assert truth.spotlight is None and scenes["diffuse"].spotlight is not None
    assert (truth.max_depth, scenes["diffuse"].max_depth) == (12, 10)
    bounds = {free.name: (free.low, free.high) for free in truth.optimised}
    assert bounds["eta"] == (1.01, 4.1) and bounds["base_color"] == (0.001, 1.0)


def test_specs_are_frozen_and_hashable_values() -> None:
    for spec in (
        *registry.scenes().values(),
        *registry.envmaps().values(),
        *registry.vision_models().values(),
    ):
        hash(spec)
        with pytest.raises(dataclasses.FrozenInstanceError):
            spec.id = "other"
    assert registry.scene("suzanne") == registry.scene("suzanne")


def test_specs_refuse_what_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="family"):
        dataclasses.replace(some_scene(), family="sound")
    with pytest.raises(ValueError, match="names no mesh"):
        dataclasses.replace(some_scene(), meshes=())
    with pytest.raises(ValueError, match="needs start_bsdf"):
        dataclasses.replace(some_scene(), family="material")
    with pytest.raises(ValueError, match="either a constant"):
        EnvmapSpec(id="dark", title="Dark")


@pytest.mark.parametrize(
    ("lookup", "name", "first"),
    [
        (registry.scene, "suzane", "suzanne"),
        (registry.envmap, "venice", "venice_sunset"),
        (registry.vision_model, "lpip", "lpips"),
    ],
)
def test_a_misspelt_name_gets_the_closest_one_first(lookup: object, name: str, first: str) -> None:
    assert callable(lookup)
    with pytest.raises(UserError, match=f"Did you mean '{first}'"):
        lookup(name)


@pytest.mark.parametrize(
    "run",
    [
        ("suzanne", "constant", "mae"),
        ("dragon", "venice_sunset", "lpips"),
        ("translucent", "builtin", "dual_buffer"),
        ("diffuse", "builtin", "mse"),
    ],
)
def test_valid_runs_pass(run: tuple[str, str, str]) -> None:
    assert registry.run_problem(*run) is None
    registry.validate_run(*run)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (("suzanne", "constant", "dual_buffer"), "only on material scenes"),
        (("translucent", "builtin", "mae"), "only on geometry scenes"),
        (("translucent", "constant", "mse"), "cannot be lit by envmap 'constant'"),
        (("suzanne", "builtin", "mae"), "cannot be lit by envmap 'builtin'"),
        (("suzane", "constant", "mae"), "unknown scene 'suzane'"),
        (("suzanne", "constannt", "mae"), "unknown envmap 'constannt'"),
        (("suzanne", "constant", "squeezenet"), "unknown vision model 'squeezenet'"),
    ],
)
def test_invalid_runs_are_refused_naming_alternatives(run: tuple[str, str, str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        registry.validate_run(*run)
    assert "Allowed" in str(caught.value)
    assert "squeezenet" not in registry.vision_models()


def test_valid_runs_of_a_product_skip_combinations_but_not_misspellings() -> None:
    runs = registry.valid_runs(["suzanne", "diffuse"], ["constant", "builtin"], ["mae", "mse", "dual_buffer"])
    assert set(runs) == {
        ("suzanne", "constant", "mae"),
        ("suzanne", "constant", "mse"),
        ("diffuse", "builtin", "mse"),
        ("diffuse", "builtin", "dual_buffer"),
    }
    with pytest.raises(UserError, match="unknown scene"):
        registry.valid_runs(["suzane"], ["constant"], ["mae"])


def test_every_asset_that_a_spec_names_is_in_the_ledger(root: Path) -> None:
    from rerender.catalogue.ledger import read_ledger
    from rerender.commands.fetch import used

    assets = read_ledger(root / "config" / "assets.tsv")
    for spec in registry.scenes().values():
        assert all(choice.asset in assets for choice in spec.meshes), spec.id
        origins = {choice.origin: assets[choice.asset].kind for choice in spec.meshes}
        assert origins.get("standin", "procedural") == "procedural"
        assert {*spec.bsdf_files, *([spec.texture] if spec.texture else [])} <= assets.keys()
        assert spec.builtin_envmap is None or spec.builtin_envmap in registry.envmaps()
        assert spec.ground is None or spec.ground.mesh is None or spec.ground.mesh in assets
    for light in registry.envmaps().values():
        assert all(assets[name].standin == "sky" for name in light.assets)
    for model in registry.vision_models().values():
        assert all(assets[name].kind == "weights" for name in model.weights)
    assert "mrd_dragon" in used(assets) and "resnet50_v1" in used(assets)


def test_a_plugin_may_be_a_function_or_a_module() -> None:
    own = registry.Register()

    def plugin(register: registry.Register) -> None:
        register.scene("mine")(some_scene)

    own.load_plugin("good", lambda: plugin)
    assert list(own.scene.factories) == ["mine"]
    own.load_plugin("module", lambda: types.ModuleType("theirs"))


def broken(register: registry.Register) -> None:
    register.scene("half")(lambda: some_scene("half"))
    raise RuntimeError("no such luck")


def wrong_type(register: registry.Register) -> None:
    register.vision_model("mine")(some_scene)  # type: ignore[arg-type]


def wrong_name(register: registry.Register) -> None:
    register.scene("mine")(lambda: some_scene("other"))


def taken_name(register: registry.Register) -> None:
    register.vision_model("known")(lambda: VisionModelSpec(id="known", title="Known"))


def not_importable() -> object:
    raise ModuleNotFoundError("No module named 'theirs'")


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (lambda: broken, "no such luck"),
        (lambda: wrong_type, "is a SceneSpec, not a VisionModelSpec"),
        (lambda: wrong_name, "calls itself 'other'"),
        (lambda: taken_name, "already registered"),
        (lambda: 42, "is a int, not a function or a module"),
        (not_importable, "No module named"),
    ],
)
def test_a_bad_plugin_warns_and_leaves_nothing_behind(load: object, message: str) -> None:
    assert callable(load)
    own = registry.Register()
    own.vision_model("known")(lambda: VisionModelSpec(id="known", title="Known"))
    with pytest.warns(UserWarning, match=f"plug-in 'bad' is skipped: .*{message}"):
        own.load_plugin("bad", load)
    assert list(own.scene.factories) == [] and list(own.vision_model.factories) == ["known"]
