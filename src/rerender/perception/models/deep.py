"""Pretrained networks as vision models: LPIPS, VGG-16, VGG-19, ResNet-50, DINOv2 and CLIP.

All are frozen and in evaluation mode; gradients reach the images only. Images enter as (N, 3, H, W)
display sRGB. Convolutional networks see them at render size; DINOv2 and CLIP at 224 pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rerender.core.errors import UserError
from rerender.perception import preprocessing as pre
from rerender.perception.models.base import Features, VisionModel
from rerender.perception.models.distances import cosine, image_mean
from rerender.perception.networks.clip import ClipVision, vision_names
from rerender.perception.networks.dinov2 import DinoV2, official_names
from rerender.perception.networks.lpips import LpipsHeads, unit_channels
from rerender.perception.networks.resnet import ResNet50
from rerender.perception.networks.vgg import TAP_CHANNELS, Vgg16, Vgg19Start
from rerender.perception.weights import WEIGHTS, load_into

TRANSFORMER_SIZE = 224
MIN_SIZE = 16  # VGG-16 halves four times

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def frozen(module: ModuleT, device: torch.device, dtype: torch.dtype) -> ModuleT:
    """Move to the device, freeze every parameter and switch to evaluation mode."""
    module.to(device=device, dtype=dtype).eval().requires_grad_(False)
    return module


@dataclass(frozen=True)
class PooledResNet:
    """ResNet-50's 2048 pooled features. Loss: their mean absolute difference. Similarity: cosine.

    The features follow a ReLU and a pooling, so the cosine is high for any two images: read it
    against its start and ceiling.
    """

    network: ResNet50
    name: str = "resnet"

    def features(self, images: Tensor) -> Features:
        """Return the (N, 2048) pooled features."""
        normalised = pre.normalise(pre.check_images(images), pre.IMAGENET_MEAN, pre.IMAGENET_STD)
        if self.network.training:  # batch statistics are those of one image, as in the released code
            return (torch.cat([self.network(image) for image in torch.split(normalised, 1)]),)
        return (self.network(normalised),)

    def logits(self, features: Features) -> Tensor:
        """Return the (N, 1000) scores of the ImageNet classes."""
        scores: Tensor = self.network.fc(features[0])
        return scores

    def loss(self, features: Features, target: Features) -> Tensor:
        """Return the mean absolute difference of each image's features."""
        return image_mean((features[0] - target[0]).abs())

    def similarity(self, features: Features, target: Features) -> Tensor:
        """Return the cosine of each image's features."""
        return cosine(features[0], target[0])


@dataclass(frozen=True)
class Lpips:
    """LPIPS v0.1 with a VGG-16 trunk. Loss: the distance. Similarity: 1 - distance (no lower bound).

    Without `heads` (the model `vgg`): per tap the spatial mean of the summed squared difference of
    unit-normalised features, averaged over the five taps.
    """

    trunk: Vgg16
    heads: LpipsHeads | None
    name: str = "lpips"

    def features(self, images: Tensor) -> Features:
        """Return the five taps, each pixel's channels normalised to length one."""
        pre.check_images(images)
        if min(images.shape[-2:]) < MIN_SIZE:
            raise UserError(f"'{self.name}' needs images of at least {MIN_SIZE} x {MIN_SIZE} pixels")
        scaled = pre.normalise(2 * images - 1, pre.LPIPS_SHIFT, pre.LPIPS_SCALE)
        return unit_channels(self.trunk(scaled))

    def loss(self, features: Features, target: Features) -> Tensor:
        """Return the distance of each image."""
        if self.heads is not None:
            distance: Tensor = self.heads(features, target)
            return distance
        parts = [image_mean((f - t).square().sum(1)) for f, t in zip(features, target, strict=True)]
        return torch.stack(parts).mean(0)

    def similarity(self, features: Features, target: Features) -> Tensor:
        """Return 1 - distance."""
        return 1 - self.loss(features, target)


@dataclass(frozen=True)
class VggLoss:
    """VGG-19's relu2_2, 128 channels at half the size. Loss: mean squared difference. Similarity: cosine of all of it."""

    network: Vgg19Start
    name: str = "vggloss"

    def features(self, images: Tensor) -> Features:
        """Return the (N, 128, H/2, W/2) activations."""
        return (self.network(pre.normalise(pre.check_images(images), pre.IMAGENET_MEAN, pre.IMAGENET_STD)),)

    def loss(self, features: Features, target: Features) -> Tensor:
        """Return the mean squared difference of each image."""
        return image_mean((features[0] - target[0]).square())

    def similarity(self, features: Features, target: Features) -> Tensor:
        """Return the cosine of each image's activations."""
        return cosine(features[0].flatten(1), target[0].flatten(1))


