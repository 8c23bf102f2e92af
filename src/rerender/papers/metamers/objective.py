"""The loss of a metamer: renders and targets through one vision model, from one forward pass (sections 1 and 3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from rerender.papers.metamers.switches import Switches
from rerender.perception.models.base import Features, PairedModel, VisionModel
from rerender.perception.models.deep import (
    PatchTokens,
    PooledResNet,
    in_training_mode,
    with_clip_constants,
)
from rerender.perception.preprocessing import Layout, to_nchw
from rerender.rendering.tonemap import reinhard_srgb

TARGETS_AT_ONCE = 4


class Objective:
    """A vision model with its target features computed once for all views."""

    def __init__(self, model: VisionModel, target_radiance: torch.Tensor, layout: Layout = "nchw") -> None:
        self.model = model
        self.layout: Layout = layout
        with torch.no_grad():  # a few views at a time: activations of all at once can take gigabytes
            parts = [self.features(views) for views in torch.split(target_radiance, TARGETS_AT_ONCE)]
        self.target: Features = tuple(torch.cat(tensors) for tensors in zip(*parts, strict=True))

    @property
    def paired(self) -> bool:
        """Whether the loss wants two independent renders of the same parameters."""
        return isinstance(self.model, PairedModel)

    def __call__(
        self, radiance: torch.Tensor, views: Sequence[int], second: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, float]:
        """Return the mean loss over the views, and the model's own mean similarity to the target.

        `radiance` is (len(views), H, W, 3); `second` is another render of the same for a paired model.
        """
        other = None if second is None else self.features(second)
        return self.compare(self.features(radiance), views, other)

    def features(self, radiance: torch.Tensor) -> Features:
        """Return the features of renders (N, H, W, 3): the one forward pass that loss and similarity share."""
        return self.features_of(self.display(radiance))

    def display(self, radiance: torch.Tensor) -> torch.Tensor:
        """Return renders as what the model sees: tone-mapped (N, H, W, 3)."""
        return reinhard_srgb(radiance)

    def features_of(self, display: torch.Tensor) -> Features:
        """Return the features of display images (N, H, W, 3)."""
        return self.model.features(to_nchw(display, self.layout))

    def compare(
        self, features: Features, views: Sequence[int], second: Features | None = None
    ) -> tuple[torch.Tensor, float]:
        """Return loss and similarity of features of the views, as `__call__` does of their renders."""
        target = tuple(tensor[list(views)] for tensor in self.target)
        if second is not None and isinstance(self.model, PairedModel):
            loss = self.model.pair_loss(features, second, target).mean()
        else:
            loss = self.model.loss(features, target).mean()
        with torch.no_grad():
            similarity = float(self.model.similarity(features, target).mean())
        return loss, similarity


def switched_model(model: VisionModel, switches: Switches) -> VisionModel:
    """Return the model as the switches want it; each concerns one model."""
    if switches.clip_norm_for_dino and model.name == "dino" and isinstance(model, PatchTokens):
        return with_clip_constants(model)
    if switches.train_mode_sin and model.name == "resnet_sin" and isinstance(model, PooledResNet):
        return in_training_mode(model)
    return model
