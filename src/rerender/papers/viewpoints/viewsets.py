"""One room: views chosen for every segment against random, best-of-N and turntable views, judged by re-projected masks.

Masks are the true labels as each view sees them, so what differs is the views alone: an upper bound for any segmenter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from rerender.core.files import save_tree
from rerender.core.orbits import LENS, TARGET, Orbit
from rerender.core.painted import PaintedMesh
from rerender.core.seeds import derive_seed
from rerender.papers.viewpoints.contexts import row_context
from rerender.papers.viewpoints.methods import VIEW_SETS
from rerender.papers.viewpoints.reprojection import agreement, dense_visibility, vote
from rerender.papers.viewpoints.scenes import load_scene
from rerender.papers.viewpoints.segments import SegmentViews
from rerender.papers.viewpoints.settings import ViewSettings
from rerender.provenance.manifest import Code, hash_files, run_id
from rerender.rendering.painted_views import PaintedViews
from rerender.rendering.variants import start_variant
from rerender.reporting.rows import MetricRow, write_rows

SETS = tuple(VIEW_SETS)
CHOSEN, BEST, RANDOM, TURNTABLE = SETS
RANDOM_DISTANCES, RANDOM_ELEVATIONS = (3.0, 7.0), (5.0, 75.0)
TURNTABLE_VIEW = (5.0, 30.0)  # distance, elevation; azimuths evenly from 0


def compare_views(
    scene: str,
    file: Path,
    settings: ViewSettings,
    out: Path,
    out_views: Path,
    code: Code,
    stack: Mapping[str, str],
    *,
    tier: str,
    variant: str = "auto",
    threads: int = 1,
) -> None:
    """Write metric rows (`method` the set of views, `representation` the segment, `seed` the number of views) and the chosen views."""
    backend = start_variant(variant, threads=threads)
    identity = run_id(settings.model_dump(), code.fingerprint, hash_files({"scene": file}), stack)
    painted = load_scene(file)
    rows: list[MetricRow] = []
    cameras: dict[str, np.ndarray] = {}
    for label in settings.segments:
        context = row_context(
            "views",
            scene,
            method=CHOSEN,
            representation=label,
            file=file,
            tier=tier,
            backend=backend,
            identity=identity,
            code=code,
            stack=stack,
        )
        found, values = judge_segment(
            painted, label, settings, derive_seed("viewpoints", "views", scene, label)
        )
        cameras[label] = np.stack([orbit.values((*LENS, *TARGET)) for orbit in found])
        rows += [
            replace(context, method=name, seed=count).row(metric, value, better="higher", n=n)
            for (name, count), (metrics, n) in values.items()
            for metric, value in metrics.items()
        ]
    write_rows(out, rows)
    save_tree(out_views, cameras)


Judged = dict[tuple[str, int], tuple[dict[str, float], int]]
"""(set, number of views) -> metrics, and how many draws they are a mean of."""


def judge_segment(
    painted: PaintedMesh, label: str, settings: ViewSettings, seed: int
) -> tuple[list[Orbit], Judged]:
    """Return the chosen views of a segment, and what each set of views is worth."""
    search = SegmentViews(painted, label, settings.size)
    first, _ = search.best(settings.evaluations)
    chosen = search.complete(first, max(settings.counts))
    rng = np.random.default_rng(seed)
    draws = [[_random_view(rng) for _ in range(max(settings.counts))] for _ in range(settings.random_draws)]
    pool = sorted((view for draw in draws for view in draw), key=lambda view: -search.look(view).score)
    judge = PaintedViews(painted, settings.mask_size)
    reachable = dense_visibility(painted, judge, search.centre)  # type: ignore[arg-type]

    def worth(views: list[Orbit]) -> dict[str, float]:
        masks = [_mask(judge, search.is_target, view) for view in views]
        claimed, seen = vote(painted, judge, views, masks)
        found = agreement(search.is_target, search.areas, claimed, seen, reachable)
        return {
            "iou": found.iou,
            "visible": found.visible,
            "coverage": float(np.mean([mask.mean() for mask in masks])),
        }

    values: Judged = {}
    for count in settings.counts:
        values[CHOSEN, count] = worth(chosen[:count]), 1
        values[BEST, count] = worth(pool[:count]), 1
        turns = [Orbit(*TURNTABLE_VIEW, 360.0 * k / count) for k in range(count)]
        values[TURNTABLE, count] = worth(turns), 1
        each = [worth(draw[:count]) for draw in draws]
        means = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
        values[RANDOM, count] = means, len(each)
    return chosen, values


def _mask(views: PaintedViews, is_target: np.ndarray, orbit: Orbit) -> np.ndarray:
    faces = views.first_faces(orbit.camera())
    return np.asarray((faces >= 0) & is_target[faces])


def _random_view(rng: np.random.Generator) -> Orbit:
    distance, elevation, azimuth = (
        float(rng.uniform(*ends)) for ends in (RANDOM_DISTANCES, RANDOM_ELEVATIONS, (0.0, 360.0))
    )
    return Orbit(distance, elevation, azimuth)
