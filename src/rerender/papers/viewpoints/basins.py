"""From where a search finds the camera: starts on a grid over azimuth and elevation; and the loss over both."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rerender.core.files import save_tree
from rerender.core.orbits import Orbit, view_angle
from rerender.core.seeds import SeedStream
from rerender.papers.viewpoints.matching import Matcher, render_target
from rerender.papers.viewpoints.methods import method
from rerender.papers.viewpoints.scenes import load_scene
from rerender.papers.viewpoints.search import search
from rerender.papers.viewpoints.settings import BasinSettings, CameraSettings, SearchSettings
from rerender.papers.viewpoints.starts import orbit_of
from rerender.rendering.painted_views import PaintedViews
from rerender.rendering.variants import start_variant

ELEVATIONS = (5.0, 80.0)
SLICE_SPP = 4


def map_basins(
    file: Path,
    camera: CameraSettings,
    search_settings: SearchSettings,
    settings: BasinSettings,
    out: Path,
    *,
    variant: str = "auto",
    threads: int = 1,
) -> None:
    """Write `azimuths` (A,) and `elevations` (E,) [deg]; `angle` (E, A) [deg] that is left, by method; `losses` by blur.

    Searches use the first size of the ladder only. `losses` are over `slice_azimuths` and `slice_elevations`.
    """
    start_variant(variant, threads=threads)
    first = search_settings.model_copy(update={"ladder": search_settings.ladder[:1]})
    truth = orbit_of(camera)
    views = PaintedViews(load_scene(file), max(search_settings.ladder))
    matcher = Matcher(views, render_target(views, truth, search_settings, 0), first)
    azimuths = truth.azimuth + np.linspace(-180.0, 180.0, settings.azimuths)
    elevations = np.linspace(*ELEVATIONS, settings.elevations)
    angles = {}
    for name in settings.methods:
        left = np.zeros((len(elevations), len(azimuths)))
        for row, elevation in enumerate(elevations):
            for column, azimuth in enumerate(azimuths):
                seeds = SeedStream(("viewpoints", "basins", name, row, column))
                start = Orbit(truth.distance, float(elevation), float(azimuth), truth.fov)
                left[row, column] = view_angle(
                    search(matcher, start, method(name), seeds, restarts=0).orbit, truth
                )
        angles[name] = left
    across = truth.azimuth + np.linspace(-180.0, 180.0, settings.loss_slices)
    up = np.linspace(*ELEVATIONS, settings.loss_slices)
    grid = [Orbit(truth.distance, float(e), float(a), truth.fov) for e in up for a in across]
    blurs = dict.fromkeys((first.blurs[0], first.blurs[len(first.blurs) // 2], first.blurs[-1]))
    losses = {
        f"{blur:g}": matcher.errors(grid, first.ladder[0], blur, SLICE_SPP, 7).reshape(len(up), len(across))
        for blur in blurs
    }
    tree = {"azimuths": azimuths, "elevations": elevations, "angle": angles, "losses": losses}
    save_tree(
        out,
        {
            **tree,
            "slice_azimuths": across,
            "slice_elevations": up,
            "truth": truth.values(("azimuth", "elevation")),
        },
    )
