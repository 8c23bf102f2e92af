"""Videos of the search: a column a representation, its map above its rendering, by iteration.

The maps are the stored snapshots; their renderings are made here, by the light model of the search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rerender.core.errors import UserError
from rerender.core.files import Tree, load_tree
from rerender.papers.envmaps.bakes import Place, light_of
from rerender.papers.envmaps.experiment import rendered
from rerender.papers.envmaps.metrics import display
from rerender.papers.envmaps.runfiles import RunFiles
from rerender.papers.envmaps.scenes import floor_exposure
from rerender.rendering.light_model import Exposed, LightModel
from rerender.reporting.captions import Names
from rerender.reporting.grids import as_bytes
from rerender.reporting.reels import Reel, timeline
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

COLUMN_WIDTH = 192
LINE = 22
HOLD_SECONDS = 1.5
RENDER_SEED = 0
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Backdrop:
    """What stays as it is: maps (H, W, 3) and renderings (h, w, 3), linear. An edit has no true map."""

    initial: np.ndarray
    start: np.ndarray
    truth: np.ndarray | None
    target: np.ndarray


def make_run_video(
    run: RunFiles,
    out: Path | str,
    *,
    place: Place,
    transport: Path | None,
    floor_level: float,
    spp: int,
    names: Names | None = None,
) -> None:
    """Write the video of one finished job from its `final.npz`, all representations side by side.

    Without a `transport` matrix Mitsuba renders the snapshots, and a variant must run.
    """
    names = names or Names()
    tree = load_tree(run.final)
    model = light_of(place, transport, CPU, spp=spp, spp_grad=None)
    light = Exposed(model, floor_exposure(tree["initial"], floor_level))
    truth = None if "edited" in tree else tree["truth"]
    backdrop = Backdrop(tree["initial"], tree["start"], truth, tree["target"])
    title = f"{names.scene(run.scene)} · {names.envmap(run.envmap)} · {run.mode.replace('_', '-')}"
    snapshots = {names.model(name): snapshots_of(found) for name, found in tree["runs"].items()}
    write_search(out, title, backdrop, snapshots, light)


def snapshots_of(found: Tree) -> dict[int, np.ndarray]:
    """Return the stored maps of one inversion by iteration; raises `UserError` where none were stored."""
    maps = {int(step): image for step, image in found["snapshots"].items()}
    if not maps:
        raise UserError(
            "the run stored no snapshots, so there is no video of it",
            "Set envmaps.inversion.snapshot_every to 10 or so.",
        )
    return dict(sorted(maps.items()))


def write_search(
    out: Path | str,
    title: str,
    backdrop: Backdrop,
    snapshots: Mapping[str, Mapping[int, np.ndarray]],
    light: LightModel,
) -> None:
    """Write the video of a search: initial, target, then a column for each name in `snapshots` (maps by iteration)."""
    reels = [reel_of(name, maps, light) for name, maps in snapshots.items()]
    still = [
        ("initial", picture_pair(backdrop.initial, backdrop.start)),
        ("target", picture_pair(backdrop.truth, backdrop.target, like=backdrop.initial)),
    ]
    steps = timeline(reels)
    fps = frames_per_second(len(steps))
    frames = (_frame(title, still, reels, step) for step in steps)
    write_video(out, hold_last(frames, int(HOLD_SECONDS * fps)), fps)


def reel_of(name: str, maps: Mapping[int, np.ndarray], light: LightModel) -> Reel:
    """Return the frames of one search: each map above its rendering."""
    steps = sorted(maps)
    frames = [picture_pair(maps[step], rendered(light, maps[step], RENDER_SEED, CPU)) for step in steps]
    return Reel(name, np.stack(frames), np.array(steps, dtype=np.int64))


def picture_pair(upper: np.ndarray | None, rendering: np.ndarray, like: np.ndarray | None = None) -> Frame:
    """Return a map above a rendering as display bytes, each enlarged by a whole factor; no map leaves its place white.

    `like` has the size of the map that is not there.
    """
    picture = _enlarged(rendering)
    if upper is not None:
        sky = _enlarged(upper)
    else:
        assert like is not None
        sky = np.full_like(_enlarged(like), 255)
    width = max(sky.shape[1], picture.shape[1])
    return below([_centred(sky, width), _centred(picture, width)])


def _enlarged(radiance: np.ndarray) -> Frame:
    image = as_bytes(display(radiance))
    return enlarge(image, whole_factor(image.shape[1], COLUMN_WIDTH))


def _centred(frame: Frame, width: int) -> Frame:
    spare = width - frame.shape[1]
    return np.pad(frame, ((0, 0), (spare // 2, spare - spare // 2), (0, 0)), constant_values=255)


def _frame(title: str, still: Sequence[tuple[str, Frame]], reels: Sequence[Reel], step: int) -> Frame:
    columns = [_column(name, frame, "") for name, frame in still]
    columns += [_column(reel.name, reel.at(step), reel.state(step)) for reel in reels]
    body = beside(columns, gap=6)
    return pad_even(below([label(f"{title}   iteration {step}", body.shape[1], LINE, bold=True), body]))


def _column(name: str, frame: Frame, state: str) -> Frame:
    width = frame.shape[1]
    return below([label(name, width, LINE, align="middle"), frame, label(state, width, LINE)], gap=0)
