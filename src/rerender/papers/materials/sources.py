"""Where the channels come from in the two stages: networks over places, then textures (fact sheet, sections 2.1 and 2.6)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from rerender.papers.materials.fields import RANGES, Maps, MaterialField
from rerender.papers.materials.methods import Branch, Channel, Method
from rerender.papers.materials.views import Batch, Near, Pair
from rerender.rendering.gbuffers import GBuffer

NEAR: Mapping[str, float] = {"albedo": 0.01, "reflectance": 0.003}
"""Standard deviation [scene units] of the neighbours that a network's values are compared with."""
NEAR_TEXTURE = 0.005
"""The same for textures, in texture coordinates; reflectance has none there, as in the released code."""
REFLECTANCE: tuple[Channel, ...] = ("occlusion", "roughness", "metallic")


def is_reflectance(branch: Branch) -> bool:
    """Say whether a branch is smoothed in roughness and metallic instead of albedo."""
    return "albedo" not in branch.channels


class FieldSource:
    """The networks of the coarse stage."""

    def __init__(self, field: MaterialField, method: Method) -> None:
        self.field, self.method = field, method

    def tensors(self) -> dict[str, tuple[Tensor, int, bool]]:
        """Return all weights by name, with branch, and whether they belong to the encoding."""
        return {
            name: (value, int(name.split(".")[1]), ".grid." in name)
            for name, value in self.field.named_parameters()
        }

    def bounds(self, name: str) -> tuple[float | None, float | None]:
        """Return no bounds: outputs have them."""
        return None, None

    def near(self, batch: Batch, number: int, share: float, generator: torch.Generator) -> Near:
        """Draw a share of the points, and places near them in space."""
        chosen = draw(len(batch.surface), share, generator, batch.target.device)
        kind = "reflectance" if is_reflectance(self.method.branches[number]) else "albedo"
        places = batch.surface.positions[chosen]
        step = NEAR[kind] * torch.randn(places.shape, generator=generator)
        return Near(chosen, places + step.to(places))

    def maps(self, batch: Batch, near: Sequence[Near | None] = ()) -> tuple[Maps, list[Pair | None]]:
        """Return all channels at the covered pixels, and each branch's values at the drawn ones and near them.

        A network is asked once for both: its table has one gradient then, in place of two to be added.
        """
        places, count = batch.surface.positions, len(batch.surface)
        maps: Maps = {}
        pairs: list[Pair | None] = []
        for number, branch in enumerate(self.method.branches):
            also = near[number] if near else None
            if also is None:
                maps |= self.field.branch(number, places)
                pairs.append(None)
                continue
            joined = self.field.branch(number, torch.cat([places, also.places]))
            sizes = [count, len(also.places)]
            found = {name: torch.split(value, sizes) for name, value in joined.items()}
            maps |= {name: here for name, (here, _) in found.items()}
            both = [found[name] for name in smoothed(branch)]
            at = torch.cat([here[also.chosen] for here, _ in both], dim=1)
            pairs.append((at, torch.cat([beside for _, beside in both], dim=1)))
        return maps, pairs


def smoothed(branch: Branch) -> tuple[Channel, ...]:
    """Return the channels of a branch that are kept smooth."""
    return (
        tuple(name for name in REFLECTANCE if name in branch.channels)
        if is_reflectance(branch)
        else ("albedo",)
    )


def draw(count: int, share: float, generator: torch.Generator, device: torch.device) -> Tensor:
    """Return the indices of a random share of `count` things, at least one, drawn on the generator's device."""
    return torch.randperm(count, generator=generator)[: max(1, math.ceil(share * count))].to(device)


class TextureSource:
    """The textures of the fine stage: one image (height, width, channels) a channel, row 0 at v = 1."""

    def __init__(
        self, textures: Mapping[Channel, Tensor], method: Method, device: torch.device | str = "cpu"
    ) -> None:
        self.textures = {
            name: value.detach().to(device, copy=True).requires_grad_() for name, value in textures.items()
        }
        self.method = method

    def tensors(self) -> dict[str, tuple[Tensor, int, bool]]:
        """Return the textures by channel, with their branch."""
        owner = {name: number for number, one in enumerate(self.method.branches) for name in one.channels}
        return {name: (value, owner[name], False) for name, value in self.textures.items()}

    def bounds(self, name: str) -> tuple[float | None, float | None]:
        """Return the range of a channel; a normal's third axis is clamped at 0 by shading."""
        low, high = RANGES[name]  # type: ignore[index]
        return min(low), max(high)

    def at(self, surface: GBuffer) -> Maps:
        """Return all channels at surface points, bilinearly."""
        return {name: bilinear(value, surface.uv) for name, value in self.textures.items()}

    def near(self, batch: Batch, number: int, share: float, generator: torch.Generator) -> Near | None:
        """Draw a share of the points, and places near them on the texture; nothing for reflectance."""
        if is_reflectance(self.method.branches[number]):
            return None
        chosen = draw(len(batch.surface), share, generator, batch.target.device)
        uv = batch.surface.uv[chosen]
        step = NEAR_TEXTURE * torch.randn(uv.shape, generator=generator)
        return Near(chosen, uv + step.to(uv))

    def maps(self, batch: Batch, near: Sequence[Near | None] = ()) -> tuple[Maps, list[Pair | None]]:
        """Return all channels at the covered pixels, and albedo at the drawn ones and near them."""
        maps = self.at(batch.surface)
        pairs: list[Pair | None] = [None] * len(self.method.branches)
        for number, also in enumerate(near):
            if also is not None:
                beside = bilinear(self.textures["albedo"], also.places)
                pairs[number] = maps["albedo"][also.chosen], beside
        return maps, pairs


def bilinear(texture: Tensor, uv: Tensor) -> Tensor:
    """Return a texture (H, W, C) at coordinates (N, 2), v upwards: row 0 is at v = 1. Beyond the border it is repeated."""
    place = torch.stack([2.0 * uv[:, 0] - 1.0, 1.0 - 2.0 * uv[:, 1]], dim=1)[None, :, None]
    image = texture.permute(2, 0, 1)[None]
    found = torch.nn.functional.grid_sample(
        image, place.to(image), mode="bilinear", padding_mode="border", align_corners=False
    )
    return found[0, :, :, 0].T
