"""Our own lint: what every rule must have, read from the rule files and from Snakemake's parsed workflow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
PREFIXES = ("asset_", "metamers_", "envmaps_", "physics_", "viewpoints_", "materials_", "aggregate_")
UNPREFIXED = {"report", "fetch"}
TARGETS = {
    *("all", "all_tables", "all_figures", "all_videos", "metamers", "verdicts"),
    *("metamers_tables", "metamers_figures", "metamers_videos"),
    *("envmaps", "envmaps_tables", "envmaps_figures", "envmaps_videos", "envmaps_edits"),
    *("physics", "physics_tables", "physics_figures", "physics_videos"),
    *("viewpoints", "viewpoints_tables", "viewpoints_figures", "viewpoints_videos"),
    *("materials", "materials_tables", "materials_figures", "materials_videos"),
    *("materials_own", "materials_tensorboard"),
}


def rules() -> dict[str, str]:
    """Return rule name -> text of the rule."""
    found: dict[str, str] = {}
    for path in [ROOT / "Snakefile", *RULES]:
        for match in re.finditer(r"^rule (\w+):\n((?:[ \t]+.*\n|\n)*)", path.read_text(), re.M):
            assert match[1] not in found, f"rule {match[1]} is defined twice"
            found[match[1]] = match[2]
    return found


RULE_TEXTS = rules()
WORKING = sorted(RULE_TEXTS.keys() - TARGETS)


def directives(text: str) -> set[str]:
    return set(re.findall(r"^    (\w+):", text, re.M))


def test_the_targets_of_the_design_exist() -> None:
    assert RULE_TEXTS.keys() >= TARGETS | UNPREFIXED


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_targets_have_inputs_only_and_are_local(name: str) -> None:
    allowed = {"input", "localrule", "default_target"}
    assert {"input", "localrule"} <= directives(RULE_TEXTS[name]) <= allowed


@pytest.mark.parametrize("name", WORKING)
def test_a_rule_has_prefix_log_benchmark_fingerprint_and_resources(name: str) -> None:
    text = RULE_TEXTS[name]
    assert name in UNPREFIXED or name.startswith(PREFIXES)
    assert {"log", "benchmark", "params", "threads", "resources"} <= directives(text)
    assert re.search(r'\bcode=code\("rerender\.', text), "no code fingerprint"
    assert {"mem_mb", "runtime"} <= set(re.findall(r"(\w+)=\d+", text))


@pytest.mark.parametrize("name", WORKING)
def test_a_fingerprint_and_a_stack_name_the_same_modules(name: str) -> None:
    text = RULE_TEXTS[name]
    if name in UNPREFIXED:
        pytest.skip("computes no number")
    code, stack = (re.search(rf"\b{kind}=\w+\(([^)]*)\)", text) for kind in ("code", "stack"))
    assert code is not None
    assert stack is not None
    assert code[1].split() == stack[1].split()


def test_only_renderers_and_networks_ask_for_a_gpu() -> None:
    asking = {name for name, text in RULE_TEXTS.items() if "gpu=" in text}
    assert asking == {
        "metamers_references",
        "metamers_optimise_geometry",
        "metamers_optimise_material",
        "metamers_ablate",
        "metamers_evaluate",
        "envmaps_fit",
        "envmaps_bake",
        "envmaps_invert",
        "envmaps_edit",
        "envmaps_own_edit",
        *("physics_convnet", "physics_growth"),
        *(
            f"viewpoints_{name}"
            for name in ("search", "present", "stills", "basins", "gradients", "views", "predictor")
        ),
        *(f"materials_{name}" for name in ("capture", "fit", "refine", "own_capture", "video")),
    }


@pytest.mark.parametrize("name", sorted(name for name, text in RULE_TEXTS.items() if "report(" in text))
def test_a_report_item_has_caption_category_and_labels(name: str) -> None:
    text = RULE_TEXTS[name]
    for part in ("caption", "category", "subcategory", "labels"):
        assert len(re.findall(rf"\b{part}=", text)) == len(re.findall(r"\breport\(", text)), part
    for caption in re.findall(r'caption="\.\./(.*?)"', text):
        assert (ROOT / "workflow" / caption).read_text().strip()


def test_every_table_figure_and_video_is_in_the_report() -> None:
    shown = {name for name, text in RULE_TEXTS.items() if "report(" in text}
    assert shown >= {
        *("metamers_table", "metamers_figure", "metamers_video"),
        *("envmaps_table", "envmaps_figure"),
        *("physics_table", "physics_figure", "physics_video", "physics_films"),
        *("viewpoints_table", "viewpoints_figure", "viewpoints_present", "viewpoints_stills"),
        *("materials_table", "materials_figure", "materials_video"),
        *("aggregate_verdicts", "aggregate_scoreboard", "aggregate_overview"),
    }


@pytest.mark.parametrize("path", [ROOT / "Snakefile", *RULES], ids=lambda path: path.name)
def test_no_run_no_checkpoint_and_functions_only_in_common(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"^\s+run:", text, re.M)
    assert not re.search(r"^checkpoint ", text, re.M)
    if path.name != "common.smk":
        assert not re.search(r"^\s*def |\blambda\b", text, re.M)


def test_every_script_is_used_and_exists() -> None:
    used = set(re.findall(r'"\.\./scripts/(\w+\.py)"', "".join(RULE_TEXTS.values())))
    assert used == {path.name for path in (ROOT / "workflow" / "scripts").glob("*.py")}


def test_the_profiles_share_no_key() -> None:
    import yaml

    keys = [
        set(yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text()))
        for name in ("default", "slurm")
    ]
    assert not keys[0] & keys[1]


def test_the_snakefile_fits_on_a_screen() -> None:
    assert len((ROOT / "Snakefile").read_text().splitlines()) <= 50


def test_the_map_of_artefacts_names_every_rule_that_makes_a_file() -> None:
    text = (ROOT / "docs" / "artefacts.md").read_text()
    named = set(re.findall(r"\| `(\w+)` \| `", text))
    assert named == set(WORKING) - {"fetch"}
    for module in re.findall(r"`((?:papers|reporting|catalogue|rendering)/[\w/]+\.py)`", text):
        assert (ROOT / "src" / "rerender" / module).is_file(), module
