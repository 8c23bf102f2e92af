"""The pretrained networks' wrappers, with generated weights."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from rerender.core.errors import UserError
from rerender.perception import preprocessing as pre
from rerender.perception.models.base import load_model
from rerender.perception.models.deep import (
    PatchTokens,
    frozen,
    in_training_mode,
    with_clip_constants,
)
from rerender.perception.networks.clip import ClipVision, vision_names
from rerender.perception.networks.dinov2 import DinoV2


@pytest.fixture
def small_dino(randomise) -> DinoV2:
    return frozen(
        randomise(DinoV2(width=24, depth=2, heads=3, grid=5), 7), torch.device("cpu"), torch.float64
    )


@pytest.mark.parametrize("model_id", ["resnet", "lpips", "vgg", "vggloss"])
def test_networks_are_frozen_and_in_evaluation_mode(build, images, model_id) -> None:
    model = build(model_id)
    modules = [value for value in vars(model).values() if isinstance(value, torch.nn.Module)]
    assert modules
    before = {name: value.clone() for module in modules for name, value in module.state_dict().items()}
    model.loss(model.features(images.requires_grad_()), model.features(images.flip(3))).sum().backward()
    for module in modules:
        assert not any(part.training for part in module.modules())
        assert all(not p.requires_grad and p.grad is None for p in module.parameters())
        assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert images.grad is not None


def test_loading_draws_no_random_numbers(build) -> None:
    state = torch.get_rng_state()
    build("resnet")
    assert torch.equal(state, torch.get_rng_state())


def test_channels_reach_the_network_in_order(build, monkeypatch) -> None:
    red = pre.to_nchw(torch.tensor([1.0, 0.0, 0.0]).expand(1, 32, 32, 3))
    model = build("resnet")
    seen = []
    monkeypatch.setattr(model.network, "forward", lambda x: seen.append(x) or x.mean((2, 3)))
    model.features(red)
    restored = seen[0] * torch.tensor(pre.IMAGENET_STD).view(1, 3, 1, 1) + torch.tensor(
        pre.IMAGENET_MEAN
    ).view(1, 3, 1, 1)
    torch.testing.assert_close(restored.mean((0, 2, 3)), torch.tensor([1.0, 0.0, 0.0]), atol=1e-6, rtol=0)


def test_resnet_loss_and_similarity(build, images, others) -> None:
    model = build("resnet")
    a, b = model.features(images), model.features(others)
    assert a[0].shape == (2, 2048)
    torch.testing.assert_close(model.loss(a, b), (a[0] - b[0]).abs().mean(1))
    torch.testing.assert_close(model.similarity(a, b), F.cosine_similarity(a[0], b[0]))


def test_resnet_sin_reads_a_nested_checkpoint_with_prefixes(weight_files, tmp_path, images) -> None:
    state = torch.load(weight_files["resnet50_v1"], weights_only=True)
    path = tmp_path / "checkpoint.pth.tar"
    torch.save({"epoch": 60, "state_dict": {f"module.{name}": value for name, value in state.items()}}, path)
    plain = load_model("resnet", weights=weight_files)
    stylised = load_model("resnet_sin", weights={"resnet50_sin": path})
    assert stylised.name == "resnet_sin"
    torch.testing.assert_close(stylised.features(images), plain.features(images))


def test_lpips_by_hand(build, images, others) -> None:
    # The definition, written out: unit-normalise channels, square, weigh, average over space, add up.
    model = build("lpips")
    total = torch.zeros(2)
    scaled = [pre.normalise(2 * x - 1, pre.LPIPS_SHIFT, pre.LPIPS_SCALE) for x in (images, others)]
    for tap, (a, b) in enumerate(zip(*(model.trunk(x) for x in scaled), strict=True)):
        a, b = (x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10) for x in (a, b))
        weight = model.heads.state_dict()[f"lin{tap}.model.1.weight"].flatten()
        total += torch.einsum("c,nchw->n", weight, (a - b).square()) / a[0, 0].numel()
    features = model.features(images), model.features(others)
    torch.testing.assert_close(model.loss(*features), total)
    torch.testing.assert_close(model.similarity(*features), 1 - total)


def test_vgg_without_heads_is_a_plain_sum(build, images, others) -> None:
    model = build("vgg")
    a, b = model.features(images), model.features(others)
    expected = sum((x - y).square().sum(1).mean((1, 2)) for x, y in zip(a, b, strict=True)) / 5
    torch.testing.assert_close(model.loss(a, b), expected)


def test_lpips_refuses_tiny_images(build) -> None:
    with pytest.raises(UserError, match="16 x 16"):
        build("lpips").features(torch.rand(1, 3, 8, 8))


def test_dino_tokens(small_dino, make_images, directional_error) -> None:
    model = PatchTokens(small_dino, size=42)
    images, others = (make_images(2, 42, seed, torch.float64) for seed in (1, 2))
    a, b = model.features(images), model.features(others)
    assert a[0].shape == (2, 9, 24)
    torch.testing.assert_close(a[0].norm(dim=-1), torch.ones(2, 9, dtype=torch.float64))
    expected = (1 - F.cosine_similarity(a[0], b[0], dim=-1)).mean(1)
    torch.testing.assert_close(model.loss(a, b), expected)
    torch.testing.assert_close(model.similarity(a, b), 1 - expected)
    assert torch.all(model.loss(a, model.features(images)) == 0)
    assert torch.all(model.similarity(a, a) == 1)
    assert directional_error(lambda x: model.loss(model.features(x), b).sum(), images) < 1e-6


def test_dino_resizes_and_switches_constants(small_dino, make_images) -> None:
    images = make_images(1, 60, 1, torch.float64)
    model = PatchTokens(small_dino, size=42)
    small = F.interpolate(images, size=(42, 42), mode="bilinear", align_corners=False, antialias=True)
    torch.testing.assert_close(model.features(images), model.features(small))
    clip = with_clip_constants(PatchTokens(small_dino, size=42))
    same = pre.normalise(images, pre.CLIP_MEAN, pre.CLIP_STD)
    back = same * torch.tensor(pre.IMAGENET_STD).view(1, 3, 1, 1) + torch.tensor(pre.IMAGENET_MEAN).view(
        1, 3, 1, 1
    )
    torch.testing.assert_close(clip.features(images), model.features(back), atol=1e-6, rtol=1e-5)
    assert not torch.allclose(clip.features(images)[0], model.features(images)[0], atol=1e-3)


def test_vggloss_is_the_squared_difference_of_one_tap(build, images, others, directional_error) -> None:
    model = build("vggloss", torch.float64)
    a, b = model.features(images.double()), model.features(others.double())
    assert a[0].shape == (2, 128, 16, 16) and float(a[0].min()) == 0.0
    torch.testing.assert_close(model.loss(a, b), (a[0] - b[0]).square().mean((1, 2, 3)))
    assert torch.all(model.loss(a, a) == 0)
    torch.testing.assert_close(model.similarity(a, a), torch.ones(2, dtype=torch.float64))
    assert (
        directional_error(lambda x: model.loss(model.features(x), b).sum(), images.double(), step=1e-7) < 1e-5
    )


def test_clip_tokens_from_a_whole_hugging_face_file(randomise, tmp_path, make_images) -> None:
    """A file with a text tower and prefixes gives the tokens that its vision tower gives."""
    from rerender.perception.weights import WEIGHTS, load_into

    shape = {"width": 24, "depth": 2, "heads": 3, "grid": 3}
    tower = randomise(ClipVision(**shape), 5)
    state = {f"vision_model.{name}": value for name, value in tower.state_dict().items()}
    state["vision_model.embeddings.position_ids"] = torch.arange(10)[None]
    state |= {"text_model.final_layer_norm.weight": torch.ones(3), "logit_scale": torch.tensor(1.0)}
    torch.save(state | {"visual_projection.weight": torch.ones(2, 2)}, tmp_path / "clip.pth")
    read = ClipVision(**shape)
    load_into(read, tmp_path / "clip.pth", WEIGHTS["clip_vitl14"], rename=vision_names)
    images = make_images(2, 42)
    a, b = (
        PatchTokens(frozen(network, torch.device("cpu"), torch.float32), size=42) for network in (tower, read)
    )
    torch.testing.assert_close(a.features(images), b.features(images))
    assert a.features(images)[0].shape == (2, 9, 24)
    del state["vision_model.pre_layrnorm.bias"]
    torch.save(state, tmp_path / "clip.pth")
    with pytest.raises(UserError, match="pre_layrnorm"):
        load_into(read, tmp_path / "clip.pth", WEIGHTS["clip_vitl14"], rename=vision_names)


def test_clip_has_the_published_size() -> None:
    with torch.device("meta"):
        tower = ClipVision()
    assert sum(p.numel() for p in tower.parameters()) == 303_179_776


def test_training_mode_uses_the_statistics_of_each_image(weight_files) -> None:
    torch.manual_seed(0)
    images = torch.rand(2, 3, 64, 64)
    plain = load_model("resnet", weights=weight_files)
    model = in_training_mode(load_model("resnet", weights=weight_files))
    both = model.features(images)[0]
    single = torch.cat([model.features(image)[0] for image in images.split(1)])
    torch.testing.assert_close(both, single)
    assert not torch.allclose(both, plain.features(images)[0], rtol=0.1)
    for ours, before in zip(model.network.buffers(), plain.network.buffers(), strict=True):
        if ours.is_floating_point():
            torch.testing.assert_close(ours, before)


def test_a_classifier_scores_a_thousand_classes(build, images) -> None:
    model = build("resnet")
    features = model.features(images)
    scores = model.logits(features)
    torch.testing.assert_close(scores, features[0] @ model.network.fc.weight.T + model.network.fc.bias)
