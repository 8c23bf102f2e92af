"""Geometry from outlines: a shape is found through the fitting loop, closed, and better where nobody looked as well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rerender.core.cameras import random_cameras, turntable_cameras
from rerender.core.meshchecks import is_closed
from rerender.core.meshes import Mesh, component_count, icosphere
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import LoopSettings
from rerender.papers.materials.settings import ShapeSettings
from rerender.papers.materials.shape import ShapeFit, largest_body
from rerender.rendering.gbuffers import trace
from rerender.rendering.variants import start_variant

SIZE = 24
CAMERAS = random_cameras(6, np.random.default_rng(3), shift=0.1)
SETTINGS = ShapeSettings(cells=8, steps=40, batch=3, lr=0.03, radius=0.4)


def stretched() -> Mesh:
    ball = icosphere(2)
    return Mesh(ball.vertices * (0.9, 0.45, 0.6), ball.faces)


def problem() -> ShapeFit:
    start_variant("auto", threads=1)
    masks = trace(stretched(), CAMERAS, SIZE).mask().float()
    return ShapeFit(masks, CAMERAS, SETTINGS, SeedStream(("shape",)))


def overlap(mesh: Mesh) -> float:
    """Return the intersection over union of masks from views that the fit did not have."""
    views = turntable_cameras(4)
    ours, theirs = (trace(one, views, SIZE).mask() for one in (mesh, stretched()))
    return float((ours & theirs).sum() / (ours | theirs).sum())


def test_a_shape_is_found_from_its_masks(tmp_path: Path) -> None:
    search = problem()
    before = overlap(search.mesh())
    result = fit(
        search,
        LoopSettings(iterations=SETTINGS.steps),
        tmp_path,
        run_id="shape",
        seeds=SeedStream(("shape",)),
    )
    search.load_state(result.last)
    mesh = search.mesh()
    assert is_closed(mesh) and component_count(mesh) == 1
    assert before < 0.7 and overlap(mesh) > 0.8


def test_a_state_restores_the_search() -> None:
    first, second = problem(), problem()
    first.step(0, SeedStream(("a",)))
    with torch.no_grad():
        assert first.distance.grad is not None
        first.distance -= 0.1 * first.distance.grad
    assert not torch.equal(first.distance, second.distance)
    second.load_state(first.state())
    assert torch.equal(first.distance, second.distance)
    assert first.drawn(3) == second.drawn(3)


def test_the_border_stays_outside() -> None:
    search = problem()
    with torch.no_grad():
        search.distance.fill_(-1.0)
    search.project(0)
    assert is_closed(search.mesh())


def test_the_largest_of_two_bodies_is_kept() -> None:
    small, large = icosphere(1), icosphere(2)
    both = Mesh(
        np.concatenate([small.vertices + 5.0, large.vertices]),
        np.concatenate([small.faces, large.faces + len(small.vertices)]),
    )
    kept = largest_body(both)
    assert len(kept.faces) == len(large.faces) and kept.vertices.max() < 2.0


def test_masks_must_fit_their_cameras() -> None:
    with pytest.raises(ValueError, match="square masks"):
        ShapeFit(torch.zeros(2, 8, 8), CAMERAS, SETTINGS, SeedStream(("shape",)))
