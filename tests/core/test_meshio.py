from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rerender.core.errors import UserError
from rerender.core.meshchecks import find_defects, is_closed
from rerender.core.meshes import Mesh, component_count, icosphere
from rerender.core.meshio import read_mesh, triangulate, write_ply

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_obj_polygons_become_fans(tmp_path: Path) -> None:
    mesh = read_mesh(write(tmp_path / "a.obj", SQUARE + "f 1 2 3 4\n"))
    np.testing.assert_array_equal(mesh.faces, [(0, 1, 2), (0, 2, 3)])
    assert mesh.texcoords is None


def test_triangulate_keeps_every_polygon_apart() -> None:
    triangles, polygon = triangulate(np.array([3, 5, 4]), np.arange(12))
    np.testing.assert_array_equal(
        triangles, [(0, 1, 2), (3, 4, 5), (3, 5, 6), (3, 6, 7), (8, 9, 10), (8, 10, 11)]
    )
    np.testing.assert_array_equal(polygon, [0, 1, 1, 1, 2, 2])
    with pytest.raises(ValueError, match="face 1 has 2 corners"):
        triangulate(np.array([3, 2]), np.arange(5))


def test_obj_negative_indices_count_from_the_end(tmp_path: Path) -> None:
    mesh = read_mesh(write(tmp_path / "a.obj", SQUARE + "f -4 -3 -2\nv 5 5 5\nf -1 -2 1\n"))
    np.testing.assert_array_equal(mesh.faces, [(0, 1, 2), (4, 3, 0)])


def test_obj_may_use_vertices_that_come_later(tmp_path: Path) -> None:
    assert len(read_mesh(write(tmp_path / "a.obj", "f 1 2 3\n" + SQUARE)).faces) == 1


def test_obj_seams_duplicate_positions_and_only_those(tmp_path: Path) -> None:
    text = (
        SQUARE
        + "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nvt .5 .5\nvn 0 0 1\nf 1/1/1 2/2/1 3/3/1\nf 1/5/1 3/3/1 4/4/1\n"
    )
    mesh = read_mesh(write(tmp_path / "a.obj", text))
    assert len(mesh.vertices) == 5  # vertex 1 twice: with coordinates 1 and 5
    assert mesh.texcoords is not None
    corners = {(tuple(mesh.vertices[k]), tuple(mesh.texcoords[k])) for face in mesh.faces for k in face}
    assert (
        ((0, 0, 0), (0, 0)) in corners
        and ((0, 0, 0), (0.5, 0.5)) in corners
        and ((1, 1, 0), (1, 1)) in corners
    )


def test_obj_without_coordinates_on_every_corner_has_none(tmp_path: Path) -> None:
    mesh = read_mesh(
        write(tmp_path / "a.obj", SQUARE + "vt 0 0\nvn 0 0 1\nf 1/1 2/1 3/1\nf 1//1 3//1 4//1\n")
    )
    assert mesh.texcoords is None and len(mesh.vertices) == 4


