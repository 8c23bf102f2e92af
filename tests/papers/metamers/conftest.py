"""A small SYNTHETIC results tree that follows docs/files.md. Its pictures and numbers are made up, for tests only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rerender.core.files import save_tree, write_json
from rerender.core.meshes import icosphere
from rerender.papers.metamers.evaluate import write_by_view
from rerender.papers.metamers.judgements import pixel_records, view_records
from rerender.papers.metamers.runfiles import Expected, RunFiles, run_key
from rerender.perception.metrics.representation import dissimilarity
from rerender.provenance.manifest import Code, write_manifest
from rerender.rendering.bsdf_slices import AZIMUTHS, POLAR
from rerender.reporting.captions import Names
from rerender.reporting.rows import RowContext, aggregate, write_table

NAMES = Names(
    models={
        "mae": "Pixel MAE",
        "dual_buffer": "Dual buffer",
        "ssim": "SSIM",
        "frontend": "Early-vision front end",
        "lpips": "LPIPS (VGG-16)",
    },
    scenes={"suzanne": "Suzanne", "dragon": "Dragon", "diffuse": "Diffuse", "translucent": "Translucent"},
    envmaps={"constant": "Constant", "builtin": "The scene's own"},
)
SHAPES = {"suzanne": 3, "dragon": 5}
JUDGES = {"geometry": ("mae", "ssim"), "material": ("ssim",)}
SLICES = np.random.default_rng(9).uniform(0, 0.5, (3, 2 * POLAR, AZIMUTHS)).astype(np.float32)


@dataclass(frozen=True)
class SyntheticTree:
    """Where the made-up results lie, and what was expected of them."""

    root: Path
    metrics: Path
    runs: tuple[RunFiles, ...]
    expected: tuple[Expected, ...]
    names: Names


def blob(size: int, lobes: int, amount: float, turn: float, colour: tuple[float, float, float]) -> np.ndarray:
    """Draw a shaded blob: `amount` of the way from a disc to a shape with `lobes`."""
    y, x = np.mgrid[-1.2 : 1.2 : size * 1j, -1.2 : 1.2 : size * 1j]
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    edge = 0.75 + 0.22 * amount * np.cos(lobes * angle + turn)
    depth = np.sqrt(np.clip(1 - (radius / edge) ** 2, 0, 1))
    shade = np.clip(0.25 + 0.6 * depth - 0.2 * x - 0.1 * y, 0, 1)
    inside = (radius < edge)[..., None]
    return np.where(inside, shade[..., None] * np.array(colour), 0.92).astype(np.float32)


def strip(size: int, views: int, lobes: int, amount: float, colour: tuple[float, float, float]) -> np.ndarray:
    return np.stack([blob(size, lobes, amount, 0.7 * view, colour) for view in range(views)])


def write_run(run: RunFiles, size: int, frames: int) -> tuple[dict[str, Any], dict[str, Any], list, list]:
    """Write the files of one made-up run; return pictures of the truth and of the run, its metric rows, and values by view.

    How well it ends depends on model and seed.
    """
    rng = np.random.default_rng([run.seed, len(run.model), len(run.scene)])
    skill = {"mae": 0.95, "dual_buffer": 0.97, "ssim": 0.85, "frontend": 0.6}[run.model] - 0.02 * run.seed
    geometry = run.family == "geometry"
    lobes = SHAPES.get(run.scene, 4)
    colour = (0.8, 0.8, 0.8) if geometry else (0.9, 0.5, 0.2)

    def look(progress: float) -> tuple[float, tuple[float, float, float]]:
        if geometry:
            return skill * progress, colour
        return 1.0, tuple(0.05 + (c - 0.05) * skill * progress for c in colour)  # type: ignore[return-value]

    def views(count: int, progress: float) -> np.ndarray:
        amount, tint = look(progress)
        return strip(size, count, lobes, amount, tint)

    steps = np.linspace(0, 1, frames)
    iterations = np.round(np.linspace(0, 100 + 10 * run.seed, frames)).astype(np.int64)
    movie = np.stack([np.concatenate(list(views(3, s)), axis=1) for s in steps])
    kept: dict[str, Any] = {"frames": np.rint(movie * 255).astype(np.uint8), "iterations": iterations}
    kept["gradients"] = np.full(
        movie.shape[:3], 128, np.uint8
    )  # zero at the start, later half of it at its largest
    kept["gradients"][1:, :, : movie.shape[2] // 2] = 255
    kept["gradient_scale"] = np.linspace(0, 2, frames)
    kept["textures"] = {} if geometry else {"base_color": np.full((frames, 8, 12, 3), 90, np.uint8)}
    save_tree(run.frames, kept)
    target = strip(size, 4, lobes, 1.0, colour)
    truth = {"target": target.astype(np.float16), "heldout_target": strip(size, 2, lobes, 1.0, colour)}
    tree = {
        "start": views(4, 0).astype(np.float16),
        "best": views(4, 1).astype(np.float16),
        "heldout_start": views(2, 0),
        "heldout_best": views(2, 1),
    }
    if not geometry:
        ramp = np.linspace(0, 1, 12)[None, :, None] * np.array([1.0, 0.4, 0.1]) + 0.05 * np.ones((8, 1, 1))
        truth["texture_target"] = np.clip(ramp, 0, 1).astype(np.float32)
        tree["texture_best"] = np.clip(ramp * skill, 0, 1).astype(np.float32)
        truth["texture_visible"] = np.arange(8)[:, None] + np.zeros((1, 12)) > 1
    count = int(iterations[-1]) + 1
    step = np.arange(count)
    loss = (0.3 * np.exp(-step / 25) + 0.02 * (1 - skill)) * np.exp(rng.normal(0, 0.1, count))
    similarity = 0.6 + 0.39 * skill * (1 - np.exp(-step / 25))
    trace = {"iteration": step, "loss": loss, "similarity": similarity, "wall_s": step * 0.1}
    if run.scene == "suzanne":  # as of runs that were asked for a class
        trace |= {
            "class_probability": 1 - loss,
            "loss_classification": loss,
            "loss_reconstruction": 2 * loss,
        }
    pl.DataFrame(trace).write_parquet(run.trace)
    if geometry:
        save_tree(
            run.final, {state: meshes(1 + 0.2 * n) for n, state in enumerate(("start", "best", "last"))}
        )
    summary = {"iterations": count, "stop_reason": "finished", "best_iteration": count - 3}
    write_json(run.summary, summary)
    write_manifest(
        run.manifest,
        stage="metamers_optimise",
        run_id=f"{run.scene}-{run.model}-{run.seed}",
        parameters={},
        inputs={},
        outputs={"frames": run.frames},
        code=Code(("test",), {"test": "1"}, "c0de"),
        stack={"numpy": "2.4", "torch": "2.13" if run.seed == 1 else "2.14"},
        backend="llvm_ad_rgb",
    )
    return (
        truth,
        tree | representation(run, skill, frames),
        metric_rows(run, skill, loss),
        by_view(run, skill),
    )


def representation(run: RunFiles, skill: float, frames: int) -> dict[str, Any]:
    """Return made-up RDMs, a way through three components, and for materials BSDF slices."""
    rng = np.random.default_rng([7, run.seed, len(run.model)])
    target = dissimilarity(np.random.default_rng(8).normal(size=(4, 6)))
    best = dissimilarity(np.random.default_rng(8).normal(size=(4, 6)) + (1 - skill) * rng.normal(size=(4, 6)))
    end = rng.normal(size=(3, 3))
    found: dict[str, Any] = {
        "rdm_target": target.astype(np.float32),
        "rdm_best": best.astype(np.float32),
        "way": (np.linspace(0, skill, frames)[:, None, None] * end).astype(np.float32),
        "way_target": end.astype(np.float32),
        "way_iterations": np.arange(frames),
        "way_explained": np.array([0.6, 0.2, 0.1]),
    }
    if run.family == "geometry":
        if run.scene == "suzanne":  # two classifiers; another scene has a class, and nobody to say it
            tops = np.array([[372, 0.4], [235, 0.3], [291, 0.1], [1, 0.05], [0, 0.01]], np.float32)
            found["classifiers"] = np.array(["resnet", "resnet_sin"])
            found |= {f"classes_{state}": np.stack([tops, tops]) for state in ("target", "start", "best")}
        found["forward_best"] = rng.normal(size=(2, 16, 16, 3)).astype(np.float16)
    else:
        found["slices_best"] = SLICES * np.float32(skill)
    return {} if run.model == "dual_buffer" else found


def by_view(run: RunFiles, skill: float) -> list[dict[str, Any]]:
    """Return made-up values view by view that agree with the metric rows on the mean."""
    records = []
    wobble = np.array([-0.015, -0.005, 0.005, 0.015])
    for judge in JUDGES[run.family]:
        for state, level in (("start", 0.6), ("best", 0.6 + 0.39 * skill)):
            records += view_records(run.model, run.seed, judge, {state: level + wobble}, (state,))
    images = {"target": np.zeros((4, 2, 2, 3)), "start": np.full((4, 2, 2, 3), 0.1)}
    images["best"] = 0.1 * (1 - skill) + 0.01 * (1 + wobble[:, None, None, None]) * np.ones((4, 2, 2, 3))
    return records + pixel_records(run.model, run.seed, images, ("start", "best"))


def write_place(runs: list[RunFiles], size: int, frames: int) -> None:
    """Write made-up runs of one scene and light, and their evaluation."""
    tree: dict[str, Any] = {}
    rows, views = [], []
    turns: dict[str, Any] = {"target": {"frames": turntable(1.0)}}
    for run in runs:
        truth, seen, found, values = write_run(run, size, frames)
        tree |= truth
        tree.setdefault(run_key(run.model), {"seed": run.seed, **seen})
        turns.setdefault(run_key(run.model), {"seed": run.seed, "frames": turntable(0.5)})
        rows += found
        views += values
    if runs[0].family == "material":
        tree["slices_target"] = SLICES
    else:
        tree["imagenet_class"] = {"suzanne": 372, "dragon": 291}[runs[0].scene]
        tree["forward_target"] = np.random.default_rng(3).normal(size=(2, 16, 16, 3)).astype(np.float16)
    ceiling = {"ceiling": np.array([0.985, 0.99, 0.99, 0.995])}
    for judge in JUDGES[runs[0].family]:
        views += view_records("", None, judge, ceiling, ("ceiling",))
    save_tree(runs[0].views, tree)
    save_tree(runs[0].turntables, turns)
    write_by_view(runs[0].by_view, views)
    write_table(runs[0].metrics, rows)


def meshes(stretch: float) -> dict[str, np.ndarray]:
    ball = icosphere(1)
    return {"vertices": ball.vertices * np.array([stretch, 1, 1]), "faces": ball.faces}


def turntable(amount: float) -> np.ndarray:
    """Draw a blob that turns."""
    return np.stack([np.rint(blob(16, 3, amount, turn, (0.8, 0.8, 0.8)) * 255) for turn in range(4)]).astype(
        np.uint8
    )


def context(run: RunFiles) -> RowContext:
    return RowContext(
        paper="metamers",
        experiment=run.family,
        scene=run.scene,
        envmap=run.envmap,
        method=run.model,
        representation="large_steps" if run.family == "geometry" else "principled",
        seed=run.seed,
        tier="smoke",
        backend="llvm_ad_rgb",
        device="cpu",
        run_id=f"{run.scene}-{run.model}-{run.seed}",
        code="c0de",
        stack="5ac4",
        assets="standin" if run.scene == "dragon" else "mirror",
    )


def metric_rows(run: RunFiles, skill: float, loss: np.ndarray) -> list:
    """Return made-up metric rows of a run."""
    row = context(run).row
    values: dict[str, float] = {
        "mae": 0.1 * (1 - skill),
        "psnr": 20 + 10 * skill,
        "psnr_masked": 18 + 10 * skill,
        "ssim": 0.5 + 0.5 * skill,
        "nlpd": 0.5 * (1 - skill),
        "loss_first": float(loss[0]),
        "loss_best": float(loss.min()),
        "loss_last": float(loss[-1]),
        "best_iteration": float(loss.argmin()),
        "iterations": float(len(loss)),
        "wall_s": 12.5,
        "cpu_s": 20.0,
        "peak_memory_mb": 900.0,
    }
    judges = JUDGES[run.family]
    for judge in judges:
        values |= {
            f"similarity_start/{judge}": 0.6,
            f"similarity_ceiling/{judge}": 0.99,
            f"similarity/{judge}": 0.6 + 0.39 * skill,
            f"similarity_normalised/{judge}": skill,
        }
    if run.family == "geometry":
        values |= {
            "chamfer_l1": 0.2 * (1 - skill),
            "chamfer_start": 0.2,
            "chamfer_ratio": 1 / (1 - skill),
            "hausdorff": 0.3,
            "hausdorff95": 0.2,
            "normal_consistency": skill,
            "silhouette_iou": skill,
            "f_score": skill,
        }
    for judge in judges:
        values |= {
            f"rsa_tau/{judge}": skill,
            f"rsa_p/{judge}": 0.001 * run.seed,
            f"rsa_tau_start/{judge}": 0.2,
        }
    if run.model in judges:
        values |= {f"pca_explained/{number}": share for number, share in enumerate((0.6, 0.2, 0.1), 1)}
    if run.family == "material":
        values["bsdf_slice_error"] = 1 - skill
    if run.scene == "translucent":
        values |= {
            "value/eta": 1.49 + 0.2 * (1 - skill),
            "truth/eta": 1.49,
            "start/eta": 1.64,
            "abs_error/eta": 0.2 * (1 - skill),
        }
    if run.scene == "diffuse":
        values |= {"texture_psnr": 30 * skill, "texture_rmse": 0.1}
    rows = [row(name, value) for name, value in values.items()]
    rows.append(row("lpips", None, reason="blocked (weights)"))
    rows.append(row("stop_reason", None, reason="all iterations done"))
    return rows


def build_tree(
    root: Path,
    *,
    size: int = 16,
    frames: int = 5,
    seeds: int = 2,
    geometry: tuple[str, ...] = ("mae", "ssim"),
    material: tuple[str, ...] = ("dual_buffer", "ssim"),
) -> SyntheticTree:
    """Write the made-up tree: two geometry and two material scenes, and a blocked model in each family."""
    cells = [
        Expected(family, scene, envmap, model, seed, "weights" if model == "lpips" else None)  # type: ignore[arg-type]
        for family, scenes, envmap, models in (
            ("geometry", ("suzanne", "dragon"), "constant", geometry),
            ("material", ("diffuse", "translucent"), "builtin", material),
        )
        for scene in scenes
        for model in (*models, "lpips")
        for seed in range(1, seeds + 1)
    ]
    runs = []
    for cell in cells:
        if cell.blocked is None:
            folder = root / "runs" / cell.scene / cell.envmap / cell.model / f"s{cell.seed}"
            run = RunFiles.at(folder, cell.family)
            runs.append(run)
    by_place = {run.metrics: [other for other in runs if other.metrics == run.metrics] for run in runs}
    for found in by_place.values():
        write_place(found, size, frames)
    metrics = root / "metrics.parquet"
    aggregate(by_place, metrics)
    return SyntheticTree(root, metrics, tuple(runs), tuple(cells), NAMES)


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> SyntheticTree:
    """Return a made-up results tree, written once a session; tests do not change it."""
    return build_tree(tmp_path_factory.mktemp("synthetic"))


@pytest.fixture
def make_tree(tmp_path: Path) -> Callable[..., SyntheticTree]:
    """Return a function that writes a made-up tree of one's own."""
    return lambda **options: build_tree(tmp_path, **options)
