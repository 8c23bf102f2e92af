"""What a named run leaves for people: the files that the released code writes, from a finished search (section 2.5)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from rerender.core.files import load_tree, sha256_file, write_json
from rerender.core.orbits import Orbit
from rerender.papers.viewpoints.scenes import load_scene
from rerender.papers.viewpoints.stills import pictures, write_gif
from rerender.rendering.painted_views import PaintedViews
from rerender.rendering.variants import start_variant
from rerender.reporting.grids import as_bytes, colour_error, error_map, spread_indices, write_png
from rerender.reporting.videos import (
    Frame,
    below,
    beside,
    enlarge,
    frames_per_second,
    hold_last,
    label,
    pad_even,
    whole_factor,
    write_video,
)

FRAMES = 24
FRAME_MS = 300
SPP = 32
LINE = 22
SMALLEST = 192
HOLD_SECONDS = 1.5


def present_run(
    scene: Path,
    final: Path,
    trace: Path,
    folder: Path,
    *,
    method: str,
    size: int,
    variant: str = "auto",
    threads: int = 1,
) -> None:
    """Write parameters, final view, comparison and process of a search to `folder`."""
    start_variant(variant, threads=threads)
    tree, path = load_tree(final), pl.read_parquet(trace).filter(pl.col("case") == 1)
    start, found, truth = (Orbit(*tree[name][0].tolist()) for name in ("start", "found", "truth"))
    last = path.row(-1, named=True)
    write_json(
        folder / "optimized_params.json",
        {
            "distance": found.distance,
            "elevation": found.elevation,
            "azimuth": found.azimuth % 360.0,
            "initial_distance": start.distance,
            "initial_elevation": start.elevation,
            "initial_azimuth": start.azimuth % 360.0,
            "fov": found.fov,
            "look_at": list(found.target),
            "up_axis": "y",
            "method": method,
            "mesh_sha256": sha256_file(scene),
            "size": size,
            "jacobians": last["jacobians"],
            "matches": bool(tree["matches"][0]),
            "final_mse": last["error"],
            "cpu_s": last["cpu_s"],
        },
    )
    views = PaintedViews(load_scene(scene), size)
    before, after, target = pictures(views, [orbit.camera() for orbit in (start, found, truth)], SPP)
    write_png(folder / "optimized_view.png", after)
    difference = as_bytes(colour_error(error_map(after, target)))
    titled = {"initial": before, "found": after, "target": target, "error": difference}
    write_png(
        folder / "optimization_comparison.png", beside([_titled(*pair) for pair in titled.items()], gap=6)
    )
    steps = [path.row(index, named=True) for index in spread_indices(path.height, FRAMES)]
    frames = [_frame(views, row, target) for row in steps]
    write_gif(folder / "optimization_process.gif", frames, FRAME_MS)
    fps = frames_per_second(len(frames))
    write_video(folder / "video.mp4", hold_last(map(pad_even, frames), int(HOLD_SECONDS * fps)), fps)


def _frame(views: PaintedViews, row: dict[str, float], target: Frame) -> Frame:
    """Return the picture of a step beside the target, with what the released code writes into it."""
    orbit = Orbit(row["distance"], row["elevation"], row["azimuth"], row["fov"])
    now = pictures(views, [orbit.camera()], SPP)[0]
    body = beside([_titled("search", now), _titled("target", target)], gap=6)
    where = f"D {orbit.distance:.2f}  E {orbit.elevation:.1f}°  A {orbit.azimuth:.1f}°"
    text = f"iteration {row['iteration']:.0f}   loss {row['error']:.4f}   {where}"
    return below([label(text, body.shape[1], LINE, bold=True), body])


def _titled(title: str, picture: Frame) -> Frame:
    large = enlarge(picture, whole_factor(picture.shape[1], SMALLEST))
    return below([label(title, large.shape[1], LINE, align="middle"), np.asarray(large)], gap=0)
