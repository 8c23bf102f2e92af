"""Videos of an estimate: truth, first guess and what was found, side by side, for every shape of a job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from rerender.core.files import Tree, load_tree
from rerender.papers.physics.grid import Job, RunFiles
from rerender.papers.physics.rigid_mass import RigidMassRequest, as_tensor, object_seeds, soft
from rerender.papers.physics.rigid_scene import RigidObject, draw_object, film, move, positions
from rerender.papers.physics.specs import RasterSettings, RigidMassSettings
from rerender.reporting.grids import as_bytes
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
LINE = 22
FPS = 15
HOLD_FRAMES = 8
METHOD = "gradsim"


def make_rigid_video(
    run: RunFiles,
    out: Path | str,
    *,
    job: Job,
    settings: RigidMassSettings,
    raster: RasterSettings,
    tier: str,
) -> None:
    """Write the video of a finished rigid-mass job: its shapes one after the other, at half speed."""
    request = RigidMassRequest(job, settings, raster, tier)
    final = load_tree(run.final)
    write_video(out, _frames(request, final), FPS)


def _frames(request: RigidMassRequest, final: Tree) -> Iterator[Frame]:
    """Yield the frames; the last of a shape is held."""
    for name in request.settings.shapes:
        thing = draw_object(name, request.settings, object_seeds(request, name))
        found = final[name]
        masses = {
            "truth": found["truth"],
            "first guess": found["guess"],
            "from video": found["estimates"][METHOD],
        }
        reels = {title: _reel(request, thing, float(mass)) for title, mass in masses.items()}
        texts = {title: f"{title}: {float(mass):.6f} kg" for title, mass in masses.items()}
        count = len(reels["truth"])
        for index in (*range(count), *[count - 1] * HOLD_FRAMES):
            columns = [
                below([label(texts[title], reel[index].shape[1], LINE), reel[index]], gap=0)
                for title, reel in reels.items()
            ]
            picture = beside(columns)
            yield pad_even(below([label(name.replace("_", "-"), picture.shape[1], LINE, bold=True), picture]))


def _reel(request: RigidMassRequest, thing: RigidObject, mass: float) -> list[Frame]:
    """Return all frames of the motion with a mass, as bytes, enlarged by a whole factor."""
    settings = request.settings
    frames = list(range(round(settings.fps * settings.seconds)))
    with torch.no_grad():
        seen = positions(thing, move(thing, as_tensor(mass), settings), frames)
        video = film(thing, seen, settings.view, soft(request.raster)).numpy()
    factor = whole_factor(video.shape[1], CELL)
    return [enlarge(as_bytes(np.clip(image[..., :3], 0.0, 1.0)), factor) for image in video]
