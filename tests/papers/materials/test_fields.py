from __future__ import annotations

import numpy as np
import pytest
import torch

from rerender.papers.materials.fields import RANGES, GridSettings, MaterialField, kaiming
from rerender.papers.materials.methods import METHODS, method_for

GRID = GridSettings(levels=3, log2_table=8, finest=32)
BOX = (np.array([-1.0, -2.0, -1.0]), np.array([1.0, 2.0, 3.0]))


def field(method: str = "two", seed: int = 0) -> MaterialField:
    return MaterialField(METHODS[method].branches, GRID, BOX, seed)


def places(n: int = 30) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).uniform(-1.5, 2.0, (n, 3)).astype(np.float32))


@pytest.mark.parametrize("method", ["joint", "two"])
def test_channels_have_their_widths_and_ranges(method: str) -> None:
    made = field(method)
    with torch.no_grad():
        for layer in (layer for branch in made.branches for layer in branch.layers):  # type: ignore[union-attr]
            layer.mul_(50.0)
    found = made(places())
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "albedo": (30, 3),
        "normal": (30, 3),
        "roughness": (30, 1),
        "metallic": (30, 1),
    }
    for name, value in found.items():
        low, high = map(torch.tensor, RANGES[name])
        assert (value >= low - 1e-6).all() and (value <= high + 1e-6).all()


def test_a_field_starts_in_the_middle_with_flat_normals() -> None:
    """Features begin within 1e-4 of zero and there are no biases, so every sigmoid begins at a half."""
    found = field()(places())
    for name, middle in (("albedo", 0.5), ("roughness", 0.5005), ("metallic", 0.5)):
        assert (found[name] - middle).abs().max() < 1e-3  # type: ignore[index]
    assert (found["normal"] - torch.tensor([0.0, 0.0, 0.5])).abs().max() < 1e-3


def test_two_branches_have_twice_the_weights_and_share_none() -> None:
    joint, two = field("joint"), field("two")
    table = joint.branches[0].grid.table.numel()  # type: ignore[union-attr]
    assert joint.count() == table + 32 * 6 + 32 * 32 + 8 * 32
    assert two.count() == 2 * (table + 32 * 6 + 32 * 32) + (6 + 2) * 32
    found = two(places())
    found["roughness"].sum().backward()
    assert all(value.grad is None for value in two.branches[0].parameters())


def test_the_box_is_mapped_to_the_unit_cube() -> None:
    made = field()
    outside = torch.tensor([[-5.0, 0.0, 9.0]])
    border = torch.tensor([[-1.0, 0.0, 3.0]])
    torch.testing.assert_close(made(outside)["albedo"], made(border)["albedo"])


def test_a_seed_gives_the_same_field_and_another_one_another() -> None:
    at = places()
    assert torch.equal(field(seed=1)(at)["albedo"], field(seed=1)(at)["albedo"])
    assert not torch.equal(field(seed=1)(at)["albedo"], field(seed=9)(at)["albedo"])


def test_weights_survive_a_round_trip() -> None:
    first, second = field(seed=1), field(seed=2)
    second.load(first.arrays())
    torch.testing.assert_close(first(places())["normal"], second(places())["normal"], rtol=0, atol=0)


def test_initial_weights_keep_the_variance_of_relu_layers() -> None:
    weights = kaiming(200, 300, torch.Generator().manual_seed(0))
    assert float(weights.var()) == pytest.approx(2.0 / 300, rel=0.03)
    assert float(weights.abs().max()) <= (6.0 / 300) ** 0.5


def test_the_paper_swaps_the_duck_s_losses_of_branch_a() -> None:
    assert dict(method_for("two", "duck").branches[0].coarse) == {"smape": 0.35, "logl1": 0.15}
    assert dict(method_for("two", "cow").branches[0].coarse) == {"logl1": 0.35, "smape": 0.15}
    assert method_for("joint", "duck") == METHODS["joint"]
    assert method_for("two", "duck").branches[1] == METHODS["two"].branches[1]
