"""VGG convolution stacks (Simonyan & Zisserman 2015) with torchvision's `features.N` names."""

from __future__ import annotations

from torch import Tensor, nn

# Output channels of each convolution; "pool" halves the image. ReLU follows every convolution.
PLAN: tuple[int | str, ...] = (
    *(64, 64, "pool"),
    *(128, 128, "pool"),
    *(256, 256, 256, "pool"),
    *(512, 512, 512, "pool"),
    *(512, 512, 512),
)
TAPS = (3, 8, 15, 22, 29)  # relu1_2, relu2_2, relu3_3, relu4_3, relu5_3
TAP_CHANNELS = (64, 128, 256, 512, 512)


VGG19_START: tuple[int | str, ...] = (64, 64, "pool", 128, 128)
"""VGG-19 up to relu2_2, where it does not differ from VGG-16 but in its weights."""


def convolutions(plan: tuple[int | str, ...]) -> nn.Sequential:
    """Return the layers of a plan."""
    layers: list[nn.Module] = []
    inputs = 3
    for item in plan:
        if isinstance(item, int):
            # Not in place: a tap's gradient needs the value before the next layer.
            layers += [nn.Conv2d(inputs, item, 3, padding=1), nn.ReLU()]
            inputs = item
        else:
            layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)


class Vgg16(nn.Module):
    """The 13 convolutions; `forward` returns the five ReLU taps that LPIPS uses."""

    def __init__(self) -> None:
        super().__init__()
        self.features = convolutions(PLAN)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the taps for normalised (N, 3, H, W) images of at least 16 x 16 pixels."""
        taps = []
        x = images
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in TAPS:
                taps.append(x)
        return tuple(taps)


class Vgg19Start(nn.Module):
    """The first four convolutions of VGG-19; `forward` returns relu2_2."""

    def __init__(self) -> None:
        super().__init__()
        self.features = convolutions(VGG19_START)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, 128, H/2, W/2) for normalised (N, 3, H, W) images."""
        out: Tensor = self.features(images)
        return out