def test_obj_reads_comments_continuations_and_other_lines(tmp_path: Path) -> None:
    text = "# made by hand\nmtllib a.mtl\no thing\n" + SQUARE + "g all\ns off\nf 1 2 \\\n3 # last\n"
    assert len(read_mesh(write(tmp_path / "a.obj", text)).faces) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SQUARE + "f 1 2 x\n", r"line 5 \('f 1 2 x'\)"),
        (SQUARE + "f 1 2\n", "at least three corners"),
        (SQUARE + "f 1 2 9\n", "vertex 9, but the file has only 4"),
        (SQUARE + "f 1 2 0\n", "vertex index 0 does not exist"),
        (SQUARE + "f 1 2 -7\n", "vertex index -7 does not exist"),
        (SQUARE + "f 1/4 2/4 3/4\n", "texture coordinate 4, but the file has only 0"),
        ("v 0 0\n", "line 1"),
        ("", "0 vertices and 0 faces"),
        (SQUARE, "4 vertices and 0 faces"),
    ],
)
def test_a_broken_obj_is_explained(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_mesh(write(tmp_path / "a.obj", text))
    assert "a.obj" in str(caught.value)


def test_ply_round_trip_with_texture_coordinates(tmp_path: Path) -> None:
    ball = icosphere(2)
    mesh = Mesh(ball.vertices, ball.faces, ball.vertices[:, :2])
    write_ply(tmp_path / "a.ply", mesh)
    again = read_mesh(tmp_path / "a.ply")
    np.testing.assert_array_equal(again.faces, mesh.faces)
    np.testing.assert_array_equal(again.vertices, mesh.vertices.astype(np.float32))
    assert again.texcoords is not None
    np.testing.assert_allclose(again.texcoords, mesh.vertices[:, :2], atol=1e-7)
    assert not list(tmp_path.glob(".*"))


def ply(order: str, *, with_normals: bool = True, mixed: bool = True) -> bytes:
    """A square as a triangle and, if mixed, a quad that hangs on it; big or little endian, with other columns between."""
    name = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    extra = ["property double quality"] if with_normals else []
    header = ["ply", f"format {name} 1.0", "comment by hand", "element vertex 6", "property float x"]
    header += ["property float y", "property float z", *extra, "element face 2", "property uchar flag"]
    header += ["property list uchar int vertex_indices", "element edge 1", "property int a", "end_header", ""]
    body = b""
    for k, point in enumerate([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (2, 0, 0), (2, 1, 0)]):
        body += struct.pack(order + "fff", *point) + (struct.pack(order + "d", k) if with_normals else b"")
    faces = [(0, 1, 2), (1, 4, 5, 2)] if mixed else [(0, 1, 2), (0, 2, 3)]
    for face in faces:
        body += struct.pack(order + "BB", 7, len(face)) + struct.pack(order + f"{len(face)}i", *face)
    return "\n".join(header).encode() + body + struct.pack(order + "i", 1)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mixed", [True, False])
def test_binary_ply_in_both_orders_with_other_columns(tmp_path: Path, order: str, mixed: bool) -> None:
    mesh = read_mesh(write(tmp_path / "a.ply", ply(order, mixed=mixed)))
    expected = [(0, 1, 2), (1, 4, 5), (1, 5, 2)] if mixed else [(0, 1, 2), (0, 2, 3)]
    np.testing.assert_array_equal(mesh.faces, expected)
    np.testing.assert_array_equal(mesh.vertices[5], (2, 1, 0))


def test_ascii_ply_with_quads(tmp_path: Path) -> None:
    text = (
        "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
        "property float u\nproperty float v\nelement face 1\nproperty list uchar int vertex_index\nend_header\n"
        "0 0 0 0 0\n1 0 0 1 0\n1 1 0 1 1\n0 1 0 0 1\n4 0 1 2 3\n"
    )
    mesh = read_mesh(write(tmp_path / "a.ply", text))
    np.testing.assert_array_equal(mesh.faces, [(0, 1, 2), (0, 2, 3)])
    assert mesh.texcoords is not None and tuple(mesh.texcoords[2]) == (1, 1)


@pytest.mark.parametrize("cut", [1, 5, 20, 60])
@pytest.mark.parametrize("mixed", [True, False])
def test_a_truncated_ply_is_never_read_as_a_mesh(tmp_path: Path, cut: int, mixed: bool) -> None:
    with pytest.raises(UserError, match=r"truncated|cannot read"):
        read_mesh(write(tmp_path / "a.ply", ply("<", mixed=mixed)[:-cut]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"solid stl", "does not start with 'ply'"),
        (b"ply\nformat ascii 1.0\n", "header has no end"),
        (b"ply\nformat ascii 2\nelement vertex many\nend_header\n", "makes no sense"),
        (b"ply\nformat excel 1.0\nend_header\n", "unknown format 'excel'"),
        (
            b"ply\nformat ascii 1.0\nelement vertex 1\nproperty quad x\nend_header\n",
            "unknown property type 'quad'",
        ),
        (b"ply\nformat ascii 1.0\nend_header\n", "no 'vertex' or no 'face'"),
        (b"ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nend_header\n1\n", "only 1 of 2 rows"),
        (
            b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\nhalf\n",
            "row 0 of element 'vertex'",
        ),
    ],
)
def test_a_broken_ply_is_explained(tmp_path: Path, text: bytes, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        read_mesh(write(tmp_path / "a.ply", text))


def test_ply_faces_beyond_the_vertices_are_refused(tmp_path: Path) -> None:
    content = ply("<", mixed=False).replace(struct.pack("<3i", 0, 2, 3), struct.pack("<3i", 0, 2, 30))
    with pytest.raises(UserError, match="uses vertex 30"):
        read_mesh(write(tmp_path / "a.ply", content))


def test_a_zip_with_one_mesh_is_read_and_others_are_refused(tmp_path: Path) -> None:
    def pack(name: str, *members: str) -> Path:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member in members:
                archive.writestr(member, SQUARE + "f 1 2 3\n")
        return tmp_path / name

    assert len(read_mesh(pack("a.zip", "dir/a.obj", "__MACOSX/._a.obj", "readme.txt")).faces) == 1
    with pytest.raises(UserError, match=r"exactly one mesh, but has: a\.obj, b\.obj"):
        read_mesh(pack("b.zip", "a.obj", "b.obj"))
    with pytest.raises(UserError, match="has: none"):
        read_mesh(pack("c.zip", "a.txt"))
    with pytest.raises(UserError, match="not a whole zip"):
        read_mesh(write(tmp_path / "d.zip", pack("a.zip", "a.obj").read_bytes()[:40]))


def test_missing_files_and_unknown_types_are_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no mesh file"):
        read_mesh(tmp_path / "none.ply")
    with pytest.raises(UserError, match=r"unknown file type '\.stl'"):
        read_mesh(write(tmp_path / "a.stl", "solid"))


@pytest.mark.parametrize(
    ("name", "vertices", "faces", "closed", "textured"),
    [
        ("stanford-bunny.obj", 35947, 69451, False, False),
        ("suzanne.obj", 507, 968, False, False),
        ("rocker-arm.obj", 10044, 20088, True, False),
        ("horse.zip", 48485, 96966, True, False),
        ("spot-uv.obj", 3225, 5856, True, True),
        ("bob-uv.obj", 5647, 10688, True, True),
    ],
)
def test_real_meshes_have_their_known_sizes(
    asset_mirror: Path, name: str, vertices: int, faces: int, closed: bool, textured: bool
) -> None:
    mesh = read_mesh(asset_mirror / "meshes" / name)
    assert (len(mesh.vertices), len(mesh.faces)) == (vertices, faces)
    assert is_closed(mesh) == closed and (mesh.texcoords is not None) == textured
    assert component_count(mesh) == 1
    assert (find_defects(mesh).boundary_edges > 0) != closed
