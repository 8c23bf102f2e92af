"""An edit as a job of the grid: its target picture, and what its result is worth (fact sheet, section 7).

There is no true map. What counts: is the picture as edited inside the stroke, has it stayed outside, and is the map still
like the initial sky?
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rerender.core.images import luminance
from rerender.core.latlong import solid_angles
from rerender.papers.envmaps.bakes import Place
from rerender.papers.envmaps.edit_specs import EditSpec
from rerender.papers.envmaps.edits import EditScene, EditTarget, contact_point, edit_target
from rerender.papers.envmaps.masks import seen_surfaces
from rerender.papers.envmaps.metrics import LOG_OFFSET, as_array, display, pair_metrics
from rerender.papers.envmaps.scenes import load_parts
from rerender.perception.metrics.image import psnr_of_mse

EDIT_METRICS: Mapping[str, tuple[str, str]] = {
    "edit/psnr": ("dB", "higher"),
    "edit/ssim": ("", "higher"),
    "edit/psnr_inside": ("dB", "higher"),
    "edit/psnr_outside": ("dB", "higher"),
    "edit/y_ratio": ("", "none"),
    "edit/peak_ratio": ("", "none"),
    "edit/map_log_rmse": ("", "lower"),
    "edit/map_dists_proxy": ("", "lower"),
    "edit/map_histogram": ("", "lower"),
}
"""Unit and better direction. `map_…` measure how far the map went from the initial one; `inside` is where the edit painted."""


def make_target(edit: EditSpec, place: Place, start: np.ndarray) -> EditTarget:
    """Return the edited picture of the initial rendering `start` (h, w, 3). Needs a Mitsuba variant."""
    scene = place.scene()
    contact = contact_point(load_parts(place.parts).meshes)
    return edit_target(edit, start, EditScene(seen_surfaces(scene), scene.cameras[0], contact))


def edit_metrics(
    found: np.ndarray, initial: np.ndarray, rendering: np.ndarray, target: EditTarget
) -> dict[str, float]:
    """Return the metrics of `EDIT_METRICS` of a map (H, W, 3) and its rendering (h, w, 3)."""
    picture, sky = pair_metrics(rendering, target.picture), pair_metrics(found, initial)
    error = np.square(display(rendering) - display(target.picture)).mean(axis=-1)
    inside = target.edited
    rows = {
        "edit/psnr": picture["psnr"],
        "edit/ssim": picture["ssim"],
        "edit/psnr_inside": psnr_of_mse(float(error[inside].mean())),
        "edit/y_ratio": sky["y_ratio"],
        "edit/peak_ratio": sky["peak_ratio"],
        "edit/map_log_rmse": sky["log_rmse"],
        "edit/map_histogram": histogram_distance(found, initial),
    }
    if not inside.all():
        rows["edit/psnr_outside"] = psnr_of_mse(float(error[~inside].mean()))
    if "dists_proxy" in sky:
        rows["edit/map_dists_proxy"] = sky["dists_proxy"]
    return rows


def histogram_distance(found: np.ndarray, initial: np.ndarray) -> float:
    """Return how far the distribution of ln luminance went from the initial one: the earth mover's distance.

    Maps (H, W, 3) of one size; a texel counts as its solid angle, the same in both maps' rows. 0 for a map whose texels
    only moved along their rows, such as a turned sky; ln 2 for one twice as bright.
    """
    from scipy.stats import wasserstein_distance

    rows, width = found.shape[:2]
    weights = np.repeat(solid_angles(rows, width, half=True), width)
    logs = [np.log(np.maximum(luminance(as_array(sky)), 0).ravel() + LOG_OFFSET) for sky in (found, initial)]
    return float(wasserstein_distance(logs[0], logs[1], weights, weights))
