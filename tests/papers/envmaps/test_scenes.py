"""Scenes of the environment-map paper: every one renders, shows no sky, and its floor is exposed as it says."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rerender.catalogue.origins import read_origin
from rerender.catalogue.resolve import AssetSettings, asset_settings
from rerender.core.errors import UserError
from rerender.papers.envmaps import scenes
from rerender.papers.envmaps.scene_specs import ENV_SCENES, Body, Material, alpha, env_scene
from rerender.rendering.scenes import build_scene
from rerender.rendering.transport import achromatic
from rerender.rendering.variants import start_variant

SIZE = 24


@pytest.fixture(scope="module", autouse=True)
def backend() -> str:
    return start_variant("auto", threads=1)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> AssetSettings:
    """The project's ledger, and not one real file."""
    root = Path(__file__).resolve().parents[3]
    return AssetSettings(raw=tmp_path_factory.mktemp("raw"), ledger=root / "config/assets.tsv")


@pytest.fixture(scope="module")
def all_parts(bare: AssetSettings) -> dict[str, scenes.SceneParts]:
    return {name: scenes.gather(spec, bare)[0] for name, spec in ENV_SCENES.items()}


def picture(scene: scenes.Scene, spp: int = 16) -> np.ndarray:
    import mitsuba as mi

    return np.array(mi.render(build_scene(scene), spp=spp, seed=1))


@pytest.mark.parametrize("name", sorted(ENV_SCENES))
def test_no_sky_is_seen_and_light_arrives(name: str, all_parts: dict[str, scenes.SceneParts]) -> None:
    """One surface deep, everything that is seen is black: no ray of the camera reaches the sky."""
    scene = scenes.build(env_scene(name), all_parts[name], SIZE)
    assert picture(replace(scene, integrator={"type": "path", "max_depth": 1})).max() == 0.0
    image = picture(scene)
    assert image.min() > 0.0 and np.isfinite(image).all()
    # under white light the open floor in the corner reflects its albedo
    np.testing.assert_allclose(image[-2:, -2:].mean(), 0.5, rtol=0.1)
    # and an object is in the middle, smaller than the picture
    middle, rim = image[8:16, 8:16], image[0]
    assert np.abs(middle - 0.5).max() > 0.1 and np.abs(rim - 0.5).mean() < 0.1


def test_the_exposure_brings_the_floor_to_its_level(all_parts: dict[str, scenes.SceneParts]) -> None:
    upper = np.random.default_rng(1).gamma(0.5, 1.0, (16, 64, 3)).astype(np.float32)
    upper[6, 40] = 200.0
    scene = scenes.build(env_scene("mirror_sphere"), all_parts["mirror_sphere"], SIZE, upper=upper)
    image = scenes.floor_exposure(upper, 0.4) * picture(scene, 256)
    corners = np.concatenate([image[-3:, :3].ravel(), image[-3:, -3:].ravel()])
    # a lat-long lookup between rows differs a little from a mean over pixels; the ball takes a part of the sky
    assert np.median(corners) == pytest.approx(0.4, rel=0.12)
    with pytest.raises(ValueError, match="black map"):
        scenes.floor_exposure(np.zeros((2, 8, 3)))


def test_only_scenes_with_colour_need_three_channels(all_parts: dict[str, scenes.SceneParts]) -> None:
    grey = {
        name for name, parts in all_parts.items() if achromatic(scenes.build(env_scene(name), parts, SIZE))
    }
    assert grey == {"mirror_sphere", "bunny"}


def test_roughness_widens_the_reflection(all_parts: dict[str, scenes.SceneParts]) -> None:
    upper = np.full((8, 32, 3), 0.2, np.float32)
    upper[:, :16] = 2.0
    spec, parts = env_scene("mirror_sphere"), all_parts["mirror_sphere"]
    contrasts = []
    for roughness in (0.0, 0.5, 1.0):
        image = picture(scenes.build(spec.with_roughness(roughness), parts, SIZE, upper=upper), 64)
        contrasts.append(float(image[8:13, 9:15].std()))
    assert contrasts[0] > contrasts[1] > contrasts[2]


def test_values_of_roughness() -> None:
    assert alpha(0.5) == 0.25 and alpha(0.5, "linear") == 0.5
    rough = env_scene("bunny").with_roughness(0.5)
    assert rough.bodies[0].material.roughness == 0.5 and env_scene("bunny").with_roughness(None) is env_scene(
        "bunny"
    )
    plugin = scenes.bsdf(rough.bodies[0].material, {})
    assert (plugin["type"], plugin["alpha"]) == ("roughconductor", 0.25)
    with pytest.raises(UserError, match="from 0 to 1"):
        env_scene("bunny").with_roughness(1.5)
    with pytest.raises(UserError, match="mirror_sphere, bunny"):
        env_scene("horse").with_roughness(0.5)
    with pytest.raises(UserError, match="Did you mean 'bunny'"):
        env_scene("buny")
    with pytest.raises(ValueError, match="either a primitive or meshes"):
        Body(id="x", material=Material(surface="matte"))


def test_parts_survive_their_file_and_say_where_they_come_from(bare: AssetSettings, tmp_path: Path) -> None:
    for name, expected in (("multi_objects", "standin"), ("mirror_sphere", "original")):
        npz, sidecar = tmp_path / f"{name}.npz", tmp_path / f"{name}.json"
        assert scenes.prepare_scene(env_scene(name), bare, npz, sidecar) == expected
        assert read_origin(sidecar) == expected
        stored, fresh = scenes.load_parts(npz), scenes.gather(env_scene(name), bare)[0]
        assert stored.meshes.keys() == fresh.meshes.keys() and stored.textures.keys() == fresh.textures.keys()
        for key, mesh in fresh.meshes.items():
            np.testing.assert_array_equal(stored.meshes[key].vertices, mesh.vertices)
            assert (stored.meshes[key].texcoords is None) == (mesh.texcoords is None)
    npz.write_bytes(npz.read_bytes()[:300])
    with pytest.raises(UserError, match="cannot read the scene"):
        scenes.load_parts(npz)


def test_the_real_horse_stands_upright(root: Path, tmp_path: Path, asset_mirror: Path) -> None:
    settings = asset_settings(asset_mirror, raw=tmp_path, ledger=root / "config/assets.tsv", environ={})
    parts, sources = scenes.gather(env_scene("horse"), settings)
    assert [(source.asset, source.origin) for source in sources] == [("horse", "mirror")]
    vertices = parts.meshes["object"].vertices
    height = np.ptp(vertices[:, 1])
    feet = vertices[vertices[:, 1] < 0.05 * height]
    # four hooves far apart; the back has no such gap
    assert vertices[:, 1].min() == pytest.approx(0.0) and np.ptp(feet[:, [0, 2]], axis=0).max() > 0.5 * height
    assert len(feet) < 0.1 * len(vertices)


def test_the_specs_are_light() -> None:
    script = (
        "import sys, rerender.papers.envmaps.scene_specs; "
        "print(*sorted({'numpy', 'torch', 'mitsuba', 'drjit'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
