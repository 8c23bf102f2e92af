from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.catalogue.ledgers import line, put, sha, write_ledger

from rerender.catalogue import origins, prepare
from rerender.catalogue.resolve import AssetSettings, asset_settings
from rerender.catalogue.specs import Placement
from rerender.core.errors import UserError
from rerender.core.files import read_json
from rerender.core.meshchecks import is_closed
from rerender.core.meshes import Mesh, bounding_box, bounding_diagonal, component_count, icosphere, volume
from rerender.core.meshio import read_mesh, write_ply


@pytest.fixture
def bare(root: Path, tmp_path: Path) -> AssetSettings:
    """The project's ledger, and not one real file."""
    return AssetSettings(raw=tmp_path / "raw", ledger=root / "config/assets.tsv")


@pytest.fixture
def real(root: Path, tmp_path: Path, asset_mirror: Path) -> AssetSettings:
    """The project's ledger with the mirror of real files."""
    return asset_settings(asset_mirror, raw=tmp_path / "raw", ledger=root / "config/assets.tsv", environ={})


def no_image(path: Path) -> np.ndarray:
    raise AssertionError(f"{path} should not be read")


def some_sky(**arguments: Any) -> np.ndarray:
    height = arguments["height"]
    return np.full((height, 2 * height, 3), arguments["sun_elevation_deg"], np.float32)


def run(scene: str, settings: AssetSettings, folder: Path) -> tuple[Mesh, dict[str, Any]]:
    prepare.prepare_mesh(scene, settings, folder / f"{scene}.ply", folder / f"{scene}.json")
    return read_mesh(folder / f"{scene}.ply"), read_json(folder / f"{scene}.json")


@pytest.mark.parametrize(
    "scene", ["suzanne", "bunny", "dragon", "spot", "rocker_arm", "dog", "lion", "lionstatue"]
)
def test_every_geometry_scene_works_without_any_file(scene: str, bare: AssetSettings, tmp_path: Path) -> None:
    mesh, facts = run(scene, bare, tmp_path)
    assert is_closed(mesh) and mesh.texcoords is None
    assert facts["standin"] is True and facts["origin"] == "standin" and facts["sha256"] is None
    assert facts["closed"] is True and facts["faces"] == len(mesh.faces)
    assert np.linalg.norm(mesh.vertices, axis=1).max() < 1.91  # seen by a 45 degree camera at distance 5


@pytest.mark.parametrize(
    ("scene", "faces", "closed"),
    [("suzanne", 15456, False), ("bunny", 69451, False), ("spot", 5856, True), ("rocker_arm", 20088, True)],
)
def test_real_meshes_are_preferred_placed_and_described(
    scene: str, faces: int, closed: bool, real: AssetSettings, tmp_path: Path
) -> None:
    mesh, facts = run(scene, real, tmp_path)
    assert (len(mesh.faces), facts["closed"]) == (faces, closed)
    assert facts["origin"] == "mirror" and facts["source"] == "mirror" and len(facts["sha256"]) == 64
    assert facts["url"].startswith("https://") and facts["standin"] is False
    assert ("open target" in facts["note"]) == (not closed)
    assert component_count(mesh) == 1 and volume(mesh) > 0
    low, high = bounding_box(mesh)
    np.testing.assert_allclose(low + high, 0.0, atol=1e-5)
    assert np.linalg.norm(mesh.vertices, axis=1).max() < 1.91


@pytest.mark.parametrize("scene", ["translucent", "diffuse"])
def test_the_material_dragon_is_unwrapped_and_stands_on_the_ground(
    scene: str, bare: AssetSettings, tmp_path: Path
) -> None:
    from rerender.core.cameras import material_cameras, project

    mesh, _ = run(scene, bare, tmp_path)
    assert mesh.texcoords is not None
    assert mesh.vertices[:, 1].min() == pytest.approx(0.0, abs=1e-6)
    for camera in material_cameras():  # whole within every view
        pixels = project(camera, mesh.vertices, 100, 100)
        assert pixels[:, :2].min() > 0 and pixels[:, :2].max() < 100
    ground = prepare.ground_mesh(scene, bare)
    assert ground is not None and ground.vertices[:, 1].max() == 0.0
    prepare.prepare_ground(scene, bare, tmp_path / "ground.ply", tmp_path / "ground.json")
    assert read_json(tmp_path / "ground.json")["origin"] == "standin"
    np.testing.assert_allclose(read_mesh(tmp_path / "ground.ply").vertices, ground.vertices)
    assert prepare.ground_mesh("suzanne", bare) is None
    with pytest.raises(UserError, match="has no ground"):
        prepare.prepare_ground("suzanne", bare, tmp_path / "none.ply", tmp_path / "none.json")


