"""CLIP's two towers: shapes, names, causality. (Equal to transformers 5.23 to the last bit at a small random size.)"""

from __future__ import annotations

import torch

from rerender.perception.networks.clip import ClipVision
from rerender.perception.networks.clip_pair import TOKENS, VOCABULARY, ClipPair, ClipText, pair_names

END = 59


def small_pair(randomise) -> ClipPair:
    pair = ClipPair(ClipVision(16, 2, 2, 2), ClipText(12, 2, 2, vocabulary=60), widths=(16, 12), common=8)
    return randomise(pair, 0).eval()


def test_the_published_size() -> None:
    with torch.device("meta"):
        pair = ClipPair(ClipVision(), ClipText())
    shapes = {name: tuple(value.shape) for name, value in pair.state_dict().items()}
    assert sum(value.numel() for value in pair.parameters()) == 427_616_513
    assert shapes["text_model.embeddings.token_embedding.weight"] == (VOCABULARY, 768)
    assert shapes["text_model.embeddings.position_embedding.weight"] == (TOKENS, 768)
    assert shapes["text_model.encoder.layers.11.mlp.fc1.weight"] == (3072, 768)
    assert shapes["visual_projection.weight"] == (768, 1024) and shapes["logit_scale"] == ()


def test_both_towers_reach_the_common_space(randomise) -> None:
    pair = small_pair(randomise)
    assert pair.pictures(torch.rand(3, 3, 28, 28)).shape == (3, 8)
    assert pair.texts(torch.tensor([[58, 4, END], [58, 5, END]])).shape == (2, 8)


def test_what_follows_the_end_token_has_no_effect(randomise) -> None:
    pair = small_pair(randomise)
    padded = pair.texts(torch.tensor([[58, 4, 7, END, 3, 2]]))
    torch.testing.assert_close(padded, pair.texts(torch.tensor([[58, 4, 7, END]])))
    assert not torch.allclose(padded, pair.texts(torch.tensor([[58, 4, 8, END]])), atol=1e-3)


def test_the_class_token_is_normed_and_the_patch_tokens_are_not(randomise) -> None:
    vision = randomise(ClipVision(16, 2, 2, 2), 1).eval()
    images = torch.rand(2, 3, 28, 28)
    token = vision.class_token(images)
    plain = (token - vision.post_layernorm.bias) / vision.post_layernorm.weight
    torch.testing.assert_close(plain.mean(dim=1), torch.zeros(2), atol=1e-5, rtol=0)
    assert vision(images).shape == (2, 4, 16)


def test_position_ids_of_the_file_are_dropped() -> None:
    state = {"text_model.embeddings.position_ids": torch.zeros(1), "logit_scale": torch.zeros(())}
    assert set(pair_names(state)) == {"logit_scale"}
