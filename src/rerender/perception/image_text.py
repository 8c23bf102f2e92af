"""How well pictures fit words: cosines in CLIP's common space (Radford et al. 2021), from local weight files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from rerender.core.errors import UserError
from rerender.perception import preprocessing as pre
from rerender.perception.byte_pairs import BytePairs, read_merges
from rerender.perception.models.deep import TRANSFORMER_SIZE, frozen
from rerender.perception.networks.clip import ClipVision
from rerender.perception.networks.clip_pair import TOKENS, ClipPair, ClipText, pair_names
from rerender.perception.weights import WEIGHTS, WeightFiles, find_weights, load_into

MODEL = "clip_text"
"""Under this id `perception.weights` lists the files that are needed."""


@dataclass(frozen=True)
class ImageText:
    """Embeds pictures and texts as directions, rows of length one, whose dot product says how well they fit."""

    network: ClipPair
    vocabulary: BytePairs
    size: int = TRANSFORMER_SIZE

    def pictures(self, images: Tensor) -> Tensor:
        """Return the directions (N, D) of display images (N, 3, H, W) in [0, 1]; differentiable."""
        weight = self.network.visual_projection.weight
        sized = pre.resize(pre.check_images(images).to(weight), self.size)
        return F.normalize(self.network.pictures(pre.normalise(sized, pre.CLIP_MEAN, pre.CLIP_STD)), dim=-1)

    def texts(self, texts: Sequence[str]) -> Tensor:
        """Return the directions (N, D) of texts. Raises `UserError` for one that is too long."""
        tokens = [self.vocabulary.encode(text) for text in texts]
        for text, numbers in zip(texts, tokens, strict=True):
            if len(numbers) > TOKENS:
                raise UserError(
                    f"the text '{text[:40]}…' has {len(numbers)} tokens",
                    f"CLIP reads at most {TOKENS}. Say it shorter.",
                )
        longest = max(map(len, tokens))
        padded = [numbers + [self.vocabulary.end] * (longest - len(numbers)) for numbers in tokens]
        device = self.network.text_projection.weight.device
        return F.normalize(self.network.texts(torch.tensor(padded, device=device)), dim=-1)

    def words(self, words: str, templates: Sequence[str]) -> Tensor:
        """Return one direction (D,) for words: the mean over sentences, `{}` in a template stands for them."""
        with torch.no_grad():
            found = self.texts([template.replace("{}", words) for template in templates])
            return F.normalize(found.mean(dim=0), dim=-1)


def load_image_text(
    files: WeightFiles, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> ImageText:
    """Load CLIP ViT-L/14 from local files. Raises `Blocked` where one is missing, `UserError` where one is damaged."""
    paths = find_weights(MODEL, files)
    with torch.device("meta"):
        network = ClipPair(ClipVision(), ClipText())
    load_into(network, paths["clip_vitl14"], WEIGHTS["clip_vitl14"], rename=pair_names)
    vocabulary, known = read_merges(paths["clip_merges"]), network.text_model.embeddings.token_embedding
    if vocabulary.end + 1 != known.num_embeddings:
        raise UserError(
            f"{paths['clip_merges']} makes {vocabulary.end + 1} tokens, CLIP knows {known.num_embeddings}",
            f"Expected {WEIGHTS['clip_merges'].what}. Type `rerender fetch clip_merges`.",
        )
    return ImageText(frozen(network, torch.device(device), dtype), vocabulary)
