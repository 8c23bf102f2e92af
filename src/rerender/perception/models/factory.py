"""Builders of all vision models by id. Heavy: imports torch and every model."""

from __future__ import annotations

from collections.abc import Mapping

from rerender.perception.models import deep
from rerender.perception.models.base import Builder, VisionModel
from rerender.perception.models.dists import build_dists
from rerender.perception.models.filterbank import ResponseProxy, TextureProxy
from rerender.perception.models.frontend import FrontEnd
from rerender.perception.models.laplacian import LaplacianPyramid
from rerender.perception.models.pixel import DualBuffer, MeanAbsoluteError, MeanSquaredError
from rerender.perception.models.pooled import PooledStatistics
from rerender.perception.models.portilla_simoncelli import PortillaSimoncelli
from rerender.perception.models.ssim import StructuralSimilarity


def _weightless(model: VisionModel) -> Builder:
    """Wrap a model without parameters: it follows the device and dtype of its images."""
    return lambda paths, device, dtype: model


BUILDERS: Mapping[str, Builder] = {
    "mae": _weightless(MeanAbsoluteError()),
    "mse": _weightless(MeanSquaredError()),
    "dual_buffer": _weightless(DualBuffer()),
    "ssim": _weightless(StructuralSimilarity()),
    "portilla_simoncelli": _weightless(PortillaSimoncelli()),
    "frontend": _weightless(FrontEnd()),
    "pooled": _weightless(PooledStatistics()),
    "nlpd": _weightless(LaplacianPyramid()),
    "dists_proxy": _weightless(TextureProxy()),
    "lpips_proxy": _weightless(ResponseProxy()),
    "lpips": deep.build_lpips,
    "dists": build_dists,
    "vgg": deep.build_vgg,
    "resnet": deep.build_resnet,
    "resnet_sin": deep.build_resnet_sin,
    "dino": deep.build_dino,
    "clip": deep.build_clip,
    "vggloss": deep.build_vggloss,
}
