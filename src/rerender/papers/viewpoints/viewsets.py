"""One room: views chosen for every segment against random, best-of-N and uniform views, judged by re-projected masks.

Masks are the true labels as each view sees them, so what differs is the views alone: an upper bound for any segmenter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rerender.core.files import save_tree
from rerender.core.orbits import LENS, TARGET, Orbit
from rerender.core.painted import PaintedMesh
from rerender.core.seeds import derive_seed
from rerender.papers.viewpoints.contexts import row_context
from rerender.papers.viewpoints.methods import VIEW_SETS
from rerender.papers.viewpoints.reprojection import agreement, dense_visibility, votes
from rerender.papers.viewpoints.scenes import load_scene
from rerender.papers.viewpoints.segments import GRID, SegmentViews, visible_faces
from rerender.papers.viewpoints.settings import ViewSettings
from rerender.provenance.manifest import Code, hash_files, run_id
from rerender.rendering.painted_views import PaintedViews
from rerender.rendering.variants import start_variant
from rerender.reporting.rows import MetricRow, write_rows

SETS = tuple(VIEW_SETS)
CHOSEN, COVERING, BEST, RANDOM, TURNTABLE = SETS
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
    room = RoomViews(painted, settings, derive_seed("viewpoints", "views", scene))
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
        found, values = judge_segment(room, label)
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


@dataclass
class Shot:
    """Some views, and what they see: `faces` int (N, H, W) by pixel, `visible` and `pixels` (N, F) by face."""

    orbits: Sequence[Orbit]
    faces: np.ndarray
    visible: np.ndarray
    pixels: np.ndarray


class RoomViews:
    """What the segments of a room share: pictures of it, and the views that do not depend on a segment."""

    def __init__(self, painted: PaintedMesh, settings: ViewSettings, seed: int) -> None:
        self.painted, self.settings, self.seed = painted, settings, seed
        self.whole = PaintedViews(painted, settings.size)
        self.judge = PaintedViews(painted, settings.mask_size)
        rng = np.random.default_rng(seed)
        most = max(settings.counts)
        self.draws = [
            self.shoot([_random_view(rng) for _ in range(most)]) for _ in range(settings.random_draws)
        ]
        self.turns = {
            count: self.shoot([Orbit(*TURNTABLE_VIEW, 360.0 * k / count) for k in range(count)])
            for count in settings.counts
        }

    def shoot(self, orbits: Sequence[Orbit]) -> Shot:
        """Return what views see."""
        faces = self.judge.first_faces_of([orbit.camera() for orbit in orbits])
        return Shot(orbits, faces, *visible_faces(self.judge, self.painted.mesh, orbits))


def judge_segment(room: RoomViews, label: str) -> tuple[list[Orbit], Judged]:
    """Return the chosen views of a segment, and what each set of views is worth."""
    settings = room.settings
    search = SegmentViews(room.painted, label, settings.size, room.whole)
    most = max(settings.counts)
    first, _ = search.best(settings.evaluations, room.seed)
    chosen = search.complete(first, most)
    everywhere = [*map(search.orbit, GRID), *search.around(first), first]
    pool = [orbit for draw in room.draws for orbit in draw.orbits]
    scores = [look.score for look in search.looks(pool)]
    by_score = [pool[index] for index in np.argsort(scores)[::-1][:most]]
    shots = {
        CHOSEN: room.shoot(chosen),
        COVERING: room.shoot(search.covering(everywhere, most)),
        BEST: room.shoot(by_score),
    }
    reachable = dense_visibility(room.painted, room.judge, search.centre, search.is_target)  # type: ignore[arg-type]

    def worth(shot: Shot) -> list[dict[str, float]]:
        """Return what the first view is worth, the first two, and so on."""
        masks = (shot.faces >= 0) & search.is_target[shot.faces]
        claimed, seen = votes(shot.visible, shot.pixels, masks)
        each = [
            agreement(search.is_target, search.areas, *pair, reachable)
            for pair in zip(claimed, seen, strict=True)
        ]
        return [
            {"iou": found.iou, "visible": found.visible, "coverage": float(masks[: n + 1].mean())}
            for n, found in enumerate(each)
        ]

    values: Judged = {}
    for name, shot in shots.items():
        found = worth(shot)
        values |= {(name, count): (found[min(count, len(found)) - 1], 1) for count in settings.counts}
    values |= {(TURNTABLE, count): (worth(turn)[-1], 1) for count, turn in room.turns.items()}
    draws = [worth(draw) for draw in room.draws]
    for count in settings.counts:
        means = {name: float(np.mean([draw[count - 1][name] for draw in draws])) for name in draws[0][0]}
        values[RANDOM, count] = means, len(draws)
    return chosen, values


def _random_view(rng: np.random.Generator) -> Orbit:
    distance, elevation, azimuth = (
        float(rng.uniform(*ends)) for ends in (RANDOM_DISTANCES, RANDOM_ELEVATIONS, (0.0, 360.0))
    )
    return Orbit(distance, elevation, azimuth)
