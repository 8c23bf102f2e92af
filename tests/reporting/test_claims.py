"""Claims: the ledger loads, says where it comes from, and refuses what it does not understand."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from rerender.core.errors import UserError
from rerender.reporting.claims import claims_about, load_all_claims, load_claims

ROOT = Path(__file__).parents[2]
CLAIMS = ROOT / "config" / "claims"

GOOD = """
paper: metamers
claims:
  - id: metamers.one
    artefact: t2
    kind: target
    statement: It works.
    operationalisation: PSNR is high.
    source: {document: rerender, place: targets, reading: ours}
    select: {metric: psnr, where: {scene: suzanne}}
    bound: {relation: ">=", value: 25, close: 20, trend: 10}
"""


def load(tmp_path: Path, text: str) -> None:
    path = tmp_path / "metamers.yaml"
    path.write_text(text)
    load_claims(path)


def refused(tmp_path: Path, old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(UserError) as caught:
        load(tmp_path, GOOD.replace(old, new))
    return str(caught.value)


def test_the_example_is_good(tmp_path: Path) -> None:
    load(tmp_path, GOOD)


def test_our_ledger_loads_and_says_its_sources() -> None:
    claims = load_all_claims(CLAIMS)
    assert {claim.paper for claim in claims} >= {"metamers"}
    metamers = [claim for claim in claims if claim.paper == "metamers"]
    # No number of this paper is public, so none may be claimed.
    assert {claim.kind for claim in metamers} <= {"qualitative", "order", "target"}
    stated = [claim for claim in metamers if claim.source.reading == "stated"]
    assert stated and all(claim.source.place == "abstract" for claim in stated)


def test_known_differences_of_our_ledger_are_explained() -> None:
    text = (ROOT / "docs" / "known-differences.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    used = {claim.known_difference for claim in load_all_claims(CLAIMS) if claim.known_difference}
    assert used <= anchors


def test_our_ledger_uses_names_that_exist() -> None:
    from rerender.catalogue import registry
    from rerender.papers.envmaps import grid
    from rerender.papers.envmaps.settings import EXPERIMENTS, noise_variant
    from rerender.papers.envmaps.specs import representation_ids
    from rerender.papers.envmaps.tiers import TIERS
    from rerender.papers.materials.derived import BOTH
    from rerender.papers.materials.methods import METHODS as MATERIAL_METHODS
    from rerender.papers.materials.tiers import TIERS as MATERIALS_TIERS
    from rerender.papers.physics.curves import LAME_SLICES, SELECTIONS
    from rerender.papers.physics.grid import CONTROLS, ESTIMATES, FIELDS
    from rerender.papers.physics.specs import METHODS as PHYSICS_METHODS
    from rerender.papers.physics.specs import VARIANTS
    from rerender.papers.viewpoints.methods import (
        LEVELS,
        METHODS,
        PREDICTIONS,
        RACE,
        VIEW_SETS,
        WORD_SEARCHES,
    )
    from rerender.papers.viewpoints.tiers import TIERS as VIEWPOINTS_TIERS

    paper, cameras = TIERS["paper"], VIEWPOINTS_TIERS["laptop"]
    known = {
        "metamers": {
            "experiment": {"geometry", "material"},
            "scene": set(registry.scenes()),
            "envmap": set(registry.envmaps()),
            "method": set(registry.vision_models()),
        },
        "envmaps": {
            "experiment": {*EXPERIMENTS, "robustness"},
            "scene": set(grid.places(paper)),
            "representation": set(representation_ids()),
            "variant": {"stabilised", *map(noise_variant, paper.noise)},
        },
        "physics": {
            # ConvNet and REINFORCE are printed and not re-run yet
            "experiment": {*ESTIMATES, *FIELDS, *CONTROLS, "landscape"},
            "method": {*PHYSICS_METHODS, "convnet", "blackbox"},
            "representation": {*SELECTIONS, *LAME_SLICES},
            "variant": set(VARIANTS),
        },
        "viewpoints": {
            "experiment": {*LEVELS, RACE, *cameras.runs, "gradients", "views", "predictor"},
            "scene": set(cameras.scenes.all),
            "method": {*METHODS, *VIEW_SETS, *WORD_SEARCHES, *PREDICTIONS, "full", "interior"},
            "seed": {*cameras.views.counts, *cameras.predictor.refinements, 60},
        },
    }
    materials = MATERIALS_TIERS["laptop"].experiments
    known["materials"] = {
        "experiment": set(materials),
        "scene": {scene for one in materials.values() for scene in one.scenes},
        "method": {*MATERIAL_METHODS, BOTH},
        "representation": {"field", "texture"},
    }
    for claim in load_all_claims(CLAIMS):
        for selector in claim.selectors:
            for axis, values in selector.where.items():
                assert set(values) <= known[claim.paper][axis], f"{claim.id}: {axis}"


def test_every_order_of_the_envmaps_claims_is_one_that_the_paper_printed() -> None:
    """The tables themselves must satisfy the orders that were read off them."""
    from rerender.reporting.rows import RowContext
    from rerender.reporting.verdicts import judge_all

    claims = load_claims(CLAIMS / "envmaps.yaml")
    rows = []
    for table in claims.tables:
        for row, column, value in table.cells():
            where = {**table.where, **row.where}
            context = RowContext(
                paper="envmaps",
                experiment=str(where["experiment"]),
                scene=str(where["scene"]),
                envmap="any",
                method="printed",
                representation=str(where["representation"]),
                seed=1,
                tier="paper",
                backend="print",
                device="paper",
                run_id=row.id,
                code="none",
                stack="none",
                assets="original",
            )
            rows.append(vars(context.row(column.metric, value)))
    orders = [
        claim for claim in claims.claims if claim.kind == "order" and claim.artefact.startswith("table")
    ]
    verdicts = judge_all(orders, pl.DataFrame(rows), "paper", None)
    answered = {v.claim: v.verdict for v in verdicts if v.verdict not in ("blocked", "not-run")}
    assert len(answered) >= 30
    assert {name: state for name, state in answered.items() if state != "match"} == {}


def test_a_wrong_key_names_claim_and_closest_key(tmp_path: Path) -> None:
    text = refused(tmp_path, "statement:", "statment:")
    assert "unknown key 'claims[metamers.one].statment'. Did you mean 'statement'?" in text
    assert "'claims[metamers.one].statement' is missing" in text
    assert "metamers.yaml" in text


def test_a_wrong_key_deeper_down_names_the_keys_of_that_place(tmp_path: Path) -> None:
    text = refused(tmp_path, "close:", "closer:")
    assert "'claims[metamers.one].bound.closer'. Did you mean 'close'?" in text
    assert "Allowed: close, " in text and "statement" not in text


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("kind: target", "kind: targets", "Did you mean 'target'?"),
        ("scene: suzanne", "scen: suzanne", "Did you mean 'scene'?"),
        ("reading: ours", "reading: our", "Did you mean 'ours'?"),
        ('">="', '"=>"', "Allowed: "),
        ("value: 25", "value: many", "value' is 'many'"),
        ("close: 20", "close: 30", "must be looser"),
        ("metric: psnr", "metric: 'similarity/{model}'", "'{model}' is no column"),
        ("id: metamers.one", "id: envmaps.one", "must begin with 'metamers.'"),
        ("id: metamers.one", "id: One", "should match pattern"),
        ("reading: ours", "reading: stated", "kind target"),
        ("kind: target", "kind: value", "needs `published`"),
        ("kind: target", "kind: order", "needs `comparison`"),
        ("    operationalisation: PSNR is high.\n", "", "operationalisation"),
        ("    select: {metric: psnr, where: {scene: suzanne}}\n", "", "`select` goes with"),
        (
            '    bound: {relation: ">=", value: 25, close: 20, trend: 10}\n',
            "",
            "either `bound` or `comparison`",
        ),
    ],
)
def test_wrong_values_are_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert told in refused(tmp_path, old, new)


def test_repeated_ids_and_keys_are_refused(tmp_path: Path) -> None:
    entry = GOOD[GOOD.index("  - id:") :]
    with pytest.raises(UserError, match=r"several claims are called metamers\.one"):
        load(tmp_path, GOOD + entry)
    with pytest.raises(UserError, match="line 7: key 'kind' stands twice"):
        load(tmp_path, GOOD.replace("    kind: target", "    kind: target\n    kind: target"))


@pytest.mark.parametrize(
    ("text", "told"), [("a: [", "is not YAML"), ("", "metamers.yaml"), ("- 1", "metamers.yaml")]
)
def test_what_is_no_ledger_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        load(tmp_path, text)


def test_a_folder_without_claims_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no claims"):
        load_all_claims(tmp_path)


def test_claims_about_a_run(tmp_path: Path) -> None:
    path = tmp_path / "metamers.yaml"
    path.write_text(GOOD)
    claims = load_claims(path).claims
    assert claims_about(claims, paper="metamers", scene="suzanne", method="mae") == list(claims)
    assert claims_about(claims, paper="metamers", scene="bunny") == []
    assert claims_about(claims, paper="envmaps", scene="suzanne") == []
    assert claims_about(claims, scene=None) == list(claims)
