"""Videos: truth, first guess and what was found from video, side by side, for every subject of a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from rerender.core.files import Tree, load_tree
from rerender.papers.physics.control import ControlRequest, World
from rerender.papers.physics.control_cloth import ClothWorld
from rerender.papers.physics.control_fem import GearWorld
from rerender.papers.physics.control_walker import WalkerWorld
from rerender.papers.physics.fields import FieldSubject
from rerender.papers.physics.grid import CONTROL_CLOTH, CONTROL_FEM, CONTROL_WALKER
from rerender.papers.physics.subjects import EstimateRequest, Subject
from rerender.reporting.grids import as_bytes
from rerender.reporting.jobfiles import JobFiles
from rerender.reporting.videos import (
    Frame,
    below,
    beside,
    enlarge,
    label,
    pad_even,
    whole_factor,
    write_video,
)

CELL = 256
"""Frames are enlarged by whole factors to this width at least [px]."""
LINE = 22
FPS = 15
HOLD_FRAMES = 8
METHOD = "gradsim"
SHORT: Mapping[str, str] = {"kg": ".6f", "Pa": ".1f", "m": ".4f", "m/s": ".4f"}
"""How parameters are printed, by unit."""


STEERED: Mapping[str, str] = {
    "start": "at first",
    METHOD: "from the goal's picture",
    "diffphysics": "from the goal's place",
}
"""How motions of control are called."""

WORLDS: Mapping[str, Callable[[ControlRequest], World]] = {
    CONTROL_FEM: GearWorld,
    CONTROL_CLOTH: ClothWorld,
    CONTROL_WALKER: WalkerWorld,
}


def make_estimate_video(
    request: EstimateRequest,
    subjects: Callable[[EstimateRequest], Iterable[Subject]],
    run: JobFiles,
    out: Path | str,
) -> None:
    """Write the video of a finished job of estimates, its subjects one after the other."""
    final = load_tree(run.final)
    write_video(out, estimate_frames(request, subjects(request), final), FPS)


def make_field_video(
    request: EstimateRequest,
    subjects: Callable[[EstimateRequest], Iterable[FieldSubject]],
    run: JobFiles,
    out: Path | str,
) -> None:
    """Write the video of a finished job of fields, its subjects one after the other."""
    final = load_tree(run.final)

    def frames() -> Iterator[Frame]:
        for subject in subjects(request):
            found = final[subject.name]
            shown = {"truth": "truth", "first guess": "guess", "from video": METHOD}
            reels = {
                title: pictures(subject.film(torch.as_tensor(np.asarray(found[name]))))
                for title, name in shown.items()
            }
            yield from side_by_side(subject.name.replace("_", " "), reels)

    write_video(out, frames(), FPS)


def make_control_video(request: ControlRequest, run: JobFiles, out: Path | str) -> None:
    """Write the video of a finished control job: the goal, then first policy and what was found, from the stored motions."""
    final, world = load_tree(run.final), WORLDS[request.job.experiment](request)
    reels: dict[str, list[Frame]] = {}
    for name, vertices in final["motions"].items():
        with torch.no_grad():
            seen = world.look.film(torch.as_tensor(np.asarray(vertices, dtype=np.float32)))
        reels[STEERED.get(name, name)] = pictures(seen)
    count = len(next(iter(reels.values())))
    goal = pictures(world.target[None]) * count
    write_video(out, side_by_side(request.job.experiment.replace("_", "-"), {"goal": goal, **reels}), FPS)


def estimate_frames(request: EstimateRequest, subjects: Iterable[Subject], final: Tree) -> Iterator[Frame]:
    """Yield the frames of subjects' truth, first guess and what was found, one subject after the other."""
    for subject in subjects:
        found = final[subject.name]
        answers = {"first guess": found["guess"], "from video": found["estimates"][METHOD]}
        true = subject.film()
        count = frames_with_something(true)
        reels = {f"truth: {_printed(request, found['truth'])}": pictures(true[:count])}
        for title, values in answers.items():
            reels[f"{title}: {_printed(request, values)}"] = pictures(subject.film(values)[:count])
        yield from side_by_side(subject.name.replace("_", " "), reels)


def frames_with_something(video: torch.Tensor) -> int:
    """Return how many of the frames (T, S, S, 4) to show: all until what is filmed has left the picture for good."""
    seen = (video[..., 3] > 0.5).flatten(1).any(dim=1).nonzero()
    return int(seen.max()) + 1 if len(seen) else len(video)


def _printed(request: EstimateRequest, values: Mapping[str, float]) -> str:
    """Return as text the parameters that have the unit of the first one; for more there is no room."""
    first = next(iter(request.units.values()))
    texts = [f"{float(values[name]):{SHORT[first]}}" for name, unit in request.units.items() if unit == first]
    return f"{', '.join(texts)} {first}"


def pictures(video: torch.Tensor) -> list[Frame]:
    """Return RGBA frames (T, S, S, 4) as bytes, enlarged by a whole factor."""
    images = np.clip(video[..., :3].numpy(), 0.0, 1.0)
    factor = whole_factor(images.shape[1], CELL)
    return [enlarge(as_bytes(image), factor) for image in images]


def side_by_side(title: str, reels: Mapping[str, Sequence[Frame]]) -> Iterator[Frame]:
    """Yield frames of reels of one length beside each other; the last one is held."""
    count = len(next(iter(reels.values())))
    for index in (*range(count), *[count - 1] * HOLD_FRAMES):
        columns = [
            below([label(text, reel[index].shape[1], LINE), reel[index]], gap=0)
            for text, reel in reels.items()
        ]
        picture = beside(columns)
        yield pad_even(below([label(title, picture.shape[1], LINE, bold=True), picture]))
