"""Both towers of CLIP ViT-L/14 (Radford et al. 2021) and the space in which pictures and words are compared.

The text tower: 12 causal pre-norm blocks of width 768 over byte-pair tokens, read at the end token after a final norm. Two
projections without bias lead to 768 common dimensions. Parameter names are those of the Hugging Face copy.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rerender.perception.networks.clip import ClipVision, Encoder, Positions

VOCABULARY = 49408
TOKENS = 77
"""Tokens of a text at most, start and end included."""


class TextEmbeddings(nn.Module):
    """A vector for every token, and one for its position."""

    def __init__(self, width: int, vocabulary: int, tokens: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.position_embedding = Positions(tokens, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, T, width) of tokens (N, T)."""
        out: Tensor = self.token_embedding(tokens) + self.position_embedding.weight[: tokens.shape[1]]
        return out


class ClipText(nn.Module):
    """The text tower; `forward` returns the normed end token, (N, width)."""

    def __init__(
        self,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        *,
        vocabulary: int = VOCABULARY,
        tokens: int = TOKENS,
    ) -> None:
        super().__init__()
        self.embeddings = TextEmbeddings(width, vocabulary, tokens)
        self.encoder = Encoder(width, depth, heads, causal=True)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Read token numbers (N, T). The end token has the largest number; what follows it has no effect."""
        x = self.final_layer_norm(self.encoder(self.embeddings(tokens)))
        out: Tensor = x[torch.arange(len(x), device=x.device), tokens.argmax(dim=1)]
        return out


class ClipPair(nn.Module):
    """Both towers with their projections."""

    def __init__(
        self, vision: ClipVision, text: ClipText, *, widths: tuple[int, int] = (1024, 768), common: int = 768
    ) -> None:
        super().__init__()
        self.vision_model, self.text_model = vision, text
        self.visual_projection = nn.Linear(widths[0], common, bias=False)
        self.text_projection = nn.Linear(widths[1], common, bias=False)
        self.logit_scale = nn.Parameter(torch.zeros(()))  # in the file; only classification uses it

    def pictures(self, images: Tensor) -> Tensor:
        """Return the places of normalised images in the common space, (N, common), of any length."""
        out: Tensor = self.visual_projection(self.vision_model.class_token(images))
        return out

    def texts(self, tokens: Tensor) -> Tensor:
        """Return the places of texts in the common space, (N, common), of any length."""
        out: Tensor = self.text_projection(self.text_model(tokens))
        return out


def pair_names(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return a Hugging Face state dict without its constant position ids."""
    return {key: value for key, value in state.items() if not key.endswith("position_ids")}
