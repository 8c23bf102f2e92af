"""Pictures and words as directions: unit length, templates, long texts, and loading from local files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rerender.core.errors import Blocked, UserError
from rerender.perception import image_text
from rerender.perception.byte_pairs import read_merges
from rerender.perception.image_text import ImageText, load_image_text
from rerender.perception.networks.clip import ClipVision
from rerender.perception.networks.clip_pair import ClipPair, ClipText


def small_pair() -> ClipPair:
    return ClipPair(ClipVision(16, 1, 2, 2), ClipText(12, 1, 2, vocabulary=517), widths=(16, 12), common=8)


@pytest.fixture
def merges(tmp_path: Path) -> Path:
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\nb e\nbe d</w>\n")
    return tmp_path / "merges.txt"


@pytest.fixture
def model(randomise, merges: Path) -> ImageText:
    return ImageText(randomise(small_pair(), 0).eval().double(), read_merges(merges), size=28)


def test_directions_have_length_one_and_words_are_a_mean_over_templates(model: ImageText) -> None:
    images = torch.rand(2, 3, 40, 40)
    torch.testing.assert_close(model.pictures(images).norm(dim=1), torch.ones(2, dtype=torch.float64))
    templates = ("a photo of {}.", "{}")
    mean = model.texts(["a photo of bed.", "bed"]).mean(dim=0)
    torch.testing.assert_close(model.words("bed", templates), mean / mean.norm())


def test_texts_of_other_lengths_in_a_batch_change_nothing(model: ImageText) -> None:
    torch.testing.assert_close(model.texts(["bed", "a long bed, a bed"])[:1], model.texts(["bed"]))


def test_the_gradient_of_a_score_is_its_difference(model: ImageText, directional_error) -> None:
    goal = model.words("bed", ("{}",))
    images = torch.rand(1, 3, 28, 28, dtype=torch.float64)
    assert directional_error(lambda x: (model.pictures(x) @ goal).sum(), images) < 1e-6


def test_a_text_that_is_too_long_is_refused(model: ImageText) -> None:
    with pytest.raises(UserError, match=r"has 82 tokens"):
        model.texts(["bed " * 80])


def test_files_are_loaded_and_checked(monkeypatch, randomise, tmp_path: Path, merges: Path) -> None:
    from safetensors.torch import save_file

    monkeypatch.setattr(image_text, "ClipVision", lambda: ClipVision(16, 1, 2, 2))
    monkeypatch.setattr(image_text, "ClipText", lambda: ClipText(12, 1, 2, vocabulary=517))
    monkeypatch.setattr(image_text, "ClipPair", lambda *towers: ClipPair(*towers, widths=(16, 12), common=8))
    pair = randomise(small_pair(), 3)
    state = {name: value.contiguous() for name, value in pair.state_dict().items()}
    weights = tmp_path / "clip.safetensors"
    save_file({**state, "vision_model.embeddings.position_ids": torch.arange(5)}, weights)
    loaded = load_image_text({"clip_vitl14": weights, "clip_merges": merges})
    images = torch.rand(1, 3, 28, 28)
    torch.testing.assert_close(loaded.network.pictures(images), pair.eval().pictures(images))
    assert not any(value.requires_grad for value in loaded.network.parameters())
    with pytest.raises(Blocked, match="weights"):
        load_image_text({"clip_vitl14": weights})
    save_file({name: value for name, value in state.items() if name != "text_projection.weight"}, weights)
    with pytest.raises(UserError, match=r"'text_projection.weight' is missing"):
        load_image_text({"clip_vitl14": weights, "clip_merges": merges})
    save_file(state, weights)
    merges.write_text("#version: 0.2\na b\n")
    with pytest.raises(UserError, match=r"makes 515 tokens, CLIP knows 517"):
        load_image_text({"clip_vitl14": weights, "clip_merges": merges})
