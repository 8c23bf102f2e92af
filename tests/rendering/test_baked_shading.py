"""Mitsuba with material textures: conventions of maps, agreement with split-sum, and slopes in every texture."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from tests.rendering.worlds import gradient_sky

from rerender.core.cameras import Camera, turntable_cameras
from rerender.core.meshes import Mesh, icosphere
from rerender.core.primitives import globe
from rerender.rendering.baked_shading import CHANNELS, BakedShader, path_traced, textured_scene
from rerender.rendering.differentiable import Renderer
from rerender.rendering.filtered_light import LightLevels
from rerender.rendering.gbuffers import trace
from rerender.rendering.scenes import Film
from rerender.rendering.split_sum import shade, world_normals

SIZE, MAPS = 16, (8, 16)
SKY = gradient_sky().radiance
FILM = Film(SIZE, SIZE, "box")


@functools.cache
def shader() -> BakedShader:
    return BakedShader(globe(12, 24), SKY, turntable_cameras(1), FILM, MAPS)


def textures(**changes: torch.Tensor) -> dict[str, torch.Tensor]:
    plain = {
        "albedo": torch.tensor([0.7, 0.5, 0.3]).expand(*MAPS, 3),
        "roughness": torch.full((*MAPS, 1), 0.4),
        "metallic": torch.full((*MAPS, 1), 0.3),
        "normal": torch.tensor([0.0, 0.0, 0.5]).expand(*MAPS, 3),
    }
    return {name: value.clone() for name, value in {**plain, **changes}.items()}


def render(maps: dict[str, torch.Tensor], seed: int = 1, spp: int = 512) -> np.ndarray:
    return shader().images(maps, views=(0,), seeds=(seed,), spp=spp)[0].detach().numpy()


def interior() -> np.ndarray:
    """Return the pixels well inside the ball."""
    gbuffer = trace(globe(12, 24), turntable_cameras(1), SIZE)
    facing = (gbuffer.normals * gbuffer.toward).sum(-1, keepdim=True) > 0.5
    return gbuffer.images(facing.float())[0, :, :, 0].numpy() > 0.5


def test_maps_lie_where_split_sum_has_them() -> None:
    """Top and sides of every map differ; leaning normals lean the same way. Black albedo shows only highlights."""
    rows = torch.linspace(0.0, 1.0, MAPS[0])[:, None, None].expand(*MAPS, 1)
    columns = torch.linspace(0.0, 6.28, MAPS[1])[None, :, None].sin().expand(*MAPS, 1) * 0.5 + 0.5
    lean = torch.cat([0.5 * (columns - 0.5), 0.5 * (rows - 0.5), torch.full((*MAPS, 1), 0.5)], dim=-1)
    maps = textures(
        albedo=torch.cat([rows, columns, 1.0 - rows], dim=-1), roughness=0.3 + 0.6 * columns, normal=lean
    )
    gbuffer = trace(globe(12, 24), turntable_cameras(1), SIZE)
    place = torch.stack([2 * gbuffer.uv[:, 0] - 1, 1 - 2 * gbuffer.uv[:, 1]], dim=1)[None, :, None]

    def read(name: str) -> torch.Tensor:
        image = maps[name].permute(2, 0, 1)[None]
        found = torch.nn.functional.grid_sample(image, place, padding_mode="border", align_corners=False)
        return found[0, :, :, 0].T

    near = shade(
        gbuffer,
        *(read(name) for name in ("albedo", "roughness", "metallic")),
        world_normals(gbuffer, read("normal")),
        LightLevels.from_latlong(SKY),
    )
    ours, theirs, inside = gbuffer.images(near)[0].numpy(), render(maps), interior()
    difference = np.abs(ours - theirs)[inside].mean() / theirs[inside].mean()
    assert difference < 0.08
    for axis in (0, 1):  # the same picture upside down, or mirrored, is another one
        turned = np.flip(ours, axis)
        both = inside & np.flip(inside, axis)
        assert np.abs(turned - theirs)[both].mean() / theirs[both].mean() > 2.0 * difference


@pytest.mark.parametrize("name", sorted(CHANNELS))
def test_slopes_are_finite_differences_within_their_noise(name: str) -> None:
    direction = torch.zeros(*MAPS, CHANNELS[name])
    direction[..., -1 if name != "normal" else 1] = 1.0
    if name == "normal":
        direction[:, ::2] *= 0.5
    weights = torch.from_numpy(interior()).float()[..., None] * torch.tensor([1.0, 0.5, 0.8])

    def total(step: torch.Tensor | float, seed: int, spp: int) -> torch.Tensor:
        maps = textures()
        maps[name] = maps[name] + step * direction
        return (weights * shader().images(maps, views=(0,), seeds=(seed,), spp=spp)[0]).sum()

    step, slopes, differences = 0.02, [], []
    for seed in range(5):
        moving = torch.zeros((), requires_grad=True)
        total(moving, 50 + seed, 64).backward()
        assert moving.grad is not None
        slopes.append(float(moving.grad))
        with torch.no_grad():
            pair = [float(total(sign * step, seed, 512)) for sign in (1.0, -1.0)]
        differences.append((pair[0] - pair[1]) / (2 * step))
    expected = np.mean(differences)
    error = np.hypot(np.std(slopes, ddof=1), np.std(differences, ddof=1)) / np.sqrt(5)
    assert abs(np.mean(slopes) - expected) < 4.0 * error + 0.02 * abs(expected)
    assert error < 0.2 * abs(expected)


def test_seams_do_not_show_in_renders_either() -> None:
    """A ball whose faces share no vertex renders like one whose faces do."""
    whole = icosphere(2)
    torn = Mesh(whole.vertices[whole.faces].reshape(-1, 3), np.arange(3 * len(whole.faces)).reshape(-1, 3))
    pictures = []
    for mesh in (whole, torn):
        flat = Mesh(mesh.vertices, mesh.faces, np.full((len(mesh.vertices), 2), 0.5))
        maps = {name: value.numpy() for name, value in textures().items() if name != "normal"}
        scene = textured_scene(flat, maps, SKY, turntable_cameras(1), FILM)
        pictures.append(Renderer(scene).render({}, views=(0,), seeds=(1,), spp=64).numpy())
    assert np.abs(pictures[0] - pictures[1]).mean() < 0.01 * pictures[0].mean()


def test_path_tracing_adds_what_comes_from_other_parts() -> None:
    """On a ball all light is direct; in a bowl there is more than that."""
    maps = {name: value.numpy() for name, value in textures(roughness=torch.full((*MAPS, 1), 0.8)).items()}
    ball = globe(12, 24)
    high = ball.vertices[ball.faces].mean(axis=1)[:, 1] < 0.1
    bowl = Mesh(ball.vertices, ball.faces[high][:, ::-1], ball.texcoords)
    above = Camera((0.0, 3.0, 0.5), fov_deg=30.0)
    more = []
    for mesh in (ball, bowl):
        traced = path_traced(mesh, maps, SKY, above, size=SIZE, spp=256, seed=1)
        direct = Renderer(textured_scene(mesh, maps, SKY, [above], FILM)).render(
            {}, views=(0,), seeds=(2,), spp=256
        )
        whole = traced[..., 3] > 0.999
        assert 0.2 < whole.mean() < 1.0 and not traced[traced[..., 3] == 0.0].any()
        more.append(float(traced[whole][:, :3].mean() / direct[0].numpy()[whole].mean()))
    assert more[0] == pytest.approx(1.0, abs=0.02) and more[1] > 1.1


def test_textures_of_another_size_are_refused() -> None:
    wrong = textures()
    wrong["albedo"] = torch.zeros(4, 4, 3)
    with pytest.raises(ValueError, match="'albedo' has shape"):
        shader().images(wrong, views=(0,), seeds=(1,), spp=4)
