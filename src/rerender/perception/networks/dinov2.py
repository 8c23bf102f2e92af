"""DINOv2 ViT-B/14 (Oquab et al. 2023) with the parameter names of `dinov2_vitb14_pretrain.pth`.

12 pre-norm blocks of width 768 with layer scale; 86,580,480 parameters. Position embeddings are
stored for a 37 x 37 grid and interpolated (bicubic, to the exact grid size, as the Hugging Face
copy does that the paper used) to the 16 x 16 patches of a 224-pixel image.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PATCH = 14


class LayerScale(nn.Module):
    """A learned gain for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Scale the channels."""
        return x * self.gamma


class Attention(nn.Module):
    """Multi-head self-attention with one joint projection to queries, keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Attend over (N, tokens, width)."""
        n, tokens, width = x.shape
        qkv = self.qkv(x).reshape(n, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(n, tokens, width))
        return out


class Mlp(nn.Module):
    """Two layers with a GELU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the transformed tokens."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    """One transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.ls1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width)
        self.ls2 = LayerScale(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the residual update of (N, tokens, width)."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        out: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return out


class PatchEmbedding(nn.Module):
    """A strided convolution; its name follows the weight file."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH, PATCH)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, patches, width), row by row."""
        return self.proj(images).flatten(2).transpose(1, 2)  # type: ignore[no-any-return]


class DinoV2(nn.Module):
    """The transformer; `forward` returns the patch tokens after the final norm."""

    def __init__(self, width: int = 768, depth: int = 12, heads: int = 12, grid: int = 37) -> None:
        super().__init__()
        self.grid = grid
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, grid * grid + 1, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # in the file; used in training only
        self.patch_embed = PatchEmbedding(width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def positions(self, rows: int, columns: int) -> Tensor:
        """Return the (1, 1 + rows * columns, width) position embeddings for a patch grid."""
        if (rows, columns) == (self.grid, self.grid):
            return self.pos_embed
        grid = self.pos_embed[:, 1:].reshape(1, self.grid, self.grid, -1).permute(0, 3, 1, 2)
        resized = F.interpolate(grid, size=(rows, columns), mode="bicubic", align_corners=False)
        return torch.cat([self.pos_embed[:, :1], resized.flatten(2).transpose(1, 2)], dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, patches, width) for normalised images whose sides are multiples of 14."""
        rows, columns = images.shape[-2] // PATCH, images.shape[-1] // PATCH
        patches = self.patch_embed(images)
        tokens = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], dim=1)
        x = tokens + self.positions(rows, columns)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.norm(x)[:, 1:]
        return out


_HF_NAMES: Mapping[str, str] = {
    "embeddings.cls_token": "cls_token",
    "embeddings.mask_token": "mask_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection.": "patch_embed.proj.",
    "layernorm.": "norm.",
}
_HF_BLOCK_NAMES: Mapping[str, str] = {
    "norm1.": "norm1.",
    "norm2.": "norm2.",
    "attention.output.dense.": "attn.proj.",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
    "mlp.fc1.": "mlp.fc1.",
    "mlp.fc2.": "mlp.fc2.",
}


def official_names(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Rename a Hugging Face state dict to the official names; others are returned unchanged.

    Keys that the mapping does not know keep their name, so that the caller's check reports them.
    """
    state = {key.removeprefix("dinov2."): value for key, value in state.items()}
    if not any(key.startswith("encoder.layer.") for key in state):
        return state
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        if ".attention.attention." not in key:
            renamed[_official_name(key)] = value
    blocks = sorted({key.split(".")[2] for key in state if key.startswith("encoder.layer.")})
    for block in blocks:
        for kind in ("weight", "bias"):
            names = [
                f"encoder.layer.{block}.attention.attention.{part}.{kind}"
                for part in ("query", "key", "value")
            ]
            if all(name in state for name in names):
                renamed[f"blocks.{block}.attn.qkv.{kind}"] = torch.cat([state[name] for name in names])
    return renamed


def _official_name(key: str) -> str:
    if key.startswith("encoder.layer."):
        _, _, block, rest = key.split(".", 3)
        return f"blocks.{block}.{_replace_prefix(rest, _HF_BLOCK_NAMES)}"
    return _replace_prefix(key, _HF_NAMES)


def _replace_prefix(key: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        if key.startswith(old):
            return new + key[len(old) :]
    return key
