"""Objects with known materials: statistics of their maps, texture coordinates, origins, lights, and wrong names."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rerender.catalogue.interior import interior_light
from rerender.catalogue.material_maps import ball_roughness, scratched_roughness
from rerender.catalogue.material_objects import TrueMaterials, material_light, true_materials
from rerender.catalogue.material_specs import MATERIAL_OBJECTS, material_object
from rerender.catalogue.prepare import Provenance
from rerender.catalogue.resolve import AssetSettings
from rerender.core.errors import UserError
from rerender.core.images import srgb_decode
from rerender.core.latlong import check_map, solid_angles
from rerender.core.meshes import vertex_normals

LEDGER = Path(__file__).parents[2] / "config" / "assets.tsv"
OFFLINE = AssetSettings(raw=Path("nowhere"), ledger=LEDGER)
ROWS = 64


def read(path: Path) -> np.ndarray:
    return srgb_decode(np.asarray(Image.open(path).convert("RGB"), dtype=np.float32) / 255.0)


def no_sky(**_: object) -> np.ndarray:
    raise AssertionError("no sky is needed")


@functools.cache  # the meshes take seconds
def prepared(name: str) -> tuple[TrueMaterials, Provenance]:
    return true_materials(name, OFFLINE, ROWS, read_image=read)


def made(name: str) -> TrueMaterials:
    return prepared(name)[0]


def share(mask: np.ndarray) -> float:
    """Return the share of a ball's surface, from its map."""
    weights = np.broadcast_to(solid_angles(*mask.shape)[:, None], mask.shape)
    return float((weights * mask).sum() / weights.sum())


@pytest.mark.parametrize("name", sorted(MATERIAL_OBJECTS))
def test_every_object_can_be_made_without_any_file(name: str) -> None:
    found, provenance = prepared(name)
    assert provenance.origin == "standin"
    height, width = found.roughness.shape
    assert (
        height == ROWS
        and found.metallic.shape == (height, width)
        and found.albedo.shape == (height, width, 3)
    )
    for values in (found.albedo, found.roughness, found.metallic):
        assert values.dtype == np.float32 and values.min() >= 0.0 and values.max() <= 1.0
    assert found.mesh.texcoords is not None
    assert found.mesh.texcoords.min() >= 0.0 and found.mesh.texcoords.max() <= 1.0
    reach = np.abs(found.mesh.vertices).max()
    assert 0.7 < reach < 1.3  # fits the grid and the cameras of the paper


def test_the_cow_has_dark_and_bright_parts_and_one_roughness() -> None:
    cow = made("cow")
    dark = (cow.albedo.max(axis=-1) < 0.12).mean()
    assert 0.15 < dark < 0.4
    assert np.ptp(cow.roughness) == 0.0 and cow.roughness[0, 0] == pytest.approx(0.15)
    assert cow.metallic.max() == 0.0
    assert made("spots_ball_r030").roughness[0, 0] == pytest.approx(0.3)
    assert material_object("cow_r010").roughness == pytest.approx(0.1)


def test_the_grey_ball_has_the_statistics_of_the_released_maps() -> None:
    ball = made("grey_ball")
    assert np.allclose(ball.albedo, 0.238)
    np.testing.assert_array_equal(ball.roughness, ball_roughness(ROWS))
    assert 0.6 < share(ball.roughness < 0.1) < 0.8
    assert 0.15 < share(ball.roughness > 0.9) < 0.3
    assert share(ball.metallic == 0.0) == pytest.approx(0.82, abs=0.06)
    assert share(ball.metallic) == pytest.approx(0.125, abs=0.04)


def test_the_spotted_ball_has_round_dark_spots() -> None:
    ball = made("spots_ball")
    dark = ball.albedo.max(axis=-1) < 0.12
    assert 0.15 < share(dark) < 0.35
    assert np.allclose(ball.albedo[~dark].max(axis=0), (0.78, 0.68, 0.58), atol=1e-6)
    assert np.unique(ball.roughness).tolist() == [np.float32(0.15)]


def test_the_duck_is_scratched() -> None:
    rough = scratched_roughness(256, 256)
    np.testing.assert_array_equal(rough, scratched_roughness(256, 256))
    assert np.median(rough) == pytest.approx(0.10, abs=0.01)
    assert rough.min() >= 0.08 - 1e-6 and np.quantile(rough, 0.95) > 0.4
    assert rough.mean() == pytest.approx(0.17, abs=0.04)


