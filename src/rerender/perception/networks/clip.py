"""The vision tower of CLIP ViT-L/14 (Radford et al. 2021) with the parameter names of its Hugging Face copy.

24 pre-norm blocks of width 1024 after a norm of the embeddings, quick GELU; 303,179,776 parameters. `forward` returns
the patch tokens of the last block without the final norm, which CLIP applies to its class token alone; that token is
`class_token`, which the pair of towers in `clip_pair.py` compares with words.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PATCH = 14
_OTHER_PARTS = ("text_model.", "text_projection", "visual_projection", "logit_scale")


class Attention(nn.Module):
    """Multi-head self-attention with separate projections; `causal`: no token sees a later one."""

    def __init__(self, width: int, heads: int, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Attend over (N, tokens, width)."""
        n, tokens, width = x.shape
        q, k, v = (
            part(x).reshape(n, tokens, self.heads, width // self.heads).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).reshape(n, tokens, width))
        return out


class QuickMlp(nn.Module):
    """Two layers with the quick GELU x sigmoid(1.702 x) between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the transformed tokens."""
        hidden = self.fc1(x)
        out: Tensor = self.fc2(hidden * torch.sigmoid(1.702 * hidden))
        return out


class Block(nn.Module):
    """One transformer block."""

    def __init__(self, width: int, heads: int, causal: bool = False) -> None:
        super().__init__()
        self.self_attn = Attention(width, heads, causal)
        self.layer_norm1 = nn.LayerNorm(width)
        self.mlp = QuickMlp(width)
        self.layer_norm2 = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the residual update of (N, tokens, width)."""
        x = x + self.self_attn(self.layer_norm1(x))
        out: Tensor = x + self.mlp(self.layer_norm2(x))
        return out


class Positions(nn.Module):
    """One learned vector a token; its name follows the weight file."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(tokens, width))


class Embeddings(nn.Module):
    """Patches, the class token before them, and a position for each."""

    def __init__(self, width: int, grid: int) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.patch_embedding = nn.Conv2d(3, width, PATCH, PATCH, bias=False)
        self.position_embedding = Positions(grid * grid + 1, width)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, 1 + patches, width)."""
        patches = self.patch_embedding(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_embedding.expand(len(images), 1, -1), patches], dim=1)
        out: Tensor = tokens + self.position_embedding.weight
        return out


class Encoder(nn.Module):
    """The stack of blocks; its name follows the weight file."""

    def __init__(self, width: int, depth: int, heads: int, causal: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block(width, heads, causal) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens (N, tokens, width) after all blocks."""
        for block in self.layers:
            x = block(x)
        return x


class ClipVision(nn.Module):
    """The tower; `forward` returns the patch tokens of the last block, (N, patches, width)."""

    def __init__(self, width: int = 1024, depth: int = 24, heads: int = 16, grid: int = 16) -> None:
        super().__init__()
        self.embeddings = Embeddings(width, grid)
        self.pre_layrnorm = nn.LayerNorm(width)  # spelt as in the file
        self.encoder = Encoder(width, depth, heads)
        self.post_layernorm = nn.LayerNorm(width)  # in the file; for the class token only

    def forward(self, images: Tensor) -> Tensor:
        """Return the tokens of normalised images of `grid` times 14 pixels a side."""
        return self._tokens(images)[:, 1:]

    def class_token(self, images: Tensor) -> Tensor:
        """Return the normed class token of normalised images, (N, width)."""
        out: Tensor = self.post_layernorm(self._tokens(images)[:, 0])
        return out

    def _tokens(self, images: Tensor) -> Tensor:
        out: Tensor = self.encoder(self.pre_layrnorm(self.embeddings(images)))
        return out


def vision_names(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Keep the vision tower of a Hugging Face state dict, without its prefix and its constant position ids."""
    kept = {key: value for key, value in state.items() if not key.startswith(_OTHER_PARTS)}
    names = {key: key.removeprefix("vision_model.") for key in kept}
    return {names[key]: value for key, value in kept.items() if not key.endswith("position_ids")}
