"""What a vision model is, and how to get one by name.

A model turns display images into features once; loss, similarity and cached target features all
come from that one forward pass:

    model = load_model("ssim")
    target = model.features(target_images)          # once, under torch.no_grad()
    features = model.features(renders)
    model.loss(features, target).mean().backward()  # loss: (N,), one value an image
    model.similarity(features, target)              # (N,), 1 at identity

Images are (N, 3, H, W) tensors of display-referred sRGB in [0, 1]; `preprocessing.to_nchw` makes
them from renders. Features are a tuple of tensors whose first axis is N, so views can be sliced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from rerender.core.errors import unknown_name
from rerender.perception.weights import WeightFiles, find_weights

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Features = tuple["Tensor", ...]
"""What a model computed from N images; every tensor's first axis is N."""


Builder = Callable[[Mapping[str, Path], "torch.device", "torch.dtype"], "VisionModel"]
"""Builds a model from the files of its weights by asset id."""

PLUGIN_GROUP = "rerender.vision_models"
"""Entry points of this group, named as their model, offer a `Builder`."""


@runtime_checkable
class VisionModel(Protocol):
    """A frozen function from images to features, with its loss and its similarity."""

    @property
    def name(self) -> str:
        """The model id, such as `lpips`."""
        ...

    def features(self, images: Tensor) -> Features:
        """Return the features of (N, 3, H, W) display images; differentiable in `images`."""
        ...

    def loss(self, features: Features, target: Features) -> Tensor:
        """Return the (N,) losses: 0 at identity, differentiable in `features`."""
        ...

    def similarity(self, features: Features, target: Features) -> Tensor:
        """Return the (N,) similarities: 1 at identity, lower otherwise."""
        ...


@runtime_checkable
class PairedModel(VisionModel, Protocol):
    """A model whose training loss wants two independent renders of the same parameters."""

    def pair_loss(self, first: Features, second: Features, target: Features) -> Tensor:
        """Return the (N,) losses of two renders against the target; may be negative."""
        ...


def load_model(
    model_id: str,
    *,
    weights: WeightFiles | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> VisionModel:
    """Build the model `model_id`, frozen and in evaluation mode, on `device`.

    `weights` maps the asset ids of `weights.required_weights(model_id)` to local files; models that
    need none ignore it. A missing file raises `Blocked`, a wrong or damaged one `UserError`.
    `dtype` (default float32) is that of parameters and images.
    """
    import torch

    from rerender.perception.models import factory

    builder = factory.BUILDERS.get(model_id) or _plugin(model_id)
    if builder is None:
        raise unknown_name("vision model", model_id, factory.BUILDERS)
    paths = find_weights(model_id, weights or {})
    return builder(paths, torch.device(device), dtype or torch.float32)


def _plugin(model_id: str) -> Builder | None:
    """Return the builder that another package offers under the entry-point group, if any.

    It finds its own weights: `paths` holds those of the built-in models only.
    """
    from importlib.metadata import entry_points

    for point in entry_points(group=PLUGIN_GROUP, name=model_id):
        builder: Builder = point.load()
        return builder
    return None