@dataclass(frozen=True)
class PatchTokens:
    """Patch tokens of a transformer, DINOv2's or CLIP's, of length one. Loss: mean over patches of 1 - cosine.

    Images of another size than 224 are resized bilinearly (antialiased when shrinking), and normalised with the
    `mean` and `std` of the network's own training.
    """

    network: nn.Module
    mean: tuple[float, float, float] = pre.IMAGENET_MEAN
    std: tuple[float, float, float] = pre.IMAGENET_STD
    size: int = TRANSFORMER_SIZE
    name: str = "dino"

    def features(self, images: Tensor) -> Features:
        """Return the (N, patches, width) tokens, each of length one."""
        sized = pre.resize(pre.check_images(images), self.size)
        return (F.normalize(self.network(pre.normalise(sized, self.mean, self.std)), dim=-1, eps=1e-8),)

    def loss(self, features: Features, target: Features) -> Tensor:
        """Return 1 - mean patch cosine of each image, as half the squared chord (exactly 0 at identity)."""
        return image_mean((features[0] - target[0]).square().sum(-1)) / 2

    def similarity(self, features: Features, target: Features) -> Tensor:
        """Return the mean patch cosine."""
        return 1 - self.loss(features, target)


def with_clip_constants(model: PatchTokens) -> PatchTokens:
    """Return the model with CLIP's normalisation, which the released MRD code gives DINOv2 as well."""
    return replace(model, mean=pre.CLIP_MEAN, std=pre.CLIP_STD)


def in_training_mode(model: PooledResNet) -> PooledResNet:
    """Put the network into training mode, as the released MRD code leaves its Stylized-ImageNet ResNet.

    Batch norms then use the statistics of each image. Their running statistics, which training mode never reads,
    stay as they are.
    """
    for part in model.network.train().modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 0.0
    return model


def build_resnet(paths: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> VisionModel:
    """Build `resnet` from torchvision's V1 weights."""
    return PooledResNet(_resnet(paths, "resnet50_v1", device, dtype))


def build_resnet_sin(paths: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> VisionModel:
    """Build `resnet_sin` from the Stylized-ImageNet checkpoint."""
    return PooledResNet(_resnet(paths, "resnet50_sin", device, dtype), name="resnet_sin")


def build_lpips(paths: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> VisionModel:
    """Build `lpips` from torchvision's VGG-16 and the published linear heads."""
    with torch.device("meta"):
        heads = LpipsHeads(TAP_CHANNELS)
    load_into(heads, paths["lpips_vgg"], WEIGHTS["lpips_vgg"])
    return Lpips(load_vgg(paths, device, dtype), frozen(heads, device, dtype))


def build_vgg(paths: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> VisionModel:
    """Build `vgg`: the LPIPS trunk without the linear heads."""
    return Lpips(load_vgg(paths, device, dtype), None, name="vgg")


def build_dino(paths: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> VisionModel:
    """Build `dino` from the official DINOv2 ViT-B/14 weights or their Hugging Face copy."""
    with torch.device("meta"):
        network = DinoV2()
    load_into(network, paths["dinov2_vitb14"], WEIGHTS["dinov2_vitb14"], rename=official_names)
    return PatchTokens(frozen(network, device, dtype))


def build_clip(paths: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> VisionModel:
    """Build `clip` from the vision tower in the Hugging Face file of CLIP ViT-L/14."""
    with torch.device("meta"):
        network = ClipVision()
    load_into(network, paths["clip_vitl14"], WEIGHTS["clip_vitl14"], rename=vision_names)
    return PatchTokens(frozen(network, device, dtype), mean=pre.CLIP_MEAN, std=pre.CLIP_STD, name="clip")


def build_vggloss(paths: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> VisionModel:
    """Build `vggloss` from the first convolutions of torchvision's VGG-19."""
    with torch.device("meta"):
        network = Vgg19Start()
    later = tuple(f"features.{index}." for index in range(9, 37))
    load_into(network, paths["vgg19_v1"], WEIGHTS["vgg19_v1"], ignore=("classifier.", *later))
    return VggLoss(frozen(network, device, dtype))


def _resnet(paths: Mapping[str, Path], asset: str, device: torch.device, dtype: torch.dtype) -> ResNet50:
    with torch.device("meta"):
        network = ResNet50()
    load_into(network, paths[asset], WEIGHTS[asset])
    return frozen(network, device, dtype)


def load_vgg(paths: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Vgg16:
    """Return torchvision's VGG-16 trunk, frozen."""
    with torch.device("meta"):
        trunk = Vgg16()
    load_into(trunk, paths["vgg16_v1"], WEIGHTS["vgg16_v1"], ignore=("classifier.",))
    return frozen(trunk, device, dtype)
