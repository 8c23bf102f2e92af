"""Baking keeps what the networks say, whatever the texture layout, and textures are read the way round that Mitsuba reads them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.papers.materials.tiny import capture, thing

from rerender.papers.materials.fields import GridSettings, MaterialField
from rerender.papers.materials.methods import METHODS
from rerender.papers.materials.refine import bake, on_atlas
from rerender.papers.materials.sources import TextureSource, bilinear
from rerender.rendering.split_sum import world_normals
from rerender.rendering.texture_atlas import unwrapped


def field(smooth: float = 0.5) -> MaterialField:
    """Return a field that varies slowly over the ball, in all channels."""
    taken = capture()
    grid = GridSettings(levels=1, log2_table=12, finest=16)
    made = MaterialField(METHODS["two"].branches, grid, (taken.box[0], taken.box[1]), 3)
    with torch.no_grad():
        for branch in made.branches:
            table = branch.grid.table  # type: ignore[union-attr]
            table.copy_(
                smooth * torch.randn(1, 2, generator=torch.Generator().manual_seed(1)).expand_as(table)
            )
    return made


def test_a_texture_is_read_from_the_top_left() -> None:
    texture = torch.arange(6.0).reshape(2, 3, 1)
    uv = torch.tensor([[1 / 6, 0.75], [5 / 6, 0.75], [1 / 6, 0.25], [0.0, 1.0], [0.5, 0.5]])
    torch.testing.assert_close(bilinear(texture, uv)[:, 0], torch.tensor([0.0, 2.0, 3.0, 0.0, 2.5]))


def test_the_atlas_moves_coordinates_and_tangents_only() -> None:
    taken = capture()
    moved = on_atlas(taken, unwrapped(thing().mesh, 96))
    torch.testing.assert_close(moved.train.surface.positions, taken.train.surface.positions)
    torch.testing.assert_close(moved.train.surface.normals, taken.train.surface.normals, atol=1e-5, rtol=0)
    assert torch.equal(moved.train.surface.pixels, taken.train.surface.pixels)
    assert torch.equal(moved.train.target, taken.train.target)
    surface = moved.samples
    assert (surface.tangents * surface.normals).sum(dim=1).abs().max() < 1e-5


def test_baked_textures_say_what_the_field_said() -> None:
    taken, made = capture(), field()
    atlas = unwrapped(thing().mesh, 96)
    source = TextureSource(bake(made, (thing().mesh, atlas), 96), METHODS["two"])
    moved = on_atlas(taken, atlas)
    with torch.no_grad():
        before, after = made(taken.samples.positions), source.at(moved.samples)
        for name in ("albedo", "roughness", "metallic"):
            difference = (before[name] - after[name]).abs().mean()  # type: ignore[index]
            assert difference < 0.01, name
        # tangent frames differ between the layouts, the directions do not
        directions = [
            world_normals(one, maps["normal"])
            for one, maps in ((taken.samples, before), (moved.samples, after))
        ]
    cosine = (directions[0] * directions[1]).sum(dim=1).clamp(-1, 1)
    assert float(torch.rad2deg(torch.arccos(cosine)).median()) < 2.0


def test_texture_gradients_agree_with_finite_differences() -> None:
    texture = torch.rand(4, 5, 2, dtype=torch.float64, requires_grad=True)
    uv = torch.tensor(np.random.default_rng(0).uniform(0.05, 0.95, (7, 2)))
    assert torch.autograd.gradcheck(lambda image: bilinear(image, uv), (texture,))


def test_reflectance_has_no_neighbours_in_the_fine_stage() -> None:
    taken = capture()
    textures = {
        name: torch.rand(8, 8, width)
        for name, width in (("albedo", 3), ("normal", 3), ("roughness", 1), ("metallic", 1))
    }
    source = TextureSource(textures, METHODS["two"])  # type: ignore[arg-type]
    batch = taken.train.batch([0])
    generator = torch.Generator().manual_seed(0)
    assert source.near(batch, 1, 0.25, generator) is None
    near = source.near(batch, 0, 0.25, generator)
    maps, (pair, none) = source.maps(batch, [near, None])
    assert none is None
    assert pair is not None and pair[0].shape == (-(-len(batch.surface) // 4), 3)
    assert source.bounds("roughness") == (0.001, 1.0)
    assert {number for _, number, _ in source.tensors().values()} == {0, 1}


@pytest.mark.parametrize("method", ["joint", "two"])
def test_every_texture_belongs_to_its_branch(method: str) -> None:
    textures = {name: torch.rand(2, 2, 1) for name in ("albedo", "normal", "roughness", "metallic")}
    owners = {
        name: number for name, (_, number, _) in TextureSource(textures, METHODS[method]).tensors().items()
    }  # type: ignore[arg-type]
    second = 0 if method == "joint" else 1
    assert owners == {"albedo": 0, "normal": 0, "roughness": second, "metallic": second}
