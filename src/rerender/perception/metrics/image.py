"""Image metrics on display images: (H, W, 3) arrays of sRGB in [0, 1]. All return plain floats.

A mask is a boolean (H, W) array; with one, a metric judges the marked pixels only. PSNR is capped at
100 dB, so that equal images give a finite row (an error of 1e-5 is below any 8-bit difference).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rerender.core.errors import UserError
from rerender.core.images import luminance

if TYPE_CHECKING:
    from torch import Tensor

    from rerender.perception.models.base import VisionModel

Image = NDArray[np.floating]
Mask = NDArray[np.bool_]

PSNR_CAP = 100.0


def mae(image: Image, target: Image, mask: Mask | None = None) -> float:
    """Return the mean absolute error over pixels and channels."""
    a, b = _pair(image, target, mask)
    return float(np.abs(a - b).mean())


def mse(image: Image, target: Image, mask: Mask | None = None) -> float:
    """Return the mean squared error over pixels and channels."""
    a, b = _pair(image, target, mask)
    return float(np.square(a - b).mean())


def psnr(image: Image, target: Image, mask: Mask | None = None) -> float:
    """Return the peak signal-to-noise ratio in dB at peak 1, at most 100."""
    return psnr_of_mse(mse(image, target, mask))


def psnr_of_mse(error: float) -> float:
    """Return -10 log10(error) in dB, capped at `PSNR_CAP`."""
    return PSNR_CAP if error <= 0 else min(PSNR_CAP, -10 * math.log10(error))


def ssim(image: Image, target: Image, mask: Mask | None = None) -> float:
    """Return the mean SSIM (11 x 11 Gaussian window, data range 1, each channel on its own).

    With a mask: the mean over windows whose centre is marked.
    """
    from rerender.perception.models.ssim import StructuralSimilarity, similarity_map

    model = StructuralSimilarity()
    values = similarity_map(model.features(_tensor(image)), model.features(_tensor(target)))[0].numpy()
    if mask is None:
        return float(values.mean())
    top, left = (mask.shape[0] - values.shape[1]) // 2, (mask.shape[1] - values.shape[2]) // 2
    inner = mask[top : top + values.shape[1], left : left + values.shape[2]]
    return float(values[:, _nonempty(inner)].mean())


def nlpd(image: Image, target: Image, mask: Mask | None = None) -> float:
    """Return the normalised Laplacian pyramid distance of the luma (Rec.709 weights on display values).

    With a mask: the image's other pixels are first replaced by the target's, because coarse bands
    would see them, and each scale's squared error is weighted by the mask's coverage.
    """
    import torch
    from torch.nn import functional as F

    from rerender.perception.models.laplacian import normalised_pyramid

    weights = None
    if mask is not None:
        weights = torch.as_tensor(_nonempty(mask), dtype=torch.float64)[None, None]
        image = np.where(mask[..., None], image, target)
    roots = []
    for a, b in zip(normalised_pyramid(_luma(image)), normalised_pyramid(_luma(target)), strict=True):
        error = (a - b).square()
        if weights is None:
            roots.append(float(error.mean().sqrt()))
        else:
            cover = F.adaptive_avg_pool2d(weights, (error.shape[-2], error.shape[-1]))
            roots.append(float(((error * cover).sum() / cover.sum()).sqrt()))
    return float(np.mean(roots))


def lpips(model: VisionModel, image: Image, target: Image, mask: Mask | None = None) -> float:
    """Return the LPIPS distance by a loaded `lpips` model.

    With a mask: the other pixels of both images are set to mid grey first.
    """
    if mask is not None:
        marked = _nonempty(mask)[..., None]
        image, target = (np.where(marked, picture, 0.5) for picture in (image, target))
    return model_loss(model, image, target)


def model_loss(model: VisionModel, image: Image, target: Image) -> float:
    """Return the loss of a loaded vision model in single precision, such as DISTS or a stand-in for it."""
    import torch

    with torch.no_grad():
        a, b = (model.features(_tensor(picture).float()) for picture in (image, target))
        return float(model.loss(a, b)[0])


def image_metrics(
    images: Sequence[Image],
    targets: Sequence[Image],
    masks: Sequence[Mask] | None = None,
    lpips_model: VisionModel | None = None,
) -> dict[str, float]:
    """Return the mean over views of every metric; with masks also of its `_masked` variant.

    Views whose mask is empty are left out of the masked means; `lpips` needs a model. A mean PSNR
    is the mean of the views' PSNRs.
    """
    metrics: dict[str, Callable[[Image, Image, Mask | None], float]] = {
        "mae": mae,
        "psnr": psnr,
        "ssim": ssim,
        "nlpd": nlpd,
    }
    if lpips_model is not None:
        judge = lpips_model
        metrics["lpips"] = lambda image, target, mask: lpips(judge, image, target, mask)
    pairs = list(zip(images, targets, strict=True))
    if not pairs:
        raise UserError("there are no views to compare")
    rows = {name: _mean([f(a, b, None) for a, b in pairs]) for name, f in metrics.items()}
    if masks is not None:
        marked = [(a, b, m) for (a, b), m in zip(pairs, masks, strict=True) if _usable(m)]
        if marked:
            rows |= {f"{name}_masked": _mean([f(*view) for view in marked]) for name, f in metrics.items()}
    return rows


IMAGE_METRICS: Mapping[str, tuple[str, str]] = {
    "mae": ("", "lower"),
    "psnr": ("dB", "higher"),
    "ssim": ("", "higher"),
    "nlpd": ("", "lower"),
    "lpips": ("", "lower"),
}
"""Unit and better direction of each metric; the same for its `_masked` variant."""


def _usable(mask: Mask) -> bool:
    """Tell whether a mask marks a pixel that every metric sees: SSIM's windows leave out the rim."""
    rim = 5 if min(mask.shape) >= 11 else min(mask.shape) // 2
    inner = mask[rim : mask.shape[0] - rim, rim : mask.shape[1] - rim]
    return bool(inner.any())


def _pair(image: Image, target: Image, mask: Mask | None) -> tuple[Image, Image]:
    if image.shape != target.shape:
        raise UserError(f"images differ in shape: {image.shape} and {target.shape}")
    a, b = image.astype(np.float64), target.astype(np.float64)
    if mask is None:
        return a, b
    marked = _nonempty(mask)
    return a[marked], b[marked]


def _nonempty(mask: Mask) -> Mask:
    if not mask.any():
        raise UserError("the mask marks no pixel", "Leave this view out.")
    return mask.astype(bool)


def _tensor(image: Image) -> Tensor:
    import torch

    return torch.as_tensor(np.ascontiguousarray(image, dtype=np.float64)).permute(2, 0, 1)[None]


def _luma(image: Image) -> Tensor:
    import torch

    return torch.as_tensor(luminance(image.astype(np.float64)))[None, None]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
