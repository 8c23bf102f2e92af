"""Verdicts: every branch from metric rows to match, close, trend, differs, blocked and not-run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rerender.core.errors import UserError
from rerender.reporting.claims import Claim, Selector
from rerender.reporting.rows import MetricRow, aggregate, write_rows
from rerender.reporting.selection import measure
from rerender.reporting.verdict_table import markdown
from rerender.reporting.verdicts import COLUMNS, Verdict, judge, judge_all, make_verdicts

BASE: Mapping[str, Any] = {
    "paper": "metamers",
    "experiment": "geometry",
    "scene": "suzanne",
    "envmap": "constant",
    "method": "mae",
    "representation": "large_steps",
    "seed": 1,
    "tier": "laptop",
    "backend": "llvm_ad_rgb",
    "device": "cpu",
    "code": "c",
    "stack": "s",
    "assets": "mirror",
}


def row(metric: str, value: float | None, **columns: Any) -> MetricRow:
    merged = {**BASE, **columns}
    name = "-".join(str(merged[key]) for key in ("scene", "envmap", "method", "seed"))
    return MetricRow(metric=metric, value=value, **{"run_id": name, **merged})


def frame(tmp_path: Path, rows: Sequence[MetricRow]) -> pl.DataFrame:
    write_rows(tmp_path / "metrics.json", rows)
    return aggregate([tmp_path / "metrics.json"], tmp_path / "metrics.parquet")


def claim(**fields: Any) -> Claim:
    kind = fields.pop("kind", "target")
    reading = "ours" if kind == "target" else "stated"
    return Claim.model_validate(
        {
            "id": "metamers.test",
            "artefact": "t2",
            "kind": kind,
            "statement": "x",
            "operationalisation": "y",
            "source": {"document": "d", "place": "p", "page": 3, "reading": reading},
            **fields,
        }
    )


def verdict(
    tmp_path: Path, asked: Claim, rows: Sequence[MetricRow], blocked: Mapping[str, str] | None = None
) -> Verdict:
    (found,) = judge_all([asked], frame(tmp_path, rows), "laptop", blocked)
    return found


BOUND = {"relation": ">=", "value": 5, "close": 4, "trend": 2}


@pytest.mark.parametrize(
    ("value", "state"), [(5.0, "match"), (4.5, "close"), (3.0, "trend"), (1.9, "differs")]
)
def test_bounds(tmp_path: Path, value: float, state: str) -> None:
    asked = claim(select={"metric": "chamfer_ratio"}, bound=BOUND)
    found = verdict(tmp_path, asked, [row("chamfer_ratio", value)])
    assert (found.verdict, found.ours, found.asked) == (state, value, 5)
    assert found.difference == pytest.approx(value - 5)
    assert found.assets == "mirror" and found.run_ids == "suzanne-constant-mae-1"


def test_bounds_from_above(tmp_path: Path) -> None:
    asked = claim(select={"metric": "mae"}, bound={"relation": "<", "value": 0.05, "close": 0.1})
    states = [verdict(tmp_path, asked, [row("mae", value)]).verdict for value in (0.04, 0.05, 0.2)]
    assert states == ["match", "close", "differs"]


PUBLISHED = {"value": 10.0, "spread": None, "unit": "dB"}


@pytest.mark.parametrize(
    ("value", "fields", "state"),
    [
        (10.4, {}, "match"),
        (9.6, {}, "match"),
        (11.4, {}, "close"),
        (8.6, {}, "close"),
        (12.0, {}, "differs"),
        (12.0, {"direction": "higher"}, "trend"),
        (12.0, {"direction": "lower"}, "differs"),
        (8.0, {"direction": "lower"}, "trend"),
        (12.0, {"published": {"value": 10.0, "spread": 2.5, "unit": "dB"}}, "match"),
        (10.4, {"tolerance": {"match": 0.1, "close": 0.5, "relative": False}}, "close"),
        (10.6, {"tolerance": {"match": 0.1, "close": 0.5, "relative": False}}, "differs"),
    ],
)
def test_published_values(tmp_path: Path, value: float, fields: dict[str, Any], state: str) -> None:
    asked = claim(kind="value", **{"select": {"metric": "psnr"}, "published": PUBLISHED, **fields})
    found = verdict(tmp_path, asked, [row("psnr", value)])
    assert found.verdict == state
    assert found.asked == 10.0 and found.difference == pytest.approx(value - 10.0) and found.unit == "dB"


def test_a_published_value_in_the_published_order_is_a_trend(tmp_path: Path) -> None:
    order = {
        "left": {"metric": "psnr", "where": {"method": "mae"}},
        "relation": ">",
        "right": {"metric": "psnr", "where": {"method": "ssim"}},
    }
    select = {"metric": "psnr", "where": {"method": "mae"}}
    asked = claim(kind="value", select=select, published=PUBLISHED, comparison=order)
    assert verdict(tmp_path, asked, [row("psnr", 5.0), row("psnr", 4.0, method="ssim")]).verdict == "trend"
    assert verdict(tmp_path, asked, [row("psnr", 5.0), row("psnr", 6.0, method="ssim")]).verdict == "differs"


@pytest.mark.parametrize(
    ("right", "fields", "state"),
    [
        (3.0, {}, "match"),
        (2.0, {}, "differs"),
        (1.0, {}, "differs"),
        (3.0, {"factor": 2}, "trend"),
        (4.1, {"factor": 2}, "match"),
        (3.0, {"margin": 2}, "trend"),
        (4.1, {"margin": 2}, "match"),
    ],
)
def test_orders(tmp_path: Path, right: float, fields: dict[str, Any], state: str) -> None:
    comparison = {
        "left": {"metric": "chamfer_l1", "where": {"method": "mae"}},
        "relation": "<",
        "right": {"metric": "chamfer_l1", "where": {"method": "ssim"}},
        **fields,
    }
    asked = claim(kind="order", comparison=comparison)
    rows = [row("chamfer_l1", 2.0), row("chamfer_l1", right, method="ssim")]
    found = verdict(tmp_path, asked, rows)
    assert (found.verdict, found.ours, found.asked) == (state, 2.0, right)
    mirrored = {**comparison, "left": comparison["right"], "right": comparison["left"], "relation": ">"}
    assert verdict(tmp_path, claim(kind="order", comparison=mirrored), rows).verdict == state


def test_an_order_needs_both_sides(tmp_path: Path) -> None:
    comparison = {
        "left": {"metric": "mae", "where": {"method": "mae"}},
        "relation": "<",
        "right": {"metric": "mae", "where": {"method": "lpips"}},
    }
    asked = claim(kind="order", comparison=comparison)
    assert verdict(tmp_path, asked, [row("mae", 1.0)]).verdict == "not-run"
    found = verdict(tmp_path, asked, [row("mae", 1.0)], {"lpips": "weights"})
    assert (found.verdict, found.reason) == ("blocked", "blocked (weights)")


GROUPS = claim(
    for_each=["scene"],
    select={"metric": "chamfer_ratio", "where": {"scene": ["suzanne", "bunny"]}},
    bound=BOUND,
)


def test_the_worst_group_counts_and_is_named(tmp_path: Path) -> None:
    rows = [row("chamfer_ratio", 9.0), row("chamfer_ratio", 6.0, scene="bunny")]
    found = verdict(tmp_path, GROUPS, rows)
    assert (found.verdict, found.group, found.ours, found.groups, found.passed) == (
        "match",
        "bunny",
        6.0,
        2,
        2,
    )
    found = verdict(tmp_path, GROUPS, [row("chamfer_ratio", 9.0), row("chamfer_ratio", 4.5, scene="bunny")])
    assert (found.verdict, found.passed) == ("close", 1)


def test_half_of_the_groups_make_a_trend_and_fewer_do_not(tmp_path: Path) -> None:
    rows = [row("chamfer_ratio", 9.0), row("chamfer_ratio", 1.0, scene="bunny")]
    found = verdict(tmp_path, GROUPS, rows)
    assert found.verdict == "trend" and "bunny" in found.reason and "1 of 2" in found.reason
    rows = [row("chamfer_ratio", 1.5), row("chamfer_ratio", 1.0, scene="bunny")]
    assert verdict(tmp_path, GROUPS, rows).verdict == "differs"


def test_a_group_that_did_not_run_forbids_a_match(tmp_path: Path) -> None:
    found = verdict(tmp_path, GROUPS, [row("chamfer_ratio", 9.0)])
    assert found.verdict == "trend" and found.missing == "bunny: not run"


def test_nothing_measured_is_not_run(tmp_path: Path) -> None:
    found = verdict(tmp_path, GROUPS, [row("psnr", 9.0)])
    assert (found.verdict, found.ours, found.reason, found.groups) == ("not-run", None, "not run", 0)


def test_rows_of_other_tiers_papers_variants_views_and_steps_do_not_count(tmp_path: Path) -> None:
    asked = claim(select={"metric": "chamfer_ratio"}, bound=BOUND)
    others = [{"tier": "paper"}, {"paper": "envmaps"}, {"variant": "other"}, {"view": 0}, {"step": 3}]
    rows = [row("chamfer_ratio", 1.0, **columns) for columns in others]
    assert verdict(tmp_path, asked, rows).verdict == "not-run"
    assert verdict(tmp_path, asked, [*rows, row("chamfer_ratio", 9.0)]).verdict == "match"
    asked = claim(select={"metric": "chamfer_ratio", "where": {"variant": "other"}}, bound=BOUND)
    assert verdict(tmp_path, asked, [*rows, row("chamfer_ratio", 9.0)]).verdict == "differs"


NETWORKS = claim(
    kind="qualitative",
    for_each=["method"],
    select={"metric": "similarity_normalised/{method}", "where": {"method": ["lpips", "resnet"]}},
    bound={"relation": ">=", "value": 0.9},
    needs=["weights"],
    known_difference="pretrained-weights",
)


def test_blocked_models_block_the_claim(tmp_path: Path) -> None:
    rows = [row("similarity_normalised/mae", 1.0)]
    found = verdict(tmp_path, NETWORKS, rows, {"lpips": "weights", "resnet": "weights"})
    assert (found.verdict, found.reason) == ("blocked", "blocked (weights)")
    assert found.cause == "docs/known-differences.md#pretrained-weights"
    assert (
        verdict(tmp_path, NETWORKS, rows).verdict == "blocked"
    )  # unknown what is here, but the claim needs it
    assert verdict(tmp_path, NETWORKS, rows, {}).verdict == "not-run"  # all is here, it just was not made


def test_rows_that_say_why_they_are_empty_are_believed(tmp_path: Path) -> None:
    rows = [
        row("similarity_normalised/lpips", None, method="lpips", reason="blocked (weights)"),
        row("similarity_normalised/resnet", None, method="resnet", reason="blocked (weights)"),
    ]
    assert verdict(tmp_path, NETWORKS, rows, {}).verdict == "blocked"


def test_one_available_network_is_judged_and_the_other_named(tmp_path: Path) -> None:
    rows = [row("similarity_normalised/lpips", 0.95, method="lpips")]
    found = verdict(tmp_path, NETWORKS, rows, {"resnet": "weights"})
    assert (found.verdict, found.missing) == ("trend", "resnet: blocked (weights)")


def test_a_blocked_judge_blocks(tmp_path: Path) -> None:
    asked = claim(select={"metric": "similarity/lpips"}, bound={"relation": ">", "value": 0})
    assert verdict(tmp_path, asked, [row("mae", 1.0)], {"lpips": "weights"}).verdict == "blocked"


def test_a_tier_that_is_not_meant_to_answer_does_not(tmp_path: Path) -> None:
    asked = claim(select={"metric": "mae"}, bound={"relation": ">", "value": 0}, tiers=["paper"])
    found = verdict(tmp_path, asked, [row("mae", 1.0)])
    assert (found.verdict, found.ours) == ("not-run", 1.0)
    assert "laptop" in found.reason


def test_causes_are_given_for_differences_only(tmp_path: Path) -> None:
    asked = claim(select={"metric": "chamfer_ratio"}, bound=BOUND)
    known = asked.model_copy(update={"known_difference": "fidelity"})
    rows = [row("chamfer_ratio", 1.0)]
    assert verdict(tmp_path, asked, rows).cause == "not known"
    assert verdict(tmp_path, known, rows).cause == "docs/known-differences.md#fidelity"
    assert verdict(tmp_path, known, [row("chamfer_ratio", 9.0)]).cause == ""


def test_mean_and_interval_over_seeds(tmp_path: Path) -> None:
    asked = claim(select={"metric": "chamfer_ratio"}, bound=BOUND)
    rows = [row("chamfer_ratio", 5.0 + seed, seed=seed) for seed in (1, 2, 3)]
    found = verdict(tmp_path, asked, rows)
    assert (found.ours, found.n) == (7.0, 3)
    together = [replace(one, run_id="a job of three seeds") for one in rows]
    assert verdict(tmp_path, asked, together).n == 3
    assert found.low is not None and found.high is not None
    assert found.low == pytest.approx(7.0 - 4.302653 / 3**0.5, abs=1e-5)  # t(0.975, 2) * sd / sqrt(n)
    assert found.high == pytest.approx(7.0 + 4.302653 / 3**0.5, abs=1e-5)


def test_a_paired_difference_is_free_of_the_spread_between_places(tmp_path: Path) -> None:
    gains = {("suzanne", 1): 1.0, ("suzanne", 2): 1.2, ("dog", 1): 0.9, ("dog", 2): 1.1}
    rows = []
    for (scene, seed), gain in gains.items():
        base = 10.0 if scene == "suzanne" else 40.0
        rows += [
            row("psnr", base + gain, scene=scene, seed=seed, method="mae"),
            row("psnr", base, scene=scene, seed=seed, method="mse"),
        ]
    rows.append(row("psnr", 99.0, scene="dragon", method="mae"))  # has no partner
    sides = {name: {"metric": "psnr", "where": {"method": name}} for name in ("mae", "mse")}
    order = claim(comparison={"left": sides["mae"], "relation": ">", "right": sides["mse"]})
    found = judge(order, frame(tmp_path, rows), "laptop", {})
    assert found.pairs == 4
    assert found.paired == pytest.approx(1.05)
    assert found.paired_low is not None and found.paired_high is not None
    half = 3.182446 * 0.129099 / 2
    assert found.paired_high - found.paired_low == pytest.approx(2 * half, rel=1e-4)
    assert "paired difference +1.05 [0.845, 1.26] over 4 pairs of runs, 4 of them in" in markdown(
        [found], "laptop"
    )
    rows[0] = row("psnr", 9.5, scene="suzanne", seed=1, method="mae")
    assert judge(order, frame(tmp_path, rows), "laptop", {}).pairs_ordered == 3
    alone = judge(order, frame(tmp_path, rows[:2]), "laptop", {})
    assert (alone.paired, alone.pairs) == (None, 0)


def test_spread_between_models_against_spread_between_seeds(tmp_path: Path) -> None:
    def spread(first: str, take: str, second: str, then: str) -> dict[str, Any]:
        steps = [{"over": [first], "take": take}, {"over": [second], "take": then}]
        return {
            "metric": "chamfer_l1",
            "among": {"metric": "similarity_normalised/{method}", "relation": ">=", "value": 0.9},
            "reduce": steps,
        }

    left, right = spread("seed", "mean", "method", "sd"), spread("seed", "sd", "method", "mean")
    asked = claim(kind="qualitative", comparison={"left": left, "relation": ">", "right": right, "factor": 2})
    values = {("mae", 1): 1.0, ("mae", 2): 1.2, ("ssim", 1): 3.0, ("ssim", 2): 3.4, ("mse", 1): 99.0}
    rows = [row("chamfer_l1", value, method=method, seed=seed) for (method, seed), value in values.items()]
    rows += [
        row(f"similarity_normalised/{method}", 0.5 if method == "mse" else 0.95, method=method, seed=seed)
        for method, seed in values
    ]
    found = verdict(tmp_path, asked, rows)
    half = 0.5**0.5
    assert found.ours == pytest.approx((3.2 - 1.1) * half)
    assert found.asked == pytest.approx((0.2 * half + 0.4 * half) / 2)
    assert found.verdict == "match"
    single = [one for one in rows if one.seed == 1]
    found = verdict(tmp_path, asked, single)
    assert found.verdict == "not-run" and "fewer than two values of seed" in found.reason


@pytest.mark.parametrize(
    ("take", "value"), [("mean", 3.0), ("median", 2.0), ("min", 1.0), ("max", 6.0), ("range", 5.0)]
)
def test_reductions(tmp_path: Path, take: str, value: float) -> None:
    rows = frame(tmp_path, [row("mae", number, seed=seed) for seed, number in enumerate((1.0, 2.0, 6.0))])
    selector = Selector.model_validate({"metric": "mae", "reduce": [{"over": ["seed"], "take": take}]})
    assert measure(rows, selector, (), {})[()].value == pytest.approx(value)


def test_conditions_of_the_wrong_type_are_refused(tmp_path: Path) -> None:
    rows = frame(tmp_path, [row("mae", 1.0)])
    for where in ({"seed": "one"}, {"scene": 1}):
        with pytest.raises(UserError, match=next(iter(where))):
            measure(rows, Selector.model_validate({"metric": "mae", "where": where}), (), {})


def test_files_agree(tmp_path: Path) -> None:
    claims = tmp_path / "claims"
    claims.mkdir()
    (claims / "metamers.yaml").write_text(
        """