def test_a_texture_that_repeats_is_stretched_into_the_unit_square(tmp_path: Path) -> None:
    """Spot's own coordinates reach from -0.05; a fake one here, with a texture whose columns tell their place."""
    ledger = tmp_path / "assets.tsv"
    lines = LEDGER.read_text(encoding="utf-8").splitlines()
    cells = {line.split("\t")[0]: line.split("\t") for line in lines[1:]}
    for row in (cells["spot"], cells["spot_texture"]):
        row[4], row[5], row[3], row[9] = "unverified", "-", "-", "local"
    ledger.write_text("\n".join([lines[0], *("\t".join(row) for row in cells.values())]), encoding="utf-8")
    (tmp_path / "meshes").mkdir()
    (tmp_path / "textures").mkdir()
    (tmp_path / "meshes" / "spot-uv.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt -0.25 0\nvt 0.75 0\nvt -0.25 1\nf 1/1 2/2 3/3\n", encoding="utf-8"
    )
    ramp = np.repeat(np.arange(0, 256, 8, dtype=np.uint8)[None, :, None], 32, axis=0).repeat(3, axis=2)
    Image.fromarray(ramp).save(tmp_path / "textures" / "spot_texture.png")
    settings = AssetSettings((tmp_path,), tmp_path / "raw", True, ledger)
    found, provenance = true_materials("cow", settings, 40, read_image=read)
    assert provenance.origin == "original"
    uv = found.mesh.texcoords
    assert uv is not None and uv.min() == 0.0 and uv[:, 0].max() == pytest.approx(0.8)
    # u = 0.25 of the file is the texel a fifth of the way after the seam
    for u in (-0.2, 0.1, 0.5):
        fitted = (u + 0.25) / 1.25
        expected = srgb_decode(np.float32(8 * int((u % 1.0) * 32) / 255.0))
        assert found.albedo[20, int(fitted * 40), 0] == pytest.approx(expected, abs=0.06)


def test_normals_of_a_ball_have_no_seam() -> None:
    mesh = made("grey_ball").mesh
    outwards = mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True)
    assert ((vertex_normals(mesh) * outwards).sum(axis=1) > 0.999).all()


def test_wrong_names_say_what_there_is() -> None:
    with pytest.raises(UserError, match="Did you mean 'cow'"):
        material_object("crow")
    with pytest.raises(UserError, match="is a map, not a number"):
        material_object("duck_r010")
    with pytest.raises(UserError, match="unknown light 'interier'"):
        material_light("interier", OFFLINE, 16, read_image=read, bake_sky=no_sky)


def test_the_room_is_a_dim_map_with_small_bright_parts() -> None:
    room = interior_light(32)
    check_map(room, "room.exr")
    weights = np.broadcast_to(solid_angles(32, 64)[:, None], (32, 64)) / (4 * np.pi)
    bright = room.max(axis=-1) > 5.0
    assert 0.01 < (weights * bright).sum() < 0.1
    assert np.median(room) < 0.3
    # panels keep their energy: the mean radiance is that of a finer map
    fine = interior_light(128)
    angles = np.broadcast_to(solid_angles(128, 256)[:, None], (128, 256)) / (4 * np.pi)
    np.testing.assert_allclose(
        np.einsum("rc,rck->k", weights, room), np.einsum("rc,rck->k", angles, fine), rtol=0.02
    )


def test_lights_come_from_the_room_or_the_catalogue() -> None:
    workshop = material_light("aerodynamics_workshop", OFFLINE, 16, read_image=read, bake_sky=no_sky)
    room = material_light("interior", OFFLINE, 16, read_image=read, bake_sky=no_sky)
    np.testing.assert_array_equal(workshop.pixels, room.pixels)
    assert (workshop.provenance.origin, room.provenance.origin) == ("standin", "original")
    plain = material_light("constant", OFFLINE, 16, read_image=read, bake_sky=no_sky)
    assert plain.pixels.shape == (16, 32, 3) and plain.pixels.max() == 1.0
    strict = AssetSettings(raw=Path("nowhere"), ledger=LEDGER, allow_standins=False)
    with pytest.raises(UserError, match="aerodynamics_workshop"):
        material_light("aerodynamics_workshop", strict, 16, read_image=read, bake_sky=no_sky)
