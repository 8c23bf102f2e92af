"""The predictor of views: what it reads, that it learns, and the answer that needs no input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rerender.core.painted import PaintedMesh
from rerender.papers.viewpoints.predictor import CELLS, Example, Predictor, average_camera, examine, inputs_of
from rerender.papers.viewpoints.segments import GRID
from rerender.rendering.painted_views import PaintedViews


def examples(count: int) -> list[Example]:
    """Segments whose best direction of the grid is where their first input says."""
    rng = np.random.default_rng(4)
    found = []
    for _ in range(count):
        inputs = rng.standard_normal(5)
        side = 14 if inputs[0] < 0 else 20
        distance = 3.0 + np.tanh(inputs[1])
        camera = np.array([distance, GRID[side, 1], GRID[side, 2], 50.0])
        found.append(
            Example("bed" if inputs[0] < 0 else "desk", inputs, np.eye(len(GRID))[side], camera, 1.0)
        )
    return found


def test_the_network_learns_directions_and_distances_of_unseen_segments() -> None:
    known, unknown = examples(80), examples(120)[80:]
    predictor = Predictor(known, 16, seed=1)
    losses = predictor.fit(known, 150)
    assert losses[-1] < 0.2 * losses[0]
    found = np.stack([predictor.camera(one.inputs) for one in unknown])
    truth = np.stack([one.camera for one in unknown])
    clear = np.array([abs(one.inputs[0]) > 0.3 for one in unknown])
    assert (found[clear, 1:3] == truth[clear, 1:3]).all(axis=1).mean() > 0.9
    assert np.corrcoef(found[:, 0], truth[:, 0])[0, 1] > 0.8


def test_equal_seeds_give_equal_networks() -> None:
    known = examples(10)
    one, two, other = (Predictor(known, 8, seed=seed).state for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert not np.array_equal(one["0_weight"], other["0_weight"])


def test_the_average_is_that_of_the_label_alone() -> None:
    known = examples(40)
    assert np.array_equal(average_camera(known, "bed")[1:3], GRID[14, 1:3])
    assert np.array_equal(average_camera(known, "desk")[1:3], GRID[20, 1:3])
    doubled = [replace(one, camera=one.camera * (2, 1, 1, 1)) for one in known]
    assert average_camera(doubled, "bed")[0] == pytest.approx(2 * average_camera(known, "bed")[0])


def test_what_is_read_of_a_room(room: PaintedMesh) -> None:
    inputs = inputs_of(room, "chair")
    own = room.mesh.vertices[room.mesh.faces[room.faces_of("chair")]].reshape(-1, 3)
    assert inputs.shape == (6 + CELLS[0] * CELLS[1],)
    assert inputs[:3] == pytest.approx(0.5 * (own.min(axis=0) + own.max(axis=0)), abs=0.1)
    heights = inputs[6:].reshape(CELLS)
    # walls stand at -x and -z, higher than all furniture
    assert heights[0].min() > 0.5 and heights[:, 0].min() > 0.5 and np.median(heights) < 0.5


def test_an_example_is_better_than_its_grid(room: PaintedMesh) -> None:
    example = examine(room, "chair", PaintedViews(room, 24), 12, seed=1)
    assert example.grid.shape == (len(GRID),) and example.score >= example.grid.max()
