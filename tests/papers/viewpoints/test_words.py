"""Views chosen by words: the gradient against finite differences, the search, and what is written without weights.

The embedder is CLIP at a small random size: it tests the machinery, what it prefers means nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from rerender.core.files import load_tree
from rerender.core.orbits import Orbit, view_angle
from rerender.core.painted import PaintedMesh
from rerender.core.seeds import SeedStream
from rerender.papers.viewpoints import viewsets
from rerender.papers.viewpoints.settings import ViewSettings, WordSettings
from rerender.papers.viewpoints.viewsets import compare_views
from rerender.papers.viewpoints.words import SCALE, UNKNOWNS, WordViews
from rerender.perception.byte_pairs import BytePairs
from rerender.perception.image_text import ImageText
from rerender.perception.networks.clip import ClipVision
from rerender.perception.networks.clip_pair import ClipPair, ClipText
from rerender.provenance.manifest import Code
from rerender.reporting.rows import read_rows

SIZE = 28
START = Orbit(4.0, 30.0, 50.0, 60.0, (0.1, -0.2, 0.3))
STEPS = np.array([0.03, 0.4, 0.4, 0.03, 0.03, 0.03])


class SmallClip:
    """Two random towers; words are a random direction."""

    def __init__(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            pair = ClipPair(ClipVision(16, 2, 2, 2), ClipText(12, 1, 2), widths=(16, 12), common=8)
            for value in pair.parameters():
                torch.nn.init.normal_(value, std=0.3)
            self.goal = torch.nn.functional.normalize(torch.randn(8), dim=0)
        self.model = ImageText(pair.eval().requires_grad_(False), BytePairs({}, {}), size=SIZE)

    def pictures(self, images: Tensor) -> Tensor:
        return self.model.pictures(images)

    def words(self, words: str, templates: Sequence[str]) -> Tensor:
        return self.goal


def word_views(room: PaintedMesh, **changes: object) -> WordViews:
    settings = WordSettings(**{"size": SIZE, "spp": 16, "blur": 1.5, **changes})
    return WordViews(room, SmallClip(), settings, SeedStream(("test",)))


def test_the_gradient_is_that_of_finite_differences(room: PaintedMesh) -> None:
    views = word_views(room, spp=256)
    goal = views.goal("a bed")
    slope = np.mean([views.slope(START, goal, seed)[1] for seed in range(4)], axis=0)
    at = START.values(UNKNOWNS)
    rows = [at + sign * STEPS * np.eye(6)[k] for k in range(6) for sign in (1, -1)]
    found = []
    for repeat in range(3):
        views.seeds = SeedStream(("differences", repeat))
        scores = np.array([views.scores([START.moved_to(UNKNOWNS, row)], goal)[0] for row in rows])
        found.append((scores[::2] - scores[1::2]) / (2 * STEPS) * SCALE)
    differences = np.mean(found, axis=0)
    strong = np.abs(differences) > 0.3 * np.abs(differences).max()
    assert strong.sum() >= 2
    np.testing.assert_allclose(slope[strong], differences[strong], rtol=0.15)


def test_climbing_finds_a_better_view_and_never_a_worse_one(room: PaintedMesh) -> None:
    views = word_views(room, steps=10, crops=1)
    goal = views.goal("a bed")
    start = views.grid[5]
    found, score = views.climb(start, goal, 0)
    assert score > views.scores([start], goal)[0] + 0.01
    assert score == pytest.approx(views.scores([found], goal)[0])
    still = word_views(room, steps=1, lr=30.0)  # jumps to the bounds
    assert still.climb(start, goal, 0)[1] >= still.scores([start], goal)[0]


def test_several_views_are_apart(room: PaintedMesh) -> None:
    views = word_views(room)
    goal = views.goal("a bed")
    found = views.several(START, goal, 4)
    assert found[0] == START and len(found) == 4
    angles = [view_angle(one, other) for n, one in enumerate(found) for other in found[:n]]
    assert min(angles) > 30.0


def rows_of(folder: Path, room_file: Path, weights: dict[str, Path]) -> pl.DataFrame:
    compare_views(
        "room_00",
        room_file,
        ViewSettings(segments=("bed", "lamp"), counts=(1, 2), size=24, mask_size=32, evaluations=2, random_draws=1),
        folder / "metrics.json",
        folder / "views.npz",
        Code.of("rerender.papers.viewpoints.viewsets"),
        {},
        tier="smoke",
        words=WordSettings(queries={"bed": "a bed"}, size=SIZE, spp=2, steps=1),
        weights=weights,
        variant="llvm_ad_rgb",
    )  # fmt: skip
    return read_rows(folder / "metrics.json").filter(pl.col("method").str.starts_with("words"))


def test_without_weights_the_rows_say_so(room_file: Path, variant: str, tmp_path: Path) -> None:
    rows = rows_of(tmp_path, room_file, {})
    assert rows.height == 2 * 3 + 3 + 1 and set(rows["reason"]) == {"blocked (weights)"}
    assert set(rows["representation"]) == {"bed"} and rows["value"].null_count() == rows.height


def test_with_an_embedder_words_choose_views_that_are_judged(
    room_file: Path, variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rerender.perception.image_text.load_image_text", lambda files, device: SmallClip())
    rows = rows_of(tmp_path, room_file, {"clip_vitl14": room_file})
    assert rows["value"].null_count() == 0 and rows.height == 2 * 3 + 3 + 1
    fits = dict(rows.filter(pl.col("metric") == "fit").select("method", "value").iter_rows())
    assert fits["words"] >= fits["words_grid"] - 1e-6
    assert load_tree(tmp_path / "views.npz")["words_bed"].shape == (2, 7)
    assert viewsets.WORDS == "words"


def test_settings_name_what_is_wrong() -> None:
    with pytest.raises(ValidationError, match=r"unknown segment 'sofaa'. Did you mean 'sofa'"):
        WordSettings(queries={"sofaa": "a sofa"})
    with pytest.raises(ValidationError, match=r"must have \{\} once"):
        WordSettings(templates=("a photo",))
    with pytest.raises(ValidationError):
        WordSettings(queries={"bed": ""})
