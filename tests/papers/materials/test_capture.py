"""Sets of training views: every seed is fitted to its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.papers.materials.tiny import SETTINGS, capture, light, thing

from rerender.papers.materials.capture import Capture, cameras_of, captured, least_views
from rerender.rendering.sightlines import count_views

TWO = SETTINGS.model_copy(update={"draws": 2})


@pytest.fixture(scope="module")
def drawn() -> Capture:
    """The small capture, with two sets of training views."""
    return captured("ball", thing(), light(), light(), TWO)


def test_the_first_set_is_what_one_set_alone_would_be(drawn: Capture) -> None:
    """More sets leave results of the first seed as they are."""
    assert torch.equal(drawn.seen_by(1).train.target, capture().train.target)
    assert torch.equal(drawn.seen_by(1).train.surface.positions, capture().train.surface.positions)
    assert drawn.seen_by(1).train.surface.starts == capture().train.surface.starts


def test_seeds_take_the_sets_in_turn(drawn: Capture) -> None:
    first, second, third = (drawn.seen_by(seed) for seed in (1, 2, 3))
    assert len(drawn.train) == 8 and len(first.train) == len(second.train) == 4
    assert first.train.surface.shape == second.train.surface.shape == (4, 16, 16)
    assert not torch.equal(first.train.surface.positions[:50], second.train.surface.positions[:50])
    assert torch.equal(first.train.target, third.train.target)
    lengths = [len(one.train.target) for one in (first, second)]
    assert sum(lengths) == len(drawn.train.target)
    assert int(second.train.surface.pixels.max()) < 4 * 16 * 16


def test_roughness_does_not_move_the_cameras() -> None:
    """Else a fit at another roughness would differ in its views as well."""
    assert cameras_of("cow_r010", TWO) == cameras_of("cow", TWO)
    assert cameras_of("duck", TWO) != cameras_of("cow", TWO)


def test_a_point_is_seen_where_every_set_sees_it(drawn: Capture) -> None:
    training, _ = cameras_of("ball", TWO)
    samples = drawn.samples
    places, normals = samples.positions.numpy().astype(float), samples.normals.numpy()
    counts = [count_views(thing().mesh, own, places, normals) for own in (training[:4], training[4:])]
    np.testing.assert_array_equal(least_views(thing().mesh, training, samples, 2), np.minimum(*counts))
    assert not np.array_equal(counts[0], counts[1])
