"""Judging all runs of a scene and light in one process: a run that found the target, one that never left its start."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.papers.metamers.worlds import ellipsoid

from rerender.catalogue import registry
from rerender.core.files import load_tree, save_tree, write_json
from rerender.core.meshes import Mesh, icosphere
from rerender.core.meshio import write_ply
from rerender.papers.metamers.evaluate import EvaluateRequest, EvaluationFiles, evaluate_runs
from rerender.papers.metamers.pictures import Pictures
from rerender.papers.metamers.runfiles import RunFiles
from rerender.papers.metamers.settings import EvaluationSettings
from rerender.papers.metamers.world import SceneFiles
from rerender.provenance.manifest import Code, write_manifest
from rerender.reporting.rows import read_rows

pytestmark = pytest.mark.usefixtures("variant")
SUMMARY = {
    **dict.fromkeys(("loss_first", "loss_best", "loss_last", "wall_s", "cpu_s", "peak_memory_mb"), 1.0),
    **{"best_iteration": 1, "iterations": 2, "stop_reason": "all iterations done"},
}


def state(mesh: Mesh) -> dict[str, np.ndarray]:
    return {"vertices": mesh.vertices, "faces": mesh.faces}


def write_run(root: Path, model: str, seed: int, best: Mesh, views: int = 4) -> RunFiles:
    """Write what the optimisation leaves of a run, as far as the judge reads it."""
    run = RunFiles.at(root / "runs" / "suzanne" / "constant" / model / f"s{seed}", "geometry")
    states = {"start": state(icosphere(2)), "best": state(best), "last": state(best)}
    save_tree(run.final, states)
    strips = np.random.default_rng(seed).integers(0, 255, (3, 16, 16 * views, 3)).astype(np.uint8)
    save_tree(run.frames, {"frames": strips, "iterations": np.array([0, 5, 9])})
    write_json(run.summary, SUMMARY)
    write_manifest(
        run.manifest,
        stage="metamers_optimise",
        run_id=f"{model}{seed}",
        parameters={},
        inputs={},
        outputs={"final": run.final},
        code=Code(("test",), {"test": "1"}, "fingerprint"),
        stack={"numpy": "1"},
    )
    return run


def test_every_run_is_judged_and_the_first_seed_of_every_model_is_shown(tmp_path: Path) -> None:
    mesh = tmp_path / "target.ply"
    write_ply(mesh, ellipsoid())
    write_json(mesh.with_suffix(".json"), {"origin": "mirror"})
    found, still = ellipsoid(), icosphere(2)
    runs = (
        write_run(tmp_path, "mae", 2, still),
        write_run(tmp_path, "mae", 1, found),
        write_run(tmp_path, "ssim", 1, still),
    )
    request = EvaluateRequest(
        registry.scene("suzanne"),
        registry.envmap("constant"),
        SceneFiles(mesh),
        runs,
        EvaluationSettings(
            family="geometry", image_size=16, spp=16, n_views=4, heldout_views=2, chamfer_samples=5000,
            judges=("mae",), batched_views=True,
        ),
        weights={},
        tier="smoke",
        code="c0de",
    )  # fmt: skip
    told: list[str] = []
    evaluate_runs(request, EvaluationFiles.at(runs[0].metrics.parent), told.append)
    assert told[-1].endswith("3 of 3")
    rows = read_rows(runs[0].metrics)
    value = {(row["method"], row["seed"], row["metric"]): row["value"] for row in rows.iter_rows(named=True)}
    assert set(rows["run_id"]) == {"mae1", "mae2", "ssim1"}
    assert value["mae", 1, "silhouette_iou"] == pytest.approx(1.0)
    assert value["mae", 1, "chamfer_ratio"] > 3 > 1.5 > value["mae", 2, "chamfer_ratio"]
    assert value["mae", 1, "psnr"] > value["mae", 2, "psnr"] + 3
    assert value["mae", 2, "silhouette_iou"] == pytest.approx(value["ssim", 1, "silhouette_iou"])
    normalised = [value["mae", seed, "similarity_normalised/mae"] for seed in (1, 2)]
    assert normalised[0] == pytest.approx(1.0, abs=0.2)  # as like as the target with other noise
    assert normalised[1] == pytest.approx(0.0, abs=0.2)  # no more than the start is
    assert load_tree(runs[0].views).keys() >= {"target", "heldout_target", "runs/mae", "runs/ssim"}
    shown = Pictures(runs[1])
    far, near = (np.abs(shown.views[name] - shown.views["target"]).mean() for name in ("start", "best"))
    assert near < 0.5 * far  # what is left is the noise of two renders
    assert shown.values["chamfer_ratio"] == value["mae", 1, "chamfer_ratio"]
    views = pl.read_parquet(runs[0].by_view)
    assert views.group_by("state").len().sort("state").rows() == [("best", 24), ("ceiling", 8), ("start", 24)]
    starts = views.filter(state="start", measure="pixel_error").sort("model", "seed", "view")["value"]
    assert starts[:4].equals(starts[4:8])  # all began at one sphere, which is rendered once
    mine = views.filter(model="mae", seed=1, state="best", judge="mae", measure="similarity")["value"]
    assert mine.mean() == pytest.approx(value["mae", 1, "similarity/mae"])
    errors = views.filter(model="mae", seed=1, state="best", measure="pixel_error")["value"]
    assert 1 - errors.mean() == pytest.approx(value["mae", 1, "similarity/mae"])
    assert value["mae", 1, "rsa_tau/mae"] > 0.5  # the views of the found shape differ as the target's do
    own, other = (load_tree(runs[0].views)[f"runs/{model}"] for model in ("mae", "ssim"))
    assert own["rdm_best"].shape == own["rdm_target"].shape == (4, 4)
    assert own["way"].shape == (3, 4, 3)
    assert "way" not in other  # no judge of its own here
    shares = [value["mae", 1, f"pca_explained/{number}"] for number in (1, 2, 3)]
    assert 1 >= sum(shares) > 0 and shares == sorted(shares, reverse=True)
    assert own["forward_best"].shape == (2, 16, 16, 3)
    assert (
        np.abs(own["forward_best"] - load_tree(runs[0].views, "forward_target")["forward_target"]).mean()
        < 0.05
    )
    turns = load_tree(runs[0].turntables)
    assert {name: turn["frames"].shape for name, turn in turns.items()} == dict.fromkeys(
        ("target", "runs/mae", "runs/ssim"), (24, 16, 16, 3)
    )
    near, far = (
        np.abs(turns[f"runs/{m}"]["frames"] - turns["target"]["frames"].astype(float)).mean()
        for m in ("mae", "ssim")
    )
    assert near < 0.5 * far
    with pytest.raises(Exception, match="holds no start, best"):
        _ = Pictures(runs[0]).views


def test_what_is_shared_does_not_depend_on_the_other_runs(tmp_path: Path) -> None:
    """The target's noise, and so every number of a run, is the same whoever is judged beside it, with pictures or without."""
    mesh = tmp_path / "target.ply"
    write_ply(mesh, ellipsoid())
    write_json(mesh.with_suffix(".json"), {"origin": "mirror"})
    settings = EvaluationSettings(
        family="geometry", image_size=16, spp=4, n_views=2, heldout_views=1, chamfer_samples=200, judges=("mae",), batched_views=True
    )  # fmt: skip
    frames = []
    for name, models in (("alone", ("mae",)), ("together", ("ssim", "mae"))):
        alone = name == "alone"
        runs = tuple(write_run(tmp_path / name, model, 1, icosphere(2), 2) for model in models)
        request = EvaluateRequest(
            registry.scene("suzanne"), registry.envmap("constant"), SceneFiles(mesh), runs, settings, {}, "smoke", "c", pictures=alone
        )  # fmt: skip
        evaluate_runs(request, EvaluationFiles.at(runs[0].metrics.parent), lambda text: None)
        assert runs[0].views.exists() == runs[0].turntables.exists() == alone
        frames.append(read_rows(runs[0].metrics).filter(pl.col("method") == "mae").drop("run_id"))
    way = pl.col("metric").str.starts_with("pca_explained")  # from the observed pictures
    assert frames[0].filter(~way).equals(frames[1].filter(~way))
    assert frames[0].filter(way).height and not frames[1].filter(way).height