def test_without_standins_the_easiest_file_to_get_is_named(bare: AssetSettings, tmp_path: Path) -> None:
    strict = AssetSettings(raw=bare.raw, allow_standins=False, ledger=bare.ledger)
    with pytest.raises(UserError, match="rerender fetch suzanne"):
        run("suzanne", strict, tmp_path)
    with pytest.raises(UserError, match="rerender fetch mrd_dragon"):
        run("dragon", strict, tmp_path)
    assert not list(tmp_path.glob("*.ply"))


def test_a_corrupt_mesh_stops_everything_and_is_not_replaced_by_a_standin(
    real: AssetSettings, tmp_path: Path
) -> None:
    mirror = tmp_path / "mirror"
    source = real.mirrors[0] / "meshes/suzanne.obj"
    put(mirror / "meshes/suzanne.obj", source.read_bytes()[:-1000])
    with pytest.raises(UserError, match="corrupt or another version"):
        run("suzanne", AssetSettings((mirror,), real.raw, True, real.ledger), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def own_mesh(folder: Path, mesh: Mesh, name: str = "rocker_arm") -> AssetSettings:
    """Settings whose mirror has `mesh` in place of a scene's real file."""
    path = folder / "mirror/meshes/own.ply"
    write_ply(path, mesh)
    entry = line(id=name, file="own.ply", sha256=sha(path.read_bytes()))
    clay = line(id=f"{name}_standin", kind="procedural", file="-", urls="-", sha256="-")
    write_ledger(folder / "config/assets.tsv", entry, clay)
    return AssetSettings((folder / "mirror",), folder / "raw", True, folder / "config/assets.tsv")


def test_an_open_mesh_is_refused_unless_the_scene_allows_it(tmp_path: Path) -> None:
    ball = icosphere(2)
    settings = own_mesh(tmp_path, Mesh(ball.vertices, ball.faces[4:]))
    with pytest.raises(UserError, match="is not closed") as caught:
        run("rocker_arm", settings, tmp_path / "out")
    assert "open_target=True in its SceneSpec" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_mesh_with_nans_is_refused(tmp_path: Path) -> None:
    ball = icosphere(2)
    vertices = ball.vertices.copy()
    vertices[3] = np.nan
    with pytest.raises(UserError, match="NaN or infinite"):
        run("rocker_arm", own_mesh(tmp_path, Mesh(vertices, ball.faces)), tmp_path / "out")


def test_a_mesh_that_faces_inwards_is_turned(tmp_path: Path) -> None:
    ball = icosphere(2)
    mesh, facts = run(
        "rocker_arm", own_mesh(tmp_path, Mesh(ball.vertices, ball.faces[:, ::-1])), tmp_path / "out"
    )
    assert volume(mesh) > 0 and "were turned" in facts["note"]


def test_placement_by_transform_translates_then_scales() -> None:
    moved = prepare.place(icosphere(1), Placement(translate=(0.0, -15.0, 0.0), scale=0.018))
    np.testing.assert_allclose(moved.vertices, (icosphere(1).vertices - np.array([0, 15, 0])) * 0.018)


def test_placement_by_size_turns_scales_and_grounds() -> None:
    box = Mesh(icosphere(1).vertices * (3, 1, 1), icosphere(1).faces)
    turned = prepare.place(box, Placement(diagonal=2.0, yaw_deg=90.0))
    assert np.ptp(turned.vertices, axis=0).argmax() == 2
    assert bounding_diagonal(turned) == pytest.approx(2.0)
    assert prepare.place(box, Placement(diagonal=2.0, on_ground=True)).vertices[:, 1].min() == 0.0


def test_a_constant_light_needs_no_file(bare: AssetSettings) -> None:
    light = prepare.prepare_envmap("constant", bare, 4, read_image=no_image, bake_sky=some_sky)
    assert light.pixels.shape == (4, 8, 3) and (light.pixels == 1.0).all()
    assert light.provenance.origin == "original" and not light.provenance.standin


def test_a_captured_map_is_reduced_without_losing_light(real: AssetSettings) -> None:
    pixels = np.random.default_rng(0).random((64, 128, 3)).astype(np.float32)
    light = prepare.prepare_envmap(
        "venice_sunset", real, 16, read_image=lambda path: pixels, bake_sky=some_sky
    )
    assert light.pixels.shape == (16, 32, 3)
    np.testing.assert_allclose(light.pixels.mean((0, 1)), pixels.mean((0, 1)), rtol=1e-5)
    assert light.provenance.origin == "mirror" and light.provenance.sha256 is not None
    large = prepare.prepare_envmap(
        "venice_sunset", real, 512, read_image=lambda path: pixels, bake_sky=some_sky
    )
    assert large.pixels.shape == (64, 128, 3)  # never enlarged


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinite"), (-1.0, "negative")])
def test_a_map_with_bad_pixels_is_refused(real: AssetSettings, value: float, word: str) -> None:
    pixels = np.ones((8, 16, 3), np.float32)
    pixels[3, 4] = value
    with pytest.raises(UserError, match=rf"venice_sunset_1k\.hdr' has 1 {word} pixels"):
        prepare.prepare_envmap("venice_sunset", real, 8, read_image=lambda path: pixels, bake_sky=some_sky)


def test_a_map_of_another_projection_is_refused(real: AssetSettings) -> None:
    with pytest.raises(UserError, match="twice as wide as high"):
        prepare.prepare_envmap(
            "venice_sunset",
            real,
            8,
            read_image=lambda path: np.ones((8, 8, 3), np.float32),
            bake_sky=some_sky,
        )


@pytest.mark.parametrize("name", ["venice_sunset", "builtin", "hallstatt", "skybox", "garden"])
def test_an_absent_map_becomes_the_sky_of_its_spec(name: str, bare: AssetSettings) -> None:
    from rerender.catalogue.registry import envmap

    light = prepare.prepare_envmap(name, bare, 4, read_image=no_image, bake_sky=some_sky)
    sky = envmap(name).sky
    assert sky is not None and (light.pixels == np.float32(sky.sun_elevation_deg)).all()
    assert (
        light.provenance.standin
        and light.provenance.origin == "standin"
        and "analytic sky" in light.provenance.note
    )
    strict = AssetSettings(raw=bare.raw, allow_standins=False, ledger=bare.ledger)
    with pytest.raises(UserError, match="rerender fetch"):
        prepare.prepare_envmap(name, strict, 4, read_image=no_image, bake_sky=some_sky)


def test_a_texture_comes_from_its_standin_at_the_size_asked_for(bare: AssetSettings) -> None:
    full = prepare.prepare_texture("gradient", bare, read_image=no_image)
    assert full.pixels.shape == (480, 720, 3) and full.provenance.standin
    small = prepare.prepare_texture("gradient", bare, read_image=no_image, size=(48, 72))
    means = [image.pixels.mean((0, 1), dtype=np.float64) for image in (small, full)]
    np.testing.assert_allclose(*means, rtol=1e-5)


def test_a_real_texture_is_clipped_to_colours(real: AssetSettings) -> None:
    image = prepare.prepare_texture(
        "spot_texture", real, read_image=lambda path: np.full((4, 4, 3), 1.5, np.float32)
    )
    assert image.pixels.max() == 1.0 and image.provenance.origin == "original"


def test_sidecars_say_where_a_file_comes_from_and_the_weakest_origin_wins(
    bare: AssetSettings, tmp_path: Path
) -> None:
    light = prepare.prepare_envmap("constant", bare, 4, read_image=no_image, bake_sky=some_sky)
    prepare.write_sidecar(tmp_path / "a.json", light.provenance, height=4)
    texture = prepare.prepare_texture("gradient", bare, read_image=no_image)
    prepare.write_sidecar(tmp_path / "b.json", texture.provenance)
    facts = read_json(tmp_path / "a.json")
    assert facts["height"] == 4
    assert {"id", "source", "sha256", "url", "licence", "standin", "note", "origin"} <= set(facts)
    assert origins.read_origin(tmp_path / "a.json") == "original"
    assert origins.read_origin(tmp_path / "a.json", tmp_path / "b.json") == "standin"


def test_the_archives_own_dragon_stands_on_its_own_plane(root: Path, tmp_path: Path) -> None:
    import tarfile

    ball = icosphere(2)
    write_ply(
        tmp_path / "src/assets/material-scene/meshes/Dragon.ply",
        Mesh(ball.vertices, ball.faces, ball.vertices[:, :2]),
    )
    write_ply(tmp_path / "src/assets/material-scene/meshes/Plane.ply", Mesh(ball.vertices + 9, ball.faces))
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "src/assets", "assets")
    put(tmp_path / "mirror/archives/assets.tar.gz", (tmp_path / "a.tar.gz").read_bytes())
    table = (root / "config/assets.tsv").read_text()
    official = "e6fb5092dc5b80a59f62b3d1bd5eafd3289147ddc50d05ab535c172b56afe254\t193977295"
    ours = f"{sha((tmp_path / 'a.tar.gz').read_bytes())}\t{(tmp_path / 'a.tar.gz').stat().st_size}"
    put(tmp_path / "config/assets.tsv", table.replace(official, ours).encode())
    shutil.rmtree(tmp_path / "src")
    settings = AssetSettings((tmp_path / "mirror",), tmp_path / "raw", True, tmp_path / "config/assets.tsv")
    mesh, facts = run("diffuse", settings, tmp_path)
    assert facts["origin"] == "original" and "media.githubusercontent.com" in facts["url"]
    assert np.linalg.norm(mesh.vertices, axis=1).max() == pytest.approx(
        1.0, abs=1e-6
    )  # its own size and place
    plane = prepare.ground_mesh("diffuse", settings)
    assert plane is not None and plane.vertices.min() > 7.9
    grounded = prepare.prepare_ground("diffuse", settings, tmp_path / "ground.ply", tmp_path / "ground.json")
    assert grounded.origin == "original" and grounded.sha256 is not None


