"""How good a recovered material is: at points of the surface, in pictures, under another light; and a recovered light."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor

from rerender.core.images import srgb_encode
from rerender.core.latlong import solid_angles
from rerender.papers.materials.capture import Capture
from rerender.papers.materials.fields import Maps
from rerender.papers.materials.fit import shade_maps
from rerender.papers.materials.textures import SurfaceMaps, texture_errors
from rerender.papers.materials.views import Views
from rerender.perception.metrics.image import psnr_of_mse
from rerender.rendering.filtered_light import LightLevels
from rerender.rendering.gbuffers import GBuffer
from rerender.reporting.rows import Better, MetricRow, RowContext

UNITS: Mapping[str, tuple[str, Better]] = {
    "normal": ("deg", "lower"),
    "roughness_bias": ("", "none"),
    "metallic_bias": ("", "none"),
}

FoundAt = Callable[[GBuffer], Maps]


def surface_errors(context: RowContext, found: SurfaceMaps, capture: Capture) -> list[MetricRow]:
    """Return a row an error and region, `{error}/{region}`, and the share of the points that each region has."""
    rows = []
    for region, inside in capture.inside.items():
        count = int(inside.sum())
        rows.append(context.row(f"share/{region}", count / len(inside), n=len(inside)))
        if not count:
            continue
        for name, value in texture_errors(found, capture.truth, inside).items():
            unit, better = UNITS.get(name, ("", "lower"))
            rows.append(context.row(f"{name}/{region}", value, n=count, unit=unit, better=better))
    return rows


def image_errors(
    context: RowContext, found: FoundAt, capture: Capture, light: LightLevels, *, flat: bool
) -> list[MetricRow]:
    """Return PSNR and MSE of pictures of the recovered materials against their targets.

    `psnr` and `mse`: of the held-out turntable, background included, as the released code reports them. `..._masked`: on the
    object alone, of the training views (`psnr_masked`), the held-out ones and the held-out ones under another light.
    """
    train, heldout = capture.train, capture.heldout
    whole = shaded_error(heldout, found, heldout.target, light, flat=flat)
    pixels = int(np.prod(heldout.surface.shape))
    error = whole.sum() / (3 * pixels)  # both backgrounds are black
    relit = shaded_error(heldout, found, capture.relit, capture.relight, flat=flat)
    seen = shaded_error(train, found, train.target, light, flat=flat)
    return [
        context.row("mse", error, n=len(heldout)),
        context.row("psnr", psnr_of_mse(error), n=len(heldout)),
        context.row("psnr_masked", psnr_of_mse(seen.mean()), n=len(train)),
        context.row(
            "heldout_psnr_masked", psnr_of_mse(whole.mean()), n=len(heldout), unit="dB", better="higher"
        ),
        context.row(
            "relit_psnr_masked", psnr_of_mse(relit.mean()), n=len(heldout), unit="dB", better="higher"
        ),
    ]


def shaded_error(
    views: Views, found: FoundAt, target: Tensor, light: LightLevels, *, flat: bool
) -> np.ndarray:
    """Return squared errors (N, 3) of display values at the covered pixels of all views."""
    image = shade_maps(views.surface, found(views.surface), light, flat=flat)
    return np.asarray(np.square(display(image) - display(target)))


def display(radiance: Tensor) -> np.ndarray:
    """Return sRGB values in [0, 1], clamped, in double precision."""
    return np.clip(srgb_encode(radiance.detach().cpu().numpy().astype(np.float64)), 0.0, 1.0)


def light_errors(context: RowContext, found: np.ndarray, truth: np.ndarray) -> list[MetricRow]:
    """Return how near a recovered light is to the true one after one factor on it (section 4, joint lighting)."""
    scale = light_scale(found, truth)
    a, b = (np.log1p(one.astype(np.float64)) for one in (scale * found, truth))
    weights = np.broadcast_to(solid_angles(*truth.shape[:2])[:, None, None], truth.shape)
    return [
        context.row("light_log_l1", float(np.average(np.abs(a - b), weights=weights)), better="lower"),
        context.row("light_correlation", _correlation(a, b, weights), better="higher"),
        context.row("light_scale", scale),
    ]


def light_scale(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the factor that brings a light nearest to the true one: least squares over directions."""
    weights = solid_angles(*truth.shape[:2])[:, None, None]
    return float((weights * found * truth).sum() / max(float((weights * found**2).sum()), 1e-12))


def _correlation(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> float:
    """Return the weighted correlation; 0 where one of them is constant."""
    x, y = (one - np.average(one, weights=weights) for one in (a, b))
    power = np.average(x * x, weights=weights) * np.average(y * y, weights=weights)
    return float(np.average(x * y, weights=weights) / np.sqrt(power)) if power > 0 else 0.0
