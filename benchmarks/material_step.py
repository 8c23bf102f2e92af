"""What a training step of a material network costs: the hash grid against plain autograd, and shading against Mitsuba.

    python benchmarks/material_step.py             # prints two tables and writes benchmarks/out/material_step.json

A step is encoding, two hidden layers of 32, loss, all gradients, and Adam. The plain grid is the definition of the
encoding in torch operations, differentiated by autograd. In the second table the loss is on the pictures of two views
of the cow, shaded by split-sum, by the same in torch operations with autograd, by Mitsuba at the same pixels (deferred, 8 and 32 samples), or by Mitsuba on textures into which
the network is baked in every step. Times are process CPU seconds of one thread, medians after a warm-up; ratios are
within this run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

from rerender.catalogue.interior import interior_light
from rerender.catalogue.material_objects import true_materials
from rerender.catalogue.resolve import asset_settings
from rerender.core.cameras import random_cameras
from rerender.core.meshes import Mesh, bounding_box
from rerender.rendering import split_sum_twin
from rerender.rendering.baked_shading import BakedShader
from rerender.rendering.bitmaps import read_image
from rerender.rendering.deferred_shading import DeferredShader
from rerender.rendering.filtered_light import LightLevels
from rerender.rendering.gbuffers import GBuffer, trace
from rerender.rendering.hash_grid import HashGrid
from rerender.rendering.scenes import Film
from rerender.rendering.split_sum import shade, world_normals
from rerender.rendering.texture_atlas import texels, unwrapped
from rerender.rendering.variants import start_variant
from rerender.runtime.threads import limit_threads

GRIDS = {"8 levels, 2^15": (8, 15, 512), "16 levels, 2^19": (16, 19, 4096)}
Step = Callable[[int], Tensor]


class PlainGrid(torch.nn.Module):
    """The hash grid in torch operations, with autograd's own derivatives."""

    def __init__(self, like: HashGrid) -> None:
        super().__init__()
        self.levels, self.width = like.levels, like.width
        self.table = torch.nn.Parameter(like.table.detach().clone())
        self.corners = torch.tensor([[c & 1, c >> 1 & 1, c >> 2 & 1] for c in range(8)])

    def forward(self, points: Tensor) -> Tensor:
        """Return the features of points (N, 3)."""
        features = []
        for level in self.levels:
            place = points * level.scale + 0.5
            cell = place.floor()
            part = (place - cell)[:, None]
            weights = torch.where(self.corners.bool(), part, 1.0 - part).prod(dim=-1, keepdim=True)
            x, y, z = (cell.long()[:, None] + self.corners).unbind(-1)
            side = level.resolution
            index = x + side * (y + side * z) if level.dense else x ^ y * 2654435761 ^ z * 805459861
            features.append((weights * self.table[level.first + index % level.rows]).sum(dim=1))
        return torch.cat(features, dim=1)


def network(grid: torch.nn.Module, width: int, outputs: int = 9) -> torch.nn.Sequential:
    """Return encoding and two hidden layers of 32."""
    linear = [torch.nn.Linear(*sizes, bias=False) for sizes in ((width, 32), (32, 32), (32, outputs))]
    return torch.nn.Sequential(grid, linear[0], torch.nn.ReLU(), linear[1], torch.nn.ReLU(), linear[2])


def measured(model: torch.nn.Module, loss: Step, repeats: int) -> float:
    """Return the CPU seconds of a training step."""
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    seconds = []
    for step in range(repeats + 2):
        began = time.process_time()
        optimiser.zero_grad()
        loss(step).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        seconds.append(time.process_time() - began)
    return median(seconds[2:])


def grids(points: Tensor, repeats: int) -> dict[str, dict[str, float]]:
    """Return the cost of a step with own kernels and with autograd, by grid."""
    rows = {}
    for name, (levels, log2_table, finest) in GRIDS.items():
        own = HashGrid(levels, log2_table, 16, finest, generator=torch.Generator().manual_seed(0))
        costs = []
        for grid in (own, PlainGrid(own)):
            model = network(grid, own.width)
            costs.append(measured(model, lambda _, model=model: model(points).square().mean(), repeats))
        rows[f"{name}, {len(points)} points"] = {
            "own": costs[0],
            "plain": costs[1],
            "ratio": costs[1] / costs[0],
        }
    return rows


