"""What masks leave of space: the hull is where the object is, whatever the world of the poses, and masks that disagree are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rerender.core.cameras import Camera, fibonacci_cameras
from rerender.core.errors import UserError
from rerender.core.meshes import Mesh, bounding_box, icosphere
from rerender.core.seeds import SeedStream
from rerender.papers.materials.hull import FILLED, hull_distance, located
from rerender.papers.materials.settings import ShapeSettings
from rerender.papers.materials.shape import ShapeFit
from rerender.rendering.gbuffers import trace
from rerender.rendering.variants import start_variant

CELLS, EXTENT, SIZE = 12, 2.1, 32
CAMERAS = fibonacci_cameras(12, 3.0)
NAMES = [f"r_{index}.png" for index in range(len(CAMERAS))]


def outlines(mesh: Mesh) -> np.ndarray:
    start_variant("auto", threads=1)
    return trace(mesh, CAMERAS, SIZE).mask().numpy().astype(np.float32)


def test_the_hull_of_a_ball_is_the_ball() -> None:
    masks = outlines(icosphere(3, 0.8))
    found = hull_distance(CAMERAS, masks, CELLS, EXTENT)
    assert found is not None
    search = ShapeFit(
        torch.from_numpy(masks),
        CAMERAS,
        ShapeSettings(cells=CELLS),
        SeedStream(("hull",)),
        torch.from_numpy(found),
    )
    radii = np.linalg.norm(search.mesh().vertices, axis=1)
    assert radii.mean() == pytest.approx(0.8, abs=0.03) and radii.std() < 0.05
    assert hull_distance(CAMERAS, np.zeros_like(masks), CELLS, EXTENT) is None


def test_an_object_of_any_place_and_size_is_brought_to_the_grid() -> None:
    away = Mesh(0.3 * icosphere(3).vertices * (1.0, 0.5, 0.5) + (0.4, -0.3, 0.2), icosphere(3).faces)
    frame = located(CAMERAS, outlines(away), NAMES, EXTENT)
    low, high = bounding_box(Mesh(frame.scale * (away.vertices - frame.middle), away.faces))
    assert np.abs(0.5 * (low + high)).max() < 0.1
    assert (high - low).max() == pytest.approx(FILLED * EXTENT, rel=0.2)
    moved = replace(away, vertices=frame.scale * (away.vertices - frame.middle))
    seen = trace(moved, frame.applied(CAMERAS), SIZE).mask().numpy()
    assert (seen == outlines(away).astype(bool)).mean() > 0.999


def test_masks_that_share_no_place_are_named() -> None:
    masks = outlines(icosphere(3, 0.4))
    masks[[3, 7]] = np.roll(masks[[3, 7]], 14, axis=2)
    with pytest.raises(UserError, match=r"inside all 12 masks: .*r_3\.png, r_7\.png"):
        located(CAMERAS, masks, NAMES, EXTENT)


def test_what_one_camera_alone_sees_is_not_known() -> None:
    lone = (Camera((0.0, 0.0, 3.0)), Camera((0.0, 0.0, 6.0), target=(0.0, 0.0, 9.0)))
    with pytest.raises(UserError, match="no place in space"):
        located(lone, np.ones((2, SIZE, SIZE), np.float32), NAMES[:2], EXTENT)
