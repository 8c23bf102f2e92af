"""Videos of the metamers runs, and of a scene and light a mosaic and a turntable.

That of a run has target, current render, error, gradient of the loss by pixel, and of a material its textures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rerender.core.errors import UserError
from rerender.core.files import load_tree
from rerender.core.images import resize_area
from rerender.papers.metamers.gradient_pictures import decode
from rerender.papers.metamers.pictures import Pictures, first_seeds
from rerender.papers.metamers.runfiles import RunFiles, run_key
from rerender.reporting import signed
from rerender.reporting.captions import Names
from rerender.reporting.grids import as_bytes, colour_error, error_map, split_strip
from rerender.reporting.reels import Reel, timeline
from rerender.reporting.style import ERROR_MAX
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

RUN_WIDTH = 480
CELL_WIDTH = 160
LINE = 22
BAR = 8
TEXTURES = {"base_color": "base colour", "anisotropic": "anisotropy"}
TEXTURE_HEIGHT = 180
"""Rows that a texture takes in a video, at most."""
GRADIENT_QUANTILE = 0.995
"""Share of all gradients of a run that the colour scale holds."""
MOSAIC_VIEWS = 2
HOLD_SECONDS = 1.5
TURNTABLE_FPS = 8.0


def make_run_videos(runs: Iterable[RunFiles], folder: Path, *, names: Names | None = None) -> None:
    """Write the video of every run, `<model>-s<seed>.mp4`, to a folder."""
    for run in runs:
        make_run_video(run, folder / f"{run.model}-s{run.seed}.mp4", names=names)


def make_run_video(
    run: RunFiles, out: Path | str, *, names: Names | None = None, fps: float | None = None
) -> None:
    """Write the video of one run: target, render, error and gradient of the observed views, textures, iteration and loss.

    Without `fps` [frames a second] the rate is chosen so that the run lasts about eight seconds.
    """
    names = names or Names()
    pictures = Pictures(run)
    target = pictures.strip_target()
    factor = whole_factor(target.shape[1], RUN_WIDTH)
    light = f" · {names.envmap(run.envmap)}" if run.family == "geometry" else ""
    title = f"{names.scene(run.scene)}{light} · {names.model(run.model)} · seed {run.seed}"
    losses = _losses(pictures)
    gradients, textures = _gradients(pictures, factor), _textures(pictures, target.shape[1] * factor)
    frames = (
        below(
            [
                *_run_rows(target, frame, factor, title, _progress(int(iteration), losses)),
                *(gradients.rows(number) if gradients else ()),
                *(row for texture in textures for row in texture.rows(number)),
            ],
            gap=0,
        )
        for number, (frame, iteration) in enumerate(
            zip(pictures.movie["frames"], pictures.movie["iterations"], strict=True)
        )
    )
    frames = (pad_even(frame) for frame in frames)
    fps = fps or frames_per_second(len(pictures.movie["frames"]))
    write_video(out, hold_last(frames, int(HOLD_SECONDS * fps)), fps)


def _losses(pictures: Pictures) -> dict[int, float]:
    """Return the loss of each iteration that has one."""
    trace = pictures.trace.drop_nulls("loss")
    return dict(zip(trace["iteration"].to_list(), trace["loss"].to_list(), strict=True))


def _progress(iteration: int, losses: dict[int, float]) -> str:
    """Return the line that changes; the loss of an iteration without one is that of the one before it."""
    loss = losses.get(iteration, losses.get(iteration - 1))
    return f"render at iteration {iteration}" + (f"   loss {loss:.3g}" if loss is not None else "")


def _run_rows(target: Frame, current: Frame, factor: int, title: str, progress: str) -> list[Frame]:
    """Return the rows of a run's video that every run has."""
    error = colour_error(error_map(current, target))
    width = target.shape[1] * factor
    parts = [label(title, width, LINE, bold=True)]
    for name, strip in (("target", target), (progress, current), (f"error, 0 to {ERROR_MAX:g}", error)):
        parts += [label(name, width, LINE), enlarge(strip, factor)]
    return parts


@dataclass(frozen=True)
class _Gradients:
    """Gradients of the loss by pixel, all frames on one scale: that of the largest of them but a few."""

    pictures: npt.NDArray[np.uint8]
    scales: npt.NDArray[np.float64]
    limit: float
    factor: int

    def rows(self, number: int) -> list[Frame]:
        """Return heading, picture and scale of one frame."""
        values = decode(self.pictures[number], float(self.scales[number]))
        picture = enlarge(signed.coloured(values, self.limit), self.factor)
        width = picture.shape[1]
        heading = "gradient of the loss by pixel (latest of each view)"
        ends = (
            f"brighter lowers the loss  \N{MINUS SIGN}{self.limit:.2g} … {self.limit:.2g}  brighter raises it"
        )
        bar = signed.ramp(width, BAR)
        return [label(heading, width, LINE), picture, bar, label(ends, width, LINE, align="middle")]


def _gradients(pictures: Pictures, factor: int) -> _Gradients | None:
    """Return the gradients that a run kept, or None."""
    if "gradients" not in pictures.movie:
        return None
    kept, scales = pictures.movie["gradients"], pictures.movie["gradient_scale"]
    sizes = [
        np.abs(decode(one, float(scale))).ravel()
        for one, scale in zip(kept, scales, strict=True)
        if scale > 0
    ]
    limit = float(np.quantile(np.concatenate(sizes), GRADIENT_QUANTILE)) if sizes else 0.0
    return _Gradients(kept, scales, limit or 1.0, factor)


