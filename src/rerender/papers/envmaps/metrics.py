"""How well an inversion did: metrics of (E*, E_GT) as `env/...` and of (R(E*), T) as `ren/...` (fact sheet, section 5).

All arrays are scene-linear radiance, (H, W, 3), NumPy or torch; environment maps are the upper half only, which is
what was optimised. Row names are those of the published tables' columns: `env/psnr`, `ren/ssim`, ... Also call
`map_metrics` on (E0, E_GT), the row `initial`: without it an `env/psnr` cannot be judged.

The published PSNR and MSE agree at data range 1, so the paper measured display images. Which tone curve it used is
not known: plain names clamp sRGB-encoded values to [0, 1], names in `_linear` clamp the radiance. Both hide the
sun; `log_rmse`, `peak_ratio` and `y_ratio` see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from rerender.core.errors import UserError, unknown_name
from rerender.core.images import luminance, srgb_encode
from rerender.perception.metrics import image as on_images

if TYPE_CHECKING:
    from torch import Tensor

    from rerender.perception.models.base import VisionModel

    Radiance = NDArray[Any] | Tensor

ToneCurve = Literal["srgb", "linear"]

LOG_OFFSET = (
    1e-3  # added to radiance before its logarithm; the offset of the paper's normalisation, as we read it
)
FAILURE_PSNR = 20.0  # [dB] a rendering below it counts as a collapsed inversion
PROXIES = ("lpips_proxy", "dists_proxy")
SMALLEST = 16  # [px] below it the proxies and networks have nothing to see


def display(radiance: Radiance, curve: ToneCurve = "srgb") -> NDArray[np.float64]:
    """Return display values in [0, 1]: `srgb` encodes and clamps, `linear` only clamps."""
    linear = np.maximum(as_array(radiance), 0)
    if curve == "srgb":
        return np.clip(srgb_encode(linear), 0, 1)
    if curve == "linear":
        return np.clip(linear, 0, 1)
    raise unknown_name("tone curve", curve, ("srgb", "linear"))


def pair_metrics(
    radiance: Radiance, target: Radiance, models: Mapping[str, VisionModel] | None = None
) -> dict[str, float]:
    """Return every metric of one image against another, by the names of `PAIR_METRICS`.

    `models` holds loaded networks by id, such as `{"lpips": load_model("lpips", weights=...)}`; without one its
    column is absent, and the proxies are never printed in its place.
    """
    image, truth = as_array(radiance), as_array(target)
    if image.shape != truth.shape:
        raise UserError(f"the image {image.shape} and its target {truth.shape} differ in shape")
    shown = display(image), display(truth)
    clamped = display(image, "linear"), display(truth, "linear")
    rows = {
        "psnr": on_images.psnr(*shown),
        "mse": on_images.mse(*shown),
        "ssim": on_images.ssim(*shown),
        "nlpd": on_images.nlpd(*shown),
        "psnr_linear": on_images.psnr(*clamped),
        "mse_linear": on_images.mse(*clamped),
        "ssim_linear": on_images.ssim(*clamped),
        "log_rmse": log_rmse(image, truth),
        "peak_ratio": _ratio(float(image.max()), float(truth.max())),
        "y_ratio": _ratio(total_luminance(image), total_luminance(truth)),
    }
    if min(image.shape[:2]) >= SMALLEST:
        judges = {**{name: _proxy(name) for name in PROXIES}, **(models or {})}
        rows |= {name: on_images.model_loss(judge, *shown) for name, judge in judges.items()}
    return rows


def map_metrics(
    found: Radiance, truth: Radiance, models: Mapping[str, VisionModel] | None = None
) -> dict[str, float]:
    """Return the `env/...` metrics of a recovered upper-half map against the true one."""
    return {f"env/{name}": value for name, value in pair_metrics(found, truth, models).items()}


def rendering_metrics(
    rendering: Radiance, target: Radiance, models: Mapping[str, VisionModel] | None = None
) -> dict[str, float]:
    """Return the `ren/...` metrics of a rendering against its target, and `ren/failed` (0 or 1)."""
    rows = {f"ren/{name}": value for name, value in pair_metrics(rendering, target, models).items()}
    return {**rows, "ren/failed": float(is_failure(rows["ren/psnr"]))}


def inversion_metrics(
    found: Radiance,
    truth: Radiance,
    rendering: Radiance,
    target: Radiance,
    models: Mapping[str, VisionModel] | None = None,
) -> dict[str, float]:
    """Return all metrics of one inversion: those of its map and those of its rendering."""
    return {**map_metrics(found, truth, models), **rendering_metrics(rendering, target, models)}


def log_rmse(radiance: Radiance, target: Radiance) -> float:
    """Return the root mean squared difference of ln(x + 0.001), which sees the sun and the shade alike."""
    logs = [np.log(np.maximum(as_array(x), 0) + LOG_OFFSET) for x in (radiance, target)]
    return float(np.sqrt(np.square(logs[0] - logs[1]).mean()))


def total_luminance(radiance: Radiance) -> float:
    """Return the Rec.709 luminance summed over pixels (Eq. 7, no weighting by solid angle)."""
    return float(luminance(np.maximum(as_array(radiance), 0)).sum())


def is_failure(psnr: float) -> bool:
    """Tell whether a rendering with this PSNR [dB] counts as a collapsed inversion."""
    return psnr < FAILURE_PSNR


PAIR_METRICS: Mapping[str, tuple[str, str]] = {
    "psnr": ("dB", "higher"),
    "mse": ("", "lower"),
    "ssim": ("", "higher"),
    "nlpd": ("", "lower"),
    "psnr_linear": ("dB", "higher"),
    "mse_linear": ("", "lower"),
    "ssim_linear": ("", "higher"),
    "log_rmse": ("", "lower"),
    "peak_ratio": ("", "none"),
    "y_ratio": ("", "none"),
    "lpips_proxy": ("", "lower"),
    "dists_proxy": ("", "lower"),
    "lpips": ("", "lower"),
    "dists": ("", "lower"),
}
"""Unit and better direction of each metric of a pair; ratios are best at 1."""

METRICS: Mapping[str, tuple[str, str]] = {
    **{f"{pair}/{name}": told for pair in ("env", "ren") for name, told in PAIR_METRICS.items()},
    "ren/failed": ("", "lower"),
}
"""Unit and better direction of each metric row."""


def as_array(radiance: Radiance) -> NDArray[np.float64]:
    """Return a NumPy or torch image as a checked (H, W, 3) array of doubles."""
    detach = getattr(radiance, "detach", None)
    values = np.asarray(radiance if detach is None else detach().cpu(), dtype=np.float64)
    if values.ndim != 3 or values.shape[2] != 3 or 0 in values.shape:
        raise UserError(f"an image to be measured has shape {values.shape}, not (height, width, 3)")
    if not np.isfinite(values).all():
        raise UserError(
            "an image to be measured has NaN or infinite pixels",
            "Measure the last good state of the inversion instead.",
        )
    return values


def _proxy(name: str) -> VisionModel:
    from rerender.perception.models.base import load_model

    return load_model(name)


def _ratio(value: float, target: float) -> float:
    if target <= 0:
        raise UserError("the target image is black", "Ratios to it are undefined; check the scene's light.")
    return value / target