paper: metamers
claims:
  - id: metamers.one
    artefact: t2
    kind: target
    statement: A | B.
    operationalisation: y
    source: {document: d, place: p, reading: ours}
    select: {metric: chamfer_ratio}
    bound: {relation: ">=", value: 5}
"""
    )
    frame(tmp_path, [row("chamfer_ratio", 6.25, unit="×", assets="standin")])
    stem = tmp_path / "results" / "laptop" / "verdicts"
    found = make_verdicts(tmp_path / "metrics.parquet", claims, stem, "laptop")
    assert [one.verdict for one in found] == ["match"]
    table = pl.read_parquet(stem.with_suffix(".parquet"))
    assert table.columns == list(COLUMNS) == pl.read_csv(stem.with_suffix(".csv")).columns
    assert table["ours"].to_list() == pl.read_csv(stem.with_suffix(".csv"))["ours"].to_list() == [6.25]
    text = stem.with_suffix(".md").read_text()
    assert "1 claims: 1 match." in text and "| >= 5 |" in text and "6.25 × (n=1)" in text
    assert "| stand-in |" in text
    assert {line.count(" | ") for line in text.splitlines() if line.startswith("| `")} == {7}


def test_our_ledger_is_judged_without_any_rows(tmp_path: Path) -> None:
    from rerender.reporting.claims import load_all_claims

    claims = load_all_claims(Path(__file__).parents[2] / "config" / "claims")
    rows = frame(tmp_path, [row("mae", 1.0)])
    networks = {"lpips": "weights", "resnet": "weights", "dino": "weights"}
    found = {asked.id: judge(asked, rows, "laptop", networks) for asked in claims}
    assert {one.verdict for one in found.values()} == {"blocked", "not-run"}
    assert found["metamers.similarity.networks"].verdict == "blocked"
    assert found["metamers.varying.networks"].verdict == "blocked"
    assert found["metamers.target.eta"].verdict == "not-run"