def test_a_file_with_z_up_is_set_upright_and_not_mirrored() -> None:
    """A tall tetrahedron: what was up in the file, z, is up here, and what was ahead, y, is behind."""
    vertices = np.array([(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 2.0, 0.0), (0.0, 0.0, 5.0)])
    mesh = Mesh(vertices, np.array([(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)]))
    placed = prepare.place(mesh, Placement(diagonal=bounding_diagonal(mesh), on_ground=True, up="z"))
    np.testing.assert_allclose(np.ptp(placed.vertices, axis=0), (1.0, 5.0, 2.0))
    assert placed.vertices[:, 1].argmax() == 3 and placed.vertices[:, 2].argmin() == 2
    assert volume(mesh) > 0 and volume(placed) == pytest.approx(volume(mesh))


def test_a_measured_material_is_copied_from_the_database_or_asked_for(root: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    put(mirror / "bsdfs" / "satin_rosaline_rgb.bsdf", b"some tables")
    ledger = root / "config/assets.tsv"
    places = AssetSettings((mirror,), tmp_path / "raw", ledger=ledger)
    out, facts = tmp_path / "rosaline.bsdf", tmp_path / "rosaline.json"
    prepare.prepare_bsdf("rosaline", places, out, facts)
    assert out.read_bytes() == b"some tables"
    assert read_json(facts)["asset"] == "rgl_satin_rosaline" and read_json(facts)["origin"] == "original"
    with pytest.raises(UserError, match="rgl_northern_aurora"):
        prepare.prepare_bsdf("aurora", places, out, facts)
    with pytest.raises(UserError, match="no measured BSDF"):
        prepare.prepare_bsdf("diffuse", places, out, facts)
