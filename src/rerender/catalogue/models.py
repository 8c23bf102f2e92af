"""The built-in vision models (fact sheet, section 3): pixel baselines, early vision, and pretrained networks."""

from __future__ import annotations

from rerender.catalogue.registry import register
from rerender.catalogue.specs import VisionModelSpec


@register.vision_model("mae")
def mae() -> VisionModelSpec:
    """The paper's baseline on geometry."""
    return VisionModelSpec(
        id="mae",
        title="Pixel MAE",
        families=("geometry",),
        baseline=True,
        loss="mean absolute pixel difference",
        tags=("paper", "pixels"),
    )


@register.vision_model("dual_buffer")
def dual_buffer() -> VisionModelSpec:
    """The paper's baseline on materials: squared error without the bias of render noise."""
    return VisionModelSpec(
        id="dual_buffer",
        title="Dual buffer",
        families=("material",),
        baseline=True,
        judges=False,  # it compares two renders with a target; two images alone have no score
        renders_per_step=2,
        loss="mean of (R1 - T)(R2 - T) over two independent renders",
        tags=("paper", "pixels"),
    )


@register.vision_model("mse")
def mse() -> VisionModelSpec:
    """Squared pixel error."""
    return VisionModelSpec(
        id="mse", title="Pixel MSE", loss="mean squared pixel difference", tags=("extra", "pixels")
    )


@register.vision_model("ssim")
def ssim() -> VisionModelSpec:
    """Structural similarity."""
    return VisionModelSpec(id="ssim", title="SSIM", loss="1 - SSIM", tags=("extra", "pixels"))


@register.vision_model("frontend")
def frontend() -> VisionModelSpec:
    """On and off channels of early vision with luminance and contrast gain control (Berardino et al. 2017)."""
    return VisionModelSpec(
        id="frontend",
        title="Early-vision front end",
        loss="share of the target's response energy that differs",
        tags=("extra", "early-vision"),
    )


@register.vision_model("portilla_simoncelli")
def portilla_simoncelli() -> VisionModelSpec:
    """Texture statistics of a steerable pyramid, pooled over the image."""
    return VisionModelSpec(
        id="portilla_simoncelli",
        title="Portilla-Simoncelli",
        loss="distance of texture statistics",
        tags=("extra", "early-vision"),
    )


@register.vision_model("pooled")
def pooled() -> VisionModelSpec:
    """Means, deviations and magnitudes of a steerable pyramid within windows (after Freeman & Simoncelli 2011)."""
    return VisionModelSpec(
        id="pooled",
        title="Pooled statistics",
        loss="distance of statistics within windows",
        tags=("extra", "early-vision"),
    )


@register.vision_model("nlpd")
def nlpd() -> VisionModelSpec:
    """Normalised Laplacian pyramid distance: local luminance and contrast (Laparra et al. 2016)."""
    return VisionModelSpec(
        id="nlpd",
        title="Laplacian pyramid (NLPD)",
        loss="distance of normalised Laplacian pyramids",
        tags=("extra", "early-vision"),
    )


@register.vision_model("lpips")
def lpips() -> VisionModelSpec:
    """LPIPS v0.1 on a VGG-16 trunk with its learned heads."""
    return VisionModelSpec(
        id="lpips",
        title="LPIPS (VGG-16)",
        weights=("vgg16_v1", "lpips_vgg"),
        input_size=256,
        loss="LPIPS",
        licence="weights: BSD-3-Clause (trunk), BSD-2-Clause (heads)",
        tags=("paper", "network"),
    )


@register.vision_model("resnet")
def resnet() -> VisionModelSpec:
    """ResNet-50, pooled features."""
    return VisionModelSpec(
        id="resnet",
        title="ResNet-50",
        weights=("resnet50_v1",),
        input_size=256,
        classifies=True,
        loss="mean absolute difference of the 2048 pooled features",
        licence="weights: BSD-3-Clause",
        tags=("paper", "network"),
    )


@register.vision_model("resnet_sin")
def resnet_sin() -> VisionModelSpec:
    """ResNet-50 trained on Stylized-ImageNet, where texture says nothing about the class (Geirhos et al. 2019)."""
    return VisionModelSpec(
        id="resnet_sin",
        title="ResNet-50 (stylised)",
        weights=("resnet50_sin",),
        input_size=256,
        classifies=True,
        loss="mean absolute difference of the 2048 pooled features",
        licence="weights: not stated by their authors",
        tags=("paper", "network"),
    )


@register.vision_model("vgg")
def vgg() -> VisionModelSpec:
    """The trunk of LPIPS without its learned heads."""
    return VisionModelSpec(
        id="vgg",
        title="VGG-16",
        weights=("vgg16_v1",),
        input_size=256,
        loss="squared difference of unit-normalised features, mean over five taps",
        licence="weights: BSD-3-Clause",
        tags=("paper", "network"),
    )


@register.vision_model("vggloss")
def vggloss() -> VisionModelSpec:
    """The content loss on VGG-19 that the paper's code has but cannot reach."""
    return VisionModelSpec(
        id="vggloss",
        title="VGG-19 content loss",
        weights=("vgg19_v1",),
        input_size=256,
        loss="mean squared difference of relu2_2",
        licence="weights: BSD-3-Clause",
        tags=("paper", "network"),
    )


@register.vision_model("clip")
def clip() -> VisionModelSpec:
    """CLIP ViT-L/14, patch tokens of the vision tower."""
    return VisionModelSpec(
        id="clip",
        title="CLIP (ViT-L/14)",
        weights=("clip_vitl14",),
        input_size=224,
        loss="mean cosine distance of the patch tokens",
        licence="weights: MIT",
        tags=("paper", "network"),
    )


@register.vision_model("dino")
def dino() -> VisionModelSpec:
    """DINOv2 ViT-B/14, patch tokens."""
    return VisionModelSpec(
        id="dino",
        title="DINOv2 (ViT-B/14)",
        weights=("dinov2_vitb14",),
        input_size=224,
        loss="mean cosine distance of the patch tokens",
        licence="weights: Apache-2.0",
        tags=("paper", "network"),
    )