@dataclass(frozen=True)
class _Texture:
    """One texture of a material while it is fitted, beside the true one where that is known."""

    name: str
    frames: npt.NDArray[np.uint8]
    truth: Frame | None
    width: int

    def rows(self, number: int) -> list[Frame]:
        """Return heading and pictures of one frame."""
        shown = [self.frames[number]] if self.truth is None else [self.truth, self.frames[number]]
        each = (self.width - 4 * (len(shown) - 1)) // len(shown)
        factor = max(1, min(each // shown[0].shape[1], TEXTURE_HEIGHT // shown[0].shape[0]))
        body = beside([enlarge(one, factor) for one in shown])[:, : self.width]
        white = np.full((body.shape[0], self.width - body.shape[1], 3), 255, np.uint8)
        known = "" if self.truth is None else "target, then "
        heading = f"{TEXTURES.get(self.name, self.name)}: {known}fitted"
        return [label(heading, self.width, LINE), np.concatenate([body, white], axis=1)]


def _textures(pictures: Pictures, width: int) -> list[_Texture]:
    """Return the textures that a run kept."""
    found: Mapping[str, npt.NDArray[Any]] = pictures.textures
    truth = pictures.truth("texture_target") if "base_color" in found else None
    return [
        _Texture(name, frames, _resized(truth, frames[0].shape) if name == "base_color" else None, width)
        for name, frames in found.items()
    ]


def _resized(truth: npt.NDArray[Any] | None, shape: tuple[int, ...]) -> Frame | None:
    """Return the true texture at the size of the observed ones."""
    return None if truth is None else as_bytes(resize_area(truth, shape[0], shape[1]))


# ---------------------------------------------------------------- mosaic


def make_mosaic(
    runs: Iterable[RunFiles], out: Path | str, *, names: Names | None = None, fps: float | None = None
) -> None:
    """Write one video with all models of one scene and light side by side, synchronised by iteration.

    Of each model the run with the lowest seed is shown. A run that stopped early keeps its last frame and says so.
    """
    names = names or Names()
    shown = first_seeds(runs)
    _check_one_place(shown)
    reels = [_reel(run) for run in shown]
    target = Pictures(shown[0]).strip_target()
    steps = timeline(reels)
    fps = fps or frames_per_second(len(steps))
    frames = (_mosaic_frame(target, reels, step, shown[0], names) for step in steps)
    write_video(out, hold_last(frames, int(HOLD_SECONDS * fps)), fps)


def make_turntable(
    runs: Iterable[RunFiles], out: Path | str, *, names: Names | None = None, fps: float = TURNTABLE_FPS
) -> None:
    """Write one video of the target and of every model's result, seen from a circle of cameras: one turn, twice."""
    names = names or Names()
    shown = first_seeds(runs)
    _check_one_place(shown)
    turns = load_tree(shown[0].turntables)
    columns = [("Target", turns["target"]["frames"])]
    columns += [
        (names.model(run.model), turns[run_key(run.model)]["frames"])
        for run in shown
        if run_key(run.model) in turns
    ]
    light = f" · {names.envmap(shown[0].envmap)}" if shown[0].family == "geometry" else ""
    title = f"{names.scene(shown[0].scene)}{light}"
    once = [_turntable_frame(columns, step, title) for step in range(len(columns[0][1]))]
    write_video(out, (*once, *once), fps)


def _turntable_frame(columns: Sequence[tuple[str, npt.NDArray[Any]]], step: int, title: str) -> Frame:
    """Return one frame: all columns at one angle."""
    factor = whole_factor(columns[0][1].shape[2], CELL_WIDTH)
    width = columns[0][1].shape[2] * factor
    cells = [
        below([label(name, width, LINE, align="middle"), enlarge(frames[step], factor)], gap=0)
        for name, frames in columns
    ]
    body = beside(cells)
    return pad_even(below([label(title, body.shape[1], LINE, bold=True), body]))


def _check_one_place(runs: Sequence[RunFiles]) -> None:
    """Refuse a mosaic of nothing, or of runs that show different things."""
    found = sorted({f"{run.scene}/{run.envmap}" for run in runs})
    if len(found) != 1:
        raise UserError(
            f"a mosaic needs runs of one scene and light, not of {', '.join(found) or 'none'}",
            "Give the finished runs of one scene and light.",
        )


def _reel(run: RunFiles) -> Reel:
    movie = Pictures(run).movie
    return Reel(run.model, movie["frames"], movie["iterations"].astype(np.int64))


def _mosaic_frame(
    target: npt.NDArray[Any], reels: Sequence[Reel], step: int, run: RunFiles, names: Names
) -> Frame:
    """Return one frame: the target, then a column a model."""
    columns = [_column("Target", target, "")]
    columns += [_column(names.model(reel.name), reel.at(step), reel.state(step)) for reel in reels]
    body = beside(columns)
    light = f" · {names.envmap(run.envmap)}" if run.family == "geometry" else ""
    title = f"{names.scene(run.scene)}{light}   iteration {step}"
    return pad_even(below([label(title, body.shape[1], LINE, bold=True), body]))


def _column(name: str, strip: npt.NDArray[Any], state: str) -> Frame:
    """Return the first views of a strip under each other, under the model's name."""
    views = split_strip(strip)[:MOSAIC_VIEWS]
    factor = whole_factor(views[0].shape[1], CELL_WIDTH)
    width = views[0].shape[1] * factor
    return below(list(_column_parts(name, views, factor, width, state)), gap=0)


def _column_parts(
    name: str, views: Sequence[npt.NDArray[Any]], factor: int, width: int, state: str
) -> Iterator[Frame]:
    yield label(name, width, LINE, align="middle")
    for view in views:
        yield enlarge(view, factor)
    yield label(state, width, LINE, align="middle")
