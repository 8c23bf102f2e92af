"""glTF files: read back by trimesh, the standard's rules for layout, and conventions of the maps."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh

from rerender.core.meshes import Mesh, icosphere, vertex_normals
from rerender.core.primitives import globe
from rerender.reporting.gltf import PbrMaps, normal_image, packed_orm, write_glb


def maps(height: int = 8, width: int = 16) -> PbrMaps:
    rows, columns = np.mgrid[0:height, 0:width]
    albedo = np.stack([rows / height, columns / width, np.full((height, width), 0.25)], axis=-1)
    normal = np.zeros((height, width, 3))
    normal[..., 1], normal[..., 2] = 0.3, 0.5
    return PbrMaps(albedo, rows / height, (columns > 8) * 1.0, normal, np.full((height, width), 0.2))


@pytest.fixture
def written(tmp_path: Path) -> tuple[Mesh, Path]:
    mesh, path = globe(6, 12), tmp_path / "globe.glb"
    write_glb(path, mesh, maps(), name="ball")
    return mesh, path


def test_another_reader_finds_the_same_mesh_and_maps(written: tuple[Mesh, Path]) -> None:
    mesh, path = written
    scene = trimesh.load(path)
    (found,) = scene.geometry.values()
    np.testing.assert_allclose(found.vertices, mesh.vertices, atol=1e-6)
    np.testing.assert_array_equal(found.faces, mesh.faces)
    np.testing.assert_allclose(found.vertex_normals, vertex_normals(mesh), atol=1e-5)
    np.testing.assert_allclose(found.visual.uv, mesh.texcoords, atol=1e-6)  # trimesh has v upwards as well
    material = found.visual.material
    np.testing.assert_array_equal(np.asarray(material.metallicRoughnessTexture), packed_orm(maps()))
    assert np.asarray(material.normalTexture).shape == (8, 16, 3)
    # 0.25 linear is 137 in sRGB
    assert np.asarray(material.baseColorTexture)[0, 0, 2] == 137


def test_the_container_follows_the_standard(written: tuple[Mesh, Path]) -> None:
    data = written[1].read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON" and size % 4 == 0
    document = json.loads(data[20 : 20 + size])
    binary, kind = struct.unpack_from("<I4s", data, 20 + size)
    assert kind == b"BIN\0" and binary == document["buffers"][0]["byteLength"] and binary % 4 == 0
    for view in document["bufferViews"]:
        assert view["byteOffset"] % 4 == 0 and view["byteOffset"] + view["byteLength"] <= binary
    position = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    np.testing.assert_allclose(position["max"], written[0].vertices.max(axis=0), atol=1e-6)
    tangent = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["TANGENT"]]
    assert tangent["type"] == "VEC4"
    material = document["materials"][0]
    assert material["occlusionTexture"]["index"] == 1  # packed with roughness and metallic


def test_channels_are_where_the_standard_has_them() -> None:
    packed = packed_orm(maps())
    assert (packed[..., 0] == 204).all()  # 1 - 0.2
    assert packed[4, 0, 1] == 128 and packed[0, 12, 2] == 255 and packed[0, 2, 2] == 0
    bare = PbrMaps(maps().albedo, maps().roughness, maps().metallic)
    assert (packed_orm(bare)[..., 0] == 255).all()


def test_normals_are_coded_as_they_are() -> None:
    flat = normal_image(np.array([[[0.0, 0.0, 0.5]]]))
    assert flat[0, 0].tolist() == [128, 128, 255]
    leaning = normal_image(np.array([[[0.6, 0.0, 0.8], [0.0, 0.6, 0.8]]]))
    assert leaning[0, 0].tolist() == [204, 128, 230] and leaning[0, 1].tolist() == [128, 204, 230]


def test_a_mesh_without_coordinates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="texture coordinates"):
        write_glb(tmp_path / "ball.glb", icosphere(1), maps())
