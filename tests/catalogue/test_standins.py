from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rerender.catalogue.interior import LIGHTS
from rerender.catalogue.ledger import SKY, read_ledger
from rerender.catalogue.standins import MESHES, ground_square, standin_mesh
from rerender.catalogue.textures import TEXTURES, standin_texture
from rerender.core.errors import UserError
from rerender.core.meshchecks import is_closed
from rerender.core.meshes import (
    bounding_diagonal,
    component_count,
    euler_characteristic,
    face_normals,
    mean_edge_length,
    volume,
)


@pytest.mark.parametrize("name", sorted(MESHES))
def test_every_mesh_is_one_closed_outward_body_of_fair_detail(name: str) -> None:
    mesh = standin_mesh(name)
    assert is_closed(mesh) and component_count(mesh) == 1 and volume(mesh) > 0
    assert euler_characteristic(mesh) == (0 if name in ("rocker_arm_standin", "bob_standin") else 2)
    assert 5_000 < len(mesh.vertices) < 25_000
    assert mean_edge_length(mesh) / bounding_diagonal(mesh) < 0.02
    again = standin_mesh(name)
    np.testing.assert_array_equal(mesh.vertices, again.vertices)
    np.testing.assert_array_equal(mesh.faces, again.faces)


@pytest.mark.parametrize("name", ["dragon_standin", "spot_standin", "bob_standin"])
def test_meshes_that_carry_textures_are_unwrapped_within_the_image(name: str) -> None:
    mesh = standin_mesh(name)
    assert mesh.texcoords is not None
    assert mesh.texcoords.min() >= 0 and mesh.texcoords.max() <= 1
    assert np.ptp(mesh.texcoords, axis=0).min() > 0.5
    # neighbours in space are neighbours in the texture: no seams
    edge = mesh.texcoords[mesh.faces[:, 0]] - mesh.texcoords[mesh.faces[:, 1]]
    assert np.abs(edge).max() < 0.05


def test_the_ground_faces_up() -> None:
    mesh = ground_square(3.0)
    np.testing.assert_allclose(face_normals(mesh), [(0, 1, 0)] * 2)
    assert mesh.vertices.min() == -3.0 and mesh.texcoords is not None


@pytest.mark.parametrize("name", sorted(TEXTURES))
def test_textures_are_linear_colours_within_bounds(name: str) -> None:
    image = standin_texture(name)
    assert image.shape == (480, 720, 3) and image.dtype == np.float32
    assert image.min() > 0.001 and image.max() < 1.0
    np.testing.assert_array_equal(image, standin_texture(name))


def test_the_gradient_survives_a_small_texture() -> None:
    from rerender.core.images import resize_area

    image = standin_texture("gradient_standin")
    back = resize_area(resize_area(image, 64, 96), 480, 720)
    psnr = -10 * np.log10(((back - image) ** 2).mean())
    assert psnr > 30
    assert image.std(axis=(0, 1)).min() > 0.1  # and yet it is no plain grey


def test_the_checkerboard_alternates() -> None:
    image = standin_texture("checkerboard", 32, 32)
    assert np.unique(image).tolist() == pytest.approx([0.2, 0.4])
    assert image[0, 0, 0] != image[0, 2, 0] and image[0, 0, 0] == image[2, 2, 0]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UserError, match="Did you mean 'dragon_standin'"):
        standin_mesh("dragon")
    with pytest.raises(UserError, match="unknown stand-in texture"):
        standin_texture("gradien")


def test_the_ledger_and_the_generators_agree(root: Path) -> None:
    assets = read_ledger(root / "config/assets.tsv")
    procedural = {name for name, entry in assets.items() if entry.kind == "procedural"}
    assert procedural == set(MESHES) | set(TEXTURES) | set(LIGHTS)
    for entry in assets.values():
        if entry.standin is not None:
            known = {"mesh": set(MESHES), "texture": set(TEXTURES), "envmap": {SKY, *LIGHTS}}
            assert entry.standin in known.get(entry.kind, set(MESHES) | set(TEXTURES) | {SKY}), entry.id
