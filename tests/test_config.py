"""Configuration: generated files agree with the settings, and every mistake gets one message that helps."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from rerender.config import PRESETS, load_config, read_config, tier_settings
from rerender.core.errors import UserError
from rerender.options import TIER_NAMES, asset_settings

ROOT = Path(__file__).resolve().parents[1]
NOWHERE = Path("no/such/folder")


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_config", ROOT / "tools" / "generate_config.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def refusal(raw: dict[str, Any]) -> str:
    with pytest.raises(UserError) as caught:
        load_config(raw, NOWHERE)
    return str(caught.value)


def laptop(**geometry: Any) -> dict[str, Any]:
    return {"tiers": {"laptop": {"metamers": {"geometry": geometry}}}}


def test_the_generated_files_agree_with_the_settings() -> None:
    diff = generator().differences(ROOT)
    assert not diff, f"run: python tools/generate_config.py\n{diff}"


def test_a_drift_is_shown_as_a_diff(tmp_path: Path) -> None:
    tool = generator()
    for name, content in tool.generated().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert not tool.differences(tmp_path)
    changed = tmp_path / "config" / "config.yaml"
    changed.write_text(changed.read_text().replace("tier: laptop", "tier: paper"))
    diff = tool.differences(tmp_path)
    assert "-tier: paper" in diff
    assert "+tier: laptop" in diff


@pytest.mark.parametrize("tier", TIER_NAMES)
def test_a_tier_file_says_what_the_preset_says(tier: str) -> None:
    content = yaml.safe_load((ROOT / "config" / "tiers" / f"{tier}.yaml").read_text())
    assert content == json.loads(PRESETS[tier].model_dump_json())
    assert tier_settings(tier, folder=ROOT / "config" / "tiers") == PRESETS[tier]


def test_every_key_of_the_configuration_is_explained() -> None:
    lines = (ROOT / "config" / "config.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        if ":" in line and not line.lstrip().startswith("#"):
            assert lines[number - 1].lstrip().startswith("# "), line


def test_the_schema_refuses_what_the_settings_refuse() -> None:
    schema = json.loads((ROOT / "workflow" / "schemas" / "config.schema.json").read_text())
    assert schema["additionalProperties"] is False
    assert schema["properties"]["tier"]["enum"] == list(TIER_NAMES)


def test_the_paper_tier_is_what_was_published() -> None:
    geometry, material = PRESETS["paper"].metamers.geometry, PRESETS["paper"].metamers.material
    assert (geometry.image_size, geometry.spp, geometry.epochs, geometry.views_per_step) == (256, 64, 500, 1)
    assert (geometry.remesh_lr_factor, geometry.start_subdivisions, geometry.patience) == (0.8, 5, 50)
    assert (geometry.guiding, geometry.sppi, geometry.n_views, geometry.lr) == ("octree", None, None, None)
    assert (material.image_size, material.spp, material.epochs, material.lr) == (256, 64, 500, None)
    assert (geometry.min_delta, material.min_delta) == (1e-5, 1e-4)
    assert geometry.seeds == material.seeds == 5


def test_later_layers_change_earlier_ones(tmp_path: Path) -> None:
    (tmp_path / "smoke.yaml").write_text("metamers: {geometry: {epochs: 7, spp: 5}}\n")
    config = load_config({"tiers": {"smoke": {"metamers": {"geometry": {"spp": 6}}}}}, tmp_path)
    geometry = tier_settings("smoke", config, tmp_path).metamers.geometry
    assert (geometry.epochs, geometry.spp) == (7, 6)
    assert geometry.image_size == PRESETS["smoke"].metamers.geometry.image_size


def test_snakemakes_own_key_is_left_alone() -> None:
    assert load_config({"pathvars": {"results": "elsewhere"}}, NOWHERE).tier == "laptop"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"teir": "smoke"}, ["unknown key 'teir'", "Did you mean 'tier'?", "assets"]),
        ({"tier": "labtop"}, ["'tier' is 'labtop'", "Did you mean 'laptop'?", "smoke", "paper"]),
        ({"variant": "cuda"}, ["Did you mean 'cuda_ad_rgb'?", "llvm_ad_rgb"]),
        ({"assets": {"miror": "x"}}, ["unknown key 'assets.miror'", "Did you mean 'mirror'?"]),
        (
            {"checkpoint_seconds": 0},
            ["'checkpoint_seconds' is 0", "greater than 0", "checkpoint_seconds: 20.0"],
        ),
        ({"tiers": {"labtop": {}}}, ["unknown key 'labtop' in 'tiers'", "Did you mean 'laptop'?"]),
        (laptop(epoch=3), ["unknown key 'tiers.laptop.metamers.geometry.epoch'", "Did you mean 'epochs'?"]),
        (laptop(epochs=0), ["'tiers.laptop.metamers.geometry.epochs' is 0", "`epochs: 500`", "sweeps"]),
        (laptop(epochs="many"), ["is 'many'", "valid integer"]),
        (laptop(lr=float("nan")), ["lr", "nan"]),
        (laptop(lr=float("inf")), ["lr", "finite"]),
        (laptop(guiding="octre"), ["Did you mean 'octree'?", "none"]),
        (laptop(scenes=[]), ["scenes"]),
        (
            laptop(scenes=["suzane"]),
            ["unknown scene 'suzane'", "Did you mean 'suzanne'?", "metamers.geometry.scenes"],
        ),
        (laptop(scenes=["diffuse"]), ["'diffuse' is a material scene", "metamers.material.scenes"]),
        (laptop(scenes=["bunny", "bunny"]), ["scenes lists bunny more than once"]),
        (laptop(envmaps=["venice"]), ["unknown envmap 'venice'", "Did you mean 'venice_sunset'?"]),
        (laptop(envmaps=["builtin"]), ["unknown envmap 'builtin'", "constant"]),
        (laptop(models=["mea"]), ["unknown model 'mea'", "Did you mean 'mae'?"]),
        (
            laptop(models=["dual_buffer"]),
            ["'dual_buffer' cannot be used for geometry scenes", "only for material"],
        ),
        (laptop(n_views=2, views_per_step=4), ["views_per_step (4) is larger than n_views (2)"]),
        (laptop(epochs=5, remesh_at=[9]), ["remesh_at has epochs [9]", "ends at 4"]),
    ],
    ids=lambda value: "" if isinstance(value, list) else str(value)[:60],
)
def test_a_mistake_is_refused_with_the_words_that_help(raw: dict[str, Any], words: list[str]) -> None:
    message = refusal(raw)
    for word in words:
        assert word in message
    assert "Traceback" not in message


def test_all_mistakes_are_told_at_once() -> None:
    message = refusal(laptop(epochs=0, spp=-1, guiding="no"))
    assert all(word in message for word in ("epochs", "spp", "guiding"))


def test_the_closest_match_comes_first() -> None:
    message = refusal(laptop(models=["ssmi"]))
    allowed = message.split("Allowed: ")[1]
    assert allowed.startswith("ssim")


def test_an_unknown_tier_and_a_broken_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown tier 'quick'"):
        tier_settings("quick")
    (tmp_path / "smoke.yaml").write_text("metamers: [\n")
    with pytest.raises(UserError, match=r"smoke\.yaml is not valid YAML"):
        tier_settings("smoke", folder=tmp_path)
    (tmp_path / "smoke.yaml").write_text("metamers: {geometry: {epoch: 2}}\n")
    with pytest.raises(UserError, match=r"(?s)unknown key 'metamers\.geometry\.epoch'.*smoke\.yaml"):
        tier_settings("smoke", folder=tmp_path)
    (tmp_path / "smoke.yaml").write_text("3\n")
    with pytest.raises(UserError, match="must hold"):
        tier_settings("smoke", folder=tmp_path)


def test_the_command_line_reads_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("tier: smoke\nassets: {allow_standins: false}\n")
    assert read_config(path).tier == "smoke"
    assert read_config(path, tier="paper").tier == "paper"
    assert read_config(tmp_path / "absent.yaml").tier == "laptop"


def test_mirrors_come_from_config_then_variable_then_beside_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout, beside, named, variable = (
        tmp_path / part for part in ("main", "shared/assets", "named", "variable")
    )
    for folder in (checkout, beside, named, variable):
        folder.mkdir(parents=True)
    monkeypatch.chdir(checkout)
    monkeypatch.delenv("RERENDER_ASSET_MIRROR", raising=False)
    assert asset_settings(load_config({}, NOWHERE)).mirrors == (Path("../shared/assets"),)
    monkeypatch.setenv("RERENDER_ASSET_MIRROR", str(variable))
    assert asset_settings(load_config({}, NOWHERE)).mirrors == (variable,)
    config = load_config({"assets": {"mirror": str(named)}}, NOWHERE)
    assert asset_settings(config).mirrors == (named, variable)
    with pytest.raises(UserError, match="is not a folder"):
        asset_settings(load_config({"assets": {"mirror": "no/such/mirror"}}, NOWHERE))
