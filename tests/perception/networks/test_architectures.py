"""Parameter names, shapes and counts of the published networks, and independent forward passes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rerender.perception.networks.dinov2 import PATCH, Block, DinoV2, official_names
from rerender.perception.networks.lpips import LpipsHeads, unit_channels
from rerender.perception.networks.resnet import ResNet50
from rerender.perception.networks.vgg import TAP_CHANNELS, Vgg16


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameter_counts_are_the_published_ones() -> None:
    with torch.device("meta"):
        assert count(ResNet50()) == 25_557_032
        assert count(Vgg16()) == 14_714_688
        assert count(DinoV2()) == 86_580_480
        assert count(LpipsHeads(TAP_CHANNELS)) == 1472


def test_names_are_the_published_ones() -> None:
    with torch.device("meta"):
        resnet, vgg, dino = (module().state_dict() for module in (ResNet50, Vgg16, DinoV2))
    # torchvision: 53 convolutions, 53 batch norms of 5 entries, the classifier
    assert len(resnet) == 53 + 53 * 5 + 2
    assert resnet["layer3.5.conv2.weight"].shape == (256, 256, 3, 3)
    assert resnet["layer4.0.downsample.1.running_var"].shape == (2048,)
    assert resnet["fc.weight"].shape == (1000, 2048)
    indices = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    assert set(vgg) == {f"features.{i}.{kind}" for i in indices for kind in ("weight", "bias")}
    assert len(dino) == 3 + 2 + 12 * 14 + 2
    assert dino["pos_embed"].shape == (1, 1370, 768)
    assert dino["blocks.11.attn.qkv.weight"].shape == (2304, 768)
    assert dino["blocks.0.ls2.gamma"].shape == (768,)


def test_resnet_equals_a_pass_with_folded_batch_norms(randomise) -> None:
    network = randomise(ResNet50(), 1).double().eval()
    state = network.state_dict()

    def conv(x: Tensor, name: str, norm: str, stride: int = 1) -> Tensor:
        scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + 1e-5).sqrt()
        weight = state[f"{name}.weight"] * scale.view(-1, 1, 1, 1)
        bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
        return F.conv2d(x, weight, bias, stride, padding=weight.shape[-1] // 2)

    images = torch.rand(2, 3, 40, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = F.max_pool2d(conv(images, "conv1", "bn1", 2).relu(), 3, 2, 1)
    shapes = [tuple(x.shape[1:])]
    for layer, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            base, stride = f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1
            y = conv(x, f"{base}.conv1", f"{base}.bn1").relu()
            y = conv(y, f"{base}.conv2", f"{base}.bn2", stride).relu()
            y = conv(y, f"{base}.conv3", f"{base}.bn3")
            x = conv(x, f"{base}.downsample.0", f"{base}.downsample.1", stride) if block == 0 else x
            x = (x + y).relu()
        shapes.append(tuple(x.shape[1:]))
    with torch.no_grad():
        torch.testing.assert_close(network(images), x.mean((2, 3)), rtol=1e-9, atol=1e-9)
        assert [tuple(stage.shape[1:]) for stage in network.stages(images)] == shapes
    assert shapes == [(64, 10, 10), (256, 10, 10), (512, 5, 5), (1024, 3, 3), (2048, 2, 2)]


def test_vgg_taps(randomise) -> None:
    network = randomise(Vgg16(), 2).eval()
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    state, x, expected = network.state_dict(), images, []
    blocks = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
    for number, block in enumerate(blocks):
        if number:
            x = F.max_pool2d(x, 2)
        for index in block:
            x = F.conv2d(
                x, state[f"features.{index}.weight"], state[f"features.{index}.bias"], padding=1
            ).relu()
        expected.append(x)
    with torch.no_grad():
        taps = network(images)
    assert tuple(tap.shape[1] for tap in taps) == TAP_CHANNELS
    torch.testing.assert_close(taps, tuple(expected))


def test_unit_channels_has_a_slope_at_zero() -> None:
    x = torch.zeros(1, 4, 2, 2, requires_grad=True)
    unit_channels((x,))[0].square().sum().backward()
    assert torch.isfinite(x.grad).all()


def test_block_equals_torch_encoder_layer(randomise) -> None:
    block = randomise(Block(24, 3), 5).double()
    nn.init.ones_(block.ls1.gamma)
    nn.init.ones_(block.ls2.gamma)
    reference = nn.TransformerEncoderLayer(
        24, 3, 96, dropout=0.0, activation="gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
    ).double()
    names = {
        "attn.qkv.weight": "self_attn.in_proj_weight",
        "attn.qkv.bias": "self_attn.in_proj_bias",
        "attn.proj.": "self_attn.out_proj.",
        "mlp.fc1.": "linear1.",
        "mlp.fc2.": "linear2.",
    }
    state = {}
    for name, value in block.state_dict().items():
        if not name.startswith("ls"):
            old = next((old for old in names if name.startswith(old)), "")
            state[names.get(old, "") + name.removeprefix(old)] = value
    reference.load_state_dict(state)
    x = torch.rand(2, 7, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(block(x), reference(x))


def test_layer_scale_scales() -> None:
    block = Block(12, 2)
    nn.init.zeros_(block.ls1.gamma)
    nn.init.zeros_(block.ls2.gamma)
    x = torch.rand(1, 5, 12)
    torch.testing.assert_close(block(x), x)


def test_positions_are_exact_on_their_grid_and_interpolated_off_it() -> None:
    network = DinoV2(width=4, depth=1, heads=1, grid=6)
    nn.init.normal_(network.pos_embed, generator=torch.Generator().manual_seed(0))
    assert network.positions(6, 6) is network.pos_embed
    small = network.positions(3, 2)
    assert small.shape == (1, 7, 4)
    torch.testing.assert_close(small[:, 0], network.pos_embed[:, 0])
    # a plane is reproduced by bicubic interpolation away from the border
    rows = torch.arange(6.0).repeat_interleave(6)
    with torch.no_grad():
        network.pos_embed[0, 1:] = rows[:, None]
    torch.testing.assert_close(network.positions(3, 3)[0, 4:7], torch.full((3, 4), 2.5))


def test_patches_run_row_by_row_and_the_class_token_is_dropped() -> None:
    network = DinoV2(width=4, depth=1, heads=1, grid=2)
    nn.init.constant_(network.patch_embed.proj.weight, 1 / (3 * PATCH * PATCH))
    nn.init.zeros_(network.patch_embed.proj.bias)
    image = torch.zeros(1, 3, PATCH, 2 * PATCH)
    image[..., PATCH:] = 1
    torch.testing.assert_close(network.patch_embed(image)[0, :, 0], torch.tensor([0.0, 1.0]))
    assert network(torch.rand(2, 3, 2 * PATCH, 2 * PATCH)).shape == (2, 4, 4)


def test_hugging_face_names_map_to_the_official_ones(randomise) -> None:
    network = randomise(DinoV2(width=12, depth=2, heads=2, grid=3), 3)
    official = dict(network.state_dict())
    renamed = official_names(hugging_face(official))
    assert set(renamed) == set(official)
    assert all(torch.equal(renamed[name], value) for name, value in official.items())
    assert official_names(official) == official


def test_unknown_hugging_face_names_survive_to_be_reported() -> None:
    state = {"encoder.layer.0.mlp.weights_in.weight": torch.zeros(1), "pooler.weight": torch.zeros(1)}
    assert set(official_names(state)) == {"blocks.0.mlp.weights_in.weight", "pooler.weight"}


def hugging_face(official: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename by the table of the published copy, written independently of the code under test."""
    parts = {
        "attn.proj": "attention.output.dense",
        "ls1.gamma": "layer_scale1.lambda1",
        "ls2.gamma": "layer_scale2.lambda1",
    }
    state = {}
    for name, value in official.items():
        if ".attn.qkv." in name:
            block, kind = name.split(".")[1], name.split(".")[-1]
            for part, piece in zip(("query", "key", "value"), value.chunk(3), strict=True):
                state[f"dinov2.encoder.layer.{block}.attention.attention.{part}.{kind}"] = piece
            continue
        for old, new in parts.items():
            name = name.replace(old, new)
        name = name.replace("blocks.", "encoder.layer.").replace("cls_token", "embeddings.cls_token")
        name = name.replace("pos_embed", "embeddings.position_embeddings")
        name = name.replace("mask_token", "embeddings.mask_token")
        name = name.replace("patch_embed.proj", "embeddings.patch_embeddings.projection")
        state["dinov2." + ("layernorm" + name[4:] if name.startswith("norm.") else name)] = value
    return state


@pytest.mark.parametrize("size", [16, 33])
def test_networks_take_any_size(randomise, size) -> None:
    images = torch.rand(1, 3, size, size)
    assert randomise(ResNet50(), 0).eval()(images).shape == (1, 2048)
    assert len(randomise(Vgg16(), 0).eval()(images)) == 5
