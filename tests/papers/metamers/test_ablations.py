"""Table T7: pairs by seed, conclusions only where the spread allows them, blocked models shown; and the stage itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tests.papers.metamers.worlds import SIZE, shape_settings, sky

from rerender.catalogue import registry
from rerender.core.errors import UserError
from rerender.core.files import write_json
from rerender.core.meshes import icosphere
from rerender.core.meshio import write_ply
from rerender.papers.metamers import grid
from rerender.papers.metamers.ablation_table import build_t7
from rerender.papers.metamers.ablations import AblationRequest, run_ablation
from rerender.papers.metamers.optimise import RunRecord, RunRequest
from rerender.papers.metamers.references import make_references
from rerender.papers.metamers.results import results_of
from rerender.papers.metamers.runfiles import AblationCase
from rerender.papers.metamers.settings import Ablation, EvaluationSettings, ReferenceSettings
from rerender.papers.metamers.tiers import TIERS
from rerender.papers.metamers.world import SceneFiles
from rerender.provenance.manifest import Code
from rerender.rendering.bitmaps import write_exr
from rerender.reporting.captions import Names
from rerender.reporting.rows import RowContext, read_metrics, write_table

CONTEXT = RowContext(
    paper="metamers",
    experiment="ablation",
    scene="suzanne",
    envmap="constant",
    method="ssim",
    representation="large_steps",
    seed=1,
    tier="laptop",
    backend="llvm_ad_rgb",
    device="cpu",
    run_id="r",
    code="c",
    stack="s",
    assets="standin",
)


def made_up(tmp_path: Path) -> pl.DataFrame:
    """Similarity falls by 0.4 with the scrambled layout in every seed; frozen noise changes it both ways."""
    rows = []
    for seed in (1, 2, 3):
        for variant, change in (
            ("corrected", 0.0),
            ("upstream_view", -0.4),
            ("frozen_seeds", 0.1 * (seed - 2)),
        ):
            context = replace(CONTEXT, seed=seed, variant=variant)
            rows.append(context.row("similarity_normalised/ssim", 0.9 + 0.01 * seed + change))
            rows.append(context.row("own_similarity", 0.9 - 0.1 * change))
            rows.append(context.row("chamfer_ratio", 8.0 + 0.1 * seed + 5 * change))
    write_table(tmp_path / "m.parquet", rows)
    return read_metrics(tmp_path / "m.parquet")


def test_the_table_says_what_each_behaviour_changes(tmp_path: Path) -> None:
    cases = (
        AblationCase("suzanne", "constant", "ssim", ("upstream_view", "frozen_seeds")),
        AblationCase("suzanne", "constant", "dino", ("clip_norm_for_dino",), "weights"),
    )
    results = results_of(made_up(tmp_path), (), "laptop", cases)
    assert not results.values, "ablations are no runs of the grid"
    table = build_t7(results, Names())
    scrambled, frozen, blocked = table.rows
    keys = [column.key for column in table.columns]
    cell = dict(zip(keys, scrambled.cells, strict=True))
    assert cell["similarity_change"].value == pytest.approx(-0.4)
    assert cell["similarity_change"].sd == pytest.approx(0.0, abs=1e-12), "the common spread of seeds cancels"
    assert cell["conclusion"].text == "similarity worse; recovery worse; logs a higher similarity"
    assert dict(zip(keys, frozen.cells, strict=True))["conclusion"].text == "no difference seen"
    assert all(cell.note == "blocked (weights)" for cell in blocked.cells)


def test_every_tier_compares_what_can_be_compared() -> None:
    for settings in TIERS.values():
        grid.check_names(settings)
        described = grid.describe(settings, lambda model: "weights" if model == "dino" else None)
        cases = grid.ablation_cases(described)
        assert len(cases) == len(settings.ablations) > 0
        assert {case.blocked for case in cases if case.model == "dino"} <= {"weights"}
        # the layout can be compared without any weights
        assert any(
            "upstream_view" in case.switches and not registry.vision_model(case.model).weights
            for case in cases
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scene": "suzane"}, "unknown scene"),
        ({"envmap": "builtin"}, "cannot be lit"),
        ({"switches": ("last_view_only",)}, "materials only"),
        ({"switches": ("train_mode_sin",)}, "changes nothing"),
    ],
)
def test_comparisons_that_make_no_sense_are_refused(changes: dict[str, object], message: str) -> None:
    base = {"scene": "suzanne", "envmap": "constant", "model": "ssim", "switches": ("upstream_view",)}
    settings = TIERS["smoke"].model_copy(update={"ablations": (Ablation(**base | changes),)})  # type: ignore[arg-type]
    with pytest.raises(UserError, match=message):
        grid.check_names(settings)


def test_classification_is_refused_where_nothing_can_be_classified() -> None:
    smoke = TIERS["smoke"]
    geometry = smoke.geometry.model_copy(update={"classify": 0.8})
    with pytest.raises(UserError, match="mae, ssim, lpips cannot be classified"):
        grid.check_names(smoke.model_copy(update={"geometry": geometry}))
    fit = geometry.model_copy(update={"models": ("resnet", "resnet_sin")})
    grid.check_names(smoke.model_copy(update={"geometry": fit}))
    assert fit.run(registry.scene("suzanne")).imagenet_class == 372


@pytest.mark.usefixtures("variant")
def test_the_stage_fits_every_variant_with_every_seed(tmp_path: Path) -> None:
    write_ply(tmp_path / "mesh.ply", icosphere(2))
    write_exr(tmp_path / "sky.exr", sky())
    for name in ("mesh", "sky"):
        write_json(tmp_path / f"{name}.json", {"origin": "standin"})
    files = SceneFiles(mesh=tmp_path / "mesh.ply", envmap=tmp_path / "sky.exr")
    scene, light = registry.scene("bunny"), registry.envmap("venice_sunset")
    targets = ReferenceSettings(family="geometry", image_size=SIZE, spp=4, n_views=4, batched_views=True)
    views = tmp_path / "views.npz"
    make_references(scene=scene, envmap=light, files=files, settings=targets, out=views)
    settings = shape_settings(iterations=2, start_subdivisions=2, batched_views=True)
    run = RunRequest(scene, light, files, views, "ssim", 1, settings, {})
    judging = EvaluationSettings(
        **{"family": "geometry", "image_size": SIZE, "spp": 4, "n_views": 4, "heldout_views": 2},
        chamfer_samples=500,
        batched_views=True,
        judges=("ssim",),
    )
    request = AblationRequest(run, ("upstream_view",), 2, judging, "smoke", "c")
    record = RunRecord(Code.of("rerender.papers.metamers.ablations"), {})
    run_ablation(request, record, out=tmp_path / "m.parquet", state_root=tmp_path / "state")
    rows = read_metrics(tmp_path / "m.parquet")
    assert set(rows["variant"]) == {"corrected", "upstream_view"} and set(rows["seed"]) == {1, 2}
    losses = rows.filter(pl.col("metric") == "loss_best")
    assert losses["value"].n_unique() == 4, "the switch reaches the fit"
    assert set(rows.filter(pl.col("metric") == "own_similarity")["value"].is_not_null()) == {True}
    assert not list((tmp_path / "state").glob("*")), "nothing is left behind"
