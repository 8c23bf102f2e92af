"""One room: views chosen for every segment against random, best-of-N and uniform views, judged by re-projected masks.

Masks are the true labels as each view sees them, so what differs is the views alone: an upper bound for any segmenter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rerender.core.files import save_tree
from rerender.core.orbits import LENS, TARGET, Orbit
from rerender.core.painted import PaintedMesh
from rerender.core.seeds import SeedStream, derive_seed
from rerender.papers.viewpoints.contexts import row_context
from rerender.papers.viewpoints.methods import VIEW_SETS, WORD_SEARCHES
from rerender.papers.viewpoints.reprojection import agreement, dense_visibility, votes
from rerender.papers.viewpoints.scenes import load_scene
from rerender.papers.viewpoints.segments import GRID, SegmentViews, visible_faces
from rerender.papers.viewpoints.settings import ViewSettings, WordSettings
from rerender.provenance.manifest import Code, hash_files, run_id
from rerender.rendering.painted_views import PaintedViews
from rerender.rendering.variants import start_variant
from rerender.reporting.rows import MetricRow, RowContext, write_rows

if TYPE_CHECKING:
    from rerender.papers.viewpoints.words import WordViews

SETS = tuple(VIEW_SETS)
CHOSEN, COVERING, WORDS, BEST, RANDOM, TURNTABLE = SETS
BLOCKED = "blocked (weights)"
JUDGED = ("iou", "visible", "coverage")
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
    words: WordSettings | None = None,
    weights: Mapping[str, Path] | None = None,
    variant: str = "auto",
    threads: int = 1,
) -> None:
    """Write metric rows (`method` the set of views, `representation` the segment, `seed` the number of views) and the chosen views.

    With `words`, they choose views as well; without all `weights` for it, such rows say so instead.
    """
    backend = start_variant(variant, threads=threads)
    parameters = {**settings.model_dump(), **({"words": words.model_dump()} if words else {})}
    files = hash_files({"scene": file, **(weights or {})})
    identity = run_id(parameters, code.fingerprint, files, stack)
    painted = load_scene(file)
    room = RoomViews(painted, settings, derive_seed("viewpoints", "views", scene))
    asked = words.queries if words else {}
    reader = word_views(painted, words, weights, scene, threads, backend) if words and weights else None
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
        judge = SegmentJudge(room, label)
        found, values = judge_segment(judge)
        cameras[label] = np.stack([orbit.values((*LENS, *TARGET)) for orbit in found])
        if label in asked and reader:
            found, own, fits = judge_words(judge, reader, asked[label])
            values |= own
            cameras[f"words_{label}"] = np.stack([orbit.values((*LENS, *TARGET)) for orbit in found])
            rows += [
                replace(context, method=name).row("fit", value, better="higher")
                for name, value in fits.items()
            ]
            fewest = min(settings.counts)
            gain = own[WORDS, fewest][0]["visible"] - values[RANDOM, fewest][0]["visible"]
            rows.append(replace(context, method=WORDS).row("gain", gain, better="higher"))
        elif label in asked:
            rows += blocked_rows(context, settings.counts)
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
        self.judge = self.whole.at_size(settings.mask_size)
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


class SegmentJudge:
    """Says what views are worth for a segment of a room."""

    def __init__(self, room: RoomViews, label: str) -> None:
        self.room = room
        self.search = SegmentViews(room.painted, label, room.settings.size, room.whole)
        self.is_target, self.areas = self.search.is_target, self.search.areas
        self.reachable = dense_visibility(room.painted, room.judge, self.search.centre, self.is_target)  # type: ignore[arg-type]

    def worth(self, shot: Shot) -> list[dict[str, float]]:
        """Return what the first view is worth, the first two, and so on."""
        masks = (shot.faces >= 0) & self.is_target[shot.faces]
        claimed, seen = votes(shot.visible, shot.pixels, masks)
        each = [
            agreement(self.is_target, self.areas, *pair, self.reachable)
            for pair in zip(claimed, seen, strict=True)
        ]
        return [
            dict(zip(JUDGED, (found.iou, found.visible, float(masks[: n + 1].mean())), strict=True))
            for n, found in enumerate(each)
        ]

    def over_counts(self, name: str, shot: Shot) -> Judged:
        """Return what a set of views is worth by the number of views; where there are fewer, what all are worth."""
        found = self.worth(shot)
        return {(name, count): (found[min(count, len(found)) - 1], 1) for count in self.room.settings.counts}


def judge_segment(judge: SegmentJudge) -> tuple[list[Orbit], Judged]:
    """Return the chosen views of a segment, and what each set of views is worth."""
    room, search, settings = judge.room, judge.search, judge.room.settings
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
    values: Judged = {}
    for name, shot in shots.items():
        values |= judge.over_counts(name, shot)
    values |= {(TURNTABLE, count): (judge.worth(turn)[-1], 1) for count, turn in room.turns.items()}
    draws = [judge.worth(draw) for draw in room.draws]
    for count in settings.counts:
        means = {name: float(np.mean([draw[count - 1][name] for draw in draws])) for name in draws[0][0]}
        values[RANDOM, count] = means, len(draws)
    return chosen, values


def judge_words(
    judge: SegmentJudge, reader: WordViews, words: str
) -> tuple[list[Orbit], Judged, dict[str, float]]:
    """Return the views that words choose, what they are worth for the segment meant, and how well the searches fit the words."""
    goal = reader.goal(words)
    first, fits = reader.best(goal)
    views = reader.several(first, goal, max(judge.room.settings.counts))
    return views, judge.over_counts(WORDS, judge.room.shoot(views)), fits


def word_views(
    painted: PaintedMesh,
    words: WordSettings,
    weights: Mapping[str, Path],
    scene: str,
    threads: int,
    backend: str,
) -> WordViews:
    """Return the search by words with CLIP's weights, on the device of the renderer."""
    import torch

    from rerender.papers.viewpoints.words import WordViews
    from rerender.perception.image_text import load_image_text

    torch.set_num_threads(threads)
    embedder = load_image_text(weights, "cuda" if backend.startswith("cuda") else "cpu")
    return WordViews(painted, embedder, words, SeedStream(("viewpoints", "words", scene)))


def blocked_rows(context: RowContext, counts: Sequence[int]) -> list[MetricRow]:
    """Return the rows of views by words where CLIP's weights are not at hand."""
    judged = [
        replace(context, method=WORDS, seed=count).row(metric, None, reason=BLOCKED, better="higher")
        for count in counts
        for metric in JUDGED
    ]
    fits = [
        replace(context, method=name).row("fit", None, reason=BLOCKED, better="higher")
        for name in WORD_SEARCHES
    ]
    return [*judged, *fits, replace(context, method=WORDS).row("gain", None, reason=BLOCKED, better="higher")]


def _random_view(rng: np.random.Generator) -> Orbit:
    distance, elevation, azimuth = (
        float(rng.uniform(*ends)) for ends in (RANDOM_DISTANCES, RANDOM_ELEVATIONS, (0.0, 360.0))
    )
    return Orbit(distance, elevation, azimuth)
