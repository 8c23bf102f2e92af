"""The classification objective: the shape must also be called by its name (section 6.5).

loss = (1 - alpha) cross-entropy + alpha reconstruction. The class weights of the released code cancel for one image and
are left out.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch.nn import functional as F

from rerender.core.errors import UserError
from rerender.perception.models.base import Features, VisionModel


@runtime_checkable
class Classifier(VisionModel, Protocol):
    """A vision model that scores the 1000 classes of ImageNet."""

    def logits(self, features: Features) -> torch.Tensor:
        """Return the (N, 1000) scores from features."""
        ...


class Classification:
    """The mix of reconstruction and classification, for one class."""

    def __init__(self, model: VisionModel, alpha: float, imagenet_class: int | None) -> None:
        if not isinstance(model, Classifier):
            raise UserError(f"the model '{model.name}' scores no classes", "Set geometry.classify to null.")
        if imagenet_class is None:
            raise UserError("this scene has no ImageNet class", "Set geometry.classify to null.")
        self.model, self.alpha, self.label = model, alpha, imagenet_class

    def mix(self, features: Features, reconstruction: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the mixed loss, and its parts with the probability of the class."""
        scores = self.model.logits(features)
        labels = torch.full((len(scores),), self.label, device=scores.device)
        entropy = F.cross_entropy(scores, labels)
        parts = {
            "loss_reconstruction": float(reconstruction.detach()),
            "loss_classification": float(entropy.detach()),
            "class_probability": float(scores.detach().softmax(1)[:, self.label].mean()),
        }
        return (1 - self.alpha) * entropy + self.alpha * reconstruction, parts