def channels(raw: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return albedo, roughness, metallic and tangent-space normals of raw outputs (N, 9)."""
    value = torch.sigmoid(raw)
    normal = torch.cat([2.0 * value[:, 6:8] - 1.0, value[:, 8:]], dim=1)
    return value[:, :3], 0.001 + 0.999 * value[:, 4:5], value[:, 5:6], normal


def shadings(mesh: Mesh, size: int, repeats: int) -> dict[str, dict[str, float]]:
    """Return the cost of a step by what shades the pictures."""
    cameras = random_cameras(2, np.random.default_rng(0))
    atlas = unwrapped(mesh, 256)
    gbuffer = trace(atlas, cameras, size)
    surface = texels(atlas, 256)
    low, high = (torch.from_numpy(corner).float() for corner in bounding_box(mesh))
    radiance = interior_light(64)
    light = LightLevels.from_latlong(radiance)
    grid = HashGrid(8, 15, 16, 512, generator=torch.Generator().manual_seed(0))
    deferred = DeferredShader(atlas, radiance)
    textured = BakedShader(atlas, radiance, cameras, Film(size, size, "box"), (256, 256))
    target = torch.full((len(gbuffer), 3), 0.4)

    def maps(model: torch.nn.Module, at: GBuffer) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return channels(model((at.positions - low) / (high - low)))

    def by_split_sum(model: torch.nn.Module) -> Step:
        def loss(step: int) -> Tensor:
            albedo, roughness, metallic, normal = maps(model, gbuffer)
            normals = world_normals(gbuffer, normal)
            return (shade(gbuffer, albedo, roughness, metallic, normals, light) - target).square().mean()

        return loss

    def in_torch(model: torch.nn.Module) -> Step:
        def loss(step: int) -> Tensor:
            *values, normal = maps(model, gbuffer)
            found = split_sum_twin.shade(
                gbuffer, *values, split_sum_twin.world_normals(gbuffer, normal), light
            )
            return (found - target).square().mean()

        return loss

    def by_mitsuba(spp: int) -> Callable[[torch.nn.Module], Step]:
        def made(model: torch.nn.Module) -> Step:
            def loss(step: int) -> Tensor:
                *values, normal = maps(model, gbuffer)
                normals = world_normals(gbuffer, normal)
                found = deferred.shade(gbuffer, *values, normals, seed=step, spp=spp)
                return (found - target).square().mean()

            return loss

        return made

    def by_textures(spp: int) -> Callable[[torch.nn.Module], Step]:
        def made(model: torch.nn.Module) -> Step:
            def loss(step: int) -> Tensor:
                names = ("albedo", "roughness", "metallic", "normal")
                images = (surface.images(value)[0] for value in maps(model, surface))
                found = textured.images(
                    dict(zip(names, images, strict=True)),
                    views=(0, 1),
                    seeds=(2 * step, 2 * step + 1),
                    spp=spp,
                )
                return (gbuffer.gather(found) - target).square().mean()

            return loss

        return made

    kinds = {
        "split-sum": by_split_sum,
        "split-sum in torch operations": in_torch,
        "Mitsuba at the pixels, 8 spp": by_mitsuba(8),
        "Mitsuba at the pixels, 32 spp": by_mitsuba(32),
        "Mitsuba on baked textures, 8 spp": by_textures(8),
        "Mitsuba on baked textures, 32 spp": by_textures(32),
    }
    rows: dict[str, dict[str, float]] = {}
    for name, kind in kinds.items():
        model = network(grid, grid.width)
        rows[name] = {"cpu_s": measured(model, kind(model), repeats)}
        rows[name]["ratio"] = rows[name]["cpu_s"] / rows["split-sum"]["cpu_s"]
    return rows


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/material_step.json"))
    arguments = parser.parse_args()
    limit_threads(1)
    start_variant("auto", threads=1)
    thing, _ = true_materials("cow", asset_settings(), 64, read_image=read_image)
    mesh = Mesh(thing.mesh.vertices, thing.mesh.faces)
    rng = torch.Generator().manual_seed(1)
    directions = torch.nn.functional.normalize(torch.randn(100_000, 3, generator=rng), dim=-1)
    sphere = 0.5 + 0.45 * directions  # a surface fills few cells, as in a fit
    encodings = {**grids(sphere[:10_000], arguments.repeats), **grids(sphere, arguments.repeats)}
    print(f"{'hash grid, CPU s a step':36}{'own':>9}{'autograd':>10}{'ratio':>8}")
    for name, row in encodings.items():
        print(f"{name:36}{row['own']:9.4f}{row['plain']:10.4f}{row['ratio']:7.1f}x")
    steps = shadings(mesh, arguments.size, arguments.repeats)
    print(f"{f'shading, 2 views of {arguments.size} px':36}{'CPU s':>9}{'ratio':>8}")
    for name, row in steps.items():
        print(f"{name:36}{row['cpu_s']:9.4f}{row['ratio']:7.1f}x")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps({"hash_grid": encodings, "shading": steps}, indent=1) + "\n")


if __name__ == "__main__":
    main()
