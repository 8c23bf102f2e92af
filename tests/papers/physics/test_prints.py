"""Frames for print: the camera that comes closer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import torch

from rerender.core.cameras import project
from rerender.papers.physics.prints import MOMENTS, closer, save_prints
from rerender.rendering.soft_rasteriser import look_from


def test_a_closer_camera_sees_the_whole_motion_and_fills_the_frame_with_it() -> None:
    draw = np.random.default_rng(1)
    points = draw.uniform(-0.3, 0.3, size=(5, 40, 3)) + np.array([1.0, 0.5, -0.2])
    camera = closer(look_from(8.0, 30.0, 20.0), torch.tensor(points))
    seen = project(camera, points.reshape(-1, 3), 100, 100)[:, :2]
    assert seen.min() > 0 and seen.max() < 100
    assert np.ptp(seen, axis=0).max() > 50
    assert camera.origin == look_from(8.0, 30.0, 20.0).origin


def test_the_figure_keeps_its_pictures(tmp_path: Path) -> None:
    save_prints({"rigid mass": np.full((MOMENTS, 8, 8, 3), 0.5)}, tmp_path / "frames", "smoke")
    assert (tmp_path / "frames.png").stat().st_size > 1000 and (tmp_path / "frames.pdf").is_file()
    data = pl.read_parquet(tmp_path / "frames.parquet")
    assert data["moment"].to_list() == list(range(MOMENTS)) and data["png"][0].startswith(b"\x89PNG")
