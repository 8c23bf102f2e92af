"""Meshes with colours: files of any origin, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rerender.core import painted as module
from rerender.core.errors import UserError
from rerender.core.meshes import Mesh, bounding_box, icosphere
from rerender.core.painted import (
    PaintedMesh,
    from_tree,
    joined,
    placed,
    read_painted_ply,
    to_tree,
    write_painted_ply,
)


def ball() -> PaintedMesh:
    mesh = icosphere(1)
    labels = (np.arange(len(mesh.faces)) % 2).astype(np.int32)
    return PaintedMesh(mesh, (mesh.vertices + 1) / 2, labels, ("even", "odd"))


def ascii_ply(columns: list[str], rows: list[str], faces: list[str]) -> str:
    head = ["ply", "format ascii 1.0", f"element vertex {len(rows)}"]
    head += [f"property {column}" for column in columns]
    head += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header"]
    return "\n".join([*head, *rows, *faces, ""])


XYZ = ["float x", "float y", "float z"]
BYTES = ["uchar red", "uchar green", "uchar blue"]
CORNERS = ["0 0 0", "1 0 0", "0 1 0"]


def test_a_written_file_is_read_back(tmp_path: Path) -> None:
    write_painted_ply(tmp_path / "ball.ply", ball())
    again = read_painted_ply(tmp_path / "ball.ply")
    assert again.mesh.vertices == pytest.approx(ball().mesh.vertices, abs=1e-6)
    assert np.array_equal(again.mesh.faces, ball().mesh.faces)
    assert again.colours == pytest.approx(ball().colours, abs=0.5 / 255 + 1e-6)


@pytest.mark.parametrize(
    ("columns", "colour"),
    [
        ([*XYZ, *BYTES, "uchar alpha"], "255 51 0 7"),
        ([*XYZ, "float red", "float green", "float blue"], "1 0.2 0"),
        ([*XYZ, "float r", "float g", "float b"], "1 0.2 0"),
    ],
)
def test_colours_of_any_kind_end_in_the_unit_range(tmp_path: Path, columns: list[str], colour: str) -> None:
    file = tmp_path / "a.ply"
    file.write_text(ascii_ply(columns, [f"{corner} {colour}" for corner in CORNERS], ["3 0 1 2"]))
    assert read_painted_ply(file).colours[1] == pytest.approx((1.0, 0.2, 0.0), abs=1e-6)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (ascii_ply(XYZ, CORNERS, ["3 0 1 2"]), "no colours at its vertices"),
        (ascii_ply([*XYZ, *BYTES], [f"{c} 1 2 3" for c in CORNERS], []), "no faces"),
        (ascii_ply([*XYZ, *BYTES], [f"{c} 1 2 3" for c in CORNERS], ["3 0 1 9"]), "vertex 9"),
        (
            ascii_ply(
                [*XYZ, "float r", "float g", "float b"], [f"{c} 900 2 3" for c in CORNERS], ["3 0 1 2"]
            ),
            "900",
        ),
        ("solid cube", "does not start with 'ply'"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, content: str, word: str) -> None:
    file = tmp_path / "scan.ply"
    file.write_text(content)
    with pytest.raises(UserError, match=word) as caught:
        read_painted_ply(file)
    assert "scan.ply" in caught.value.message and "\n" not in caught.value.message


def test_absent_files_other_types_and_huge_scans_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="no mesh file"):
        read_painted_ply(tmp_path / "no.ply")
    with pytest.raises(UserError, match=r"not a \.ply"):
        read_painted_ply(tmp_path / "room.glb")
    write_painted_ply(tmp_path / "ball.ply", ball())
    monkeypatch.setattr(module, "MAX_FACES", 10)
    with pytest.raises(UserError, match="80 triangles; at most 10"):
        read_painted_ply(tmp_path / "ball.ply")


def test_a_scan_is_turned_upright_and_centred() -> None:
    up = PaintedMesh(
        Mesh(np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 3.0], [1.0, 2.0, 5.0]]), np.array([[0, 1, 2]])),
        np.ones((3, 3)),
    )
    raised = placed(up, up_axis="z", centre=False).mesh.vertices
    assert raised[2] - raised[0] == pytest.approx((0.0, 2.0, 0.0))  # what was up is up
    low, high = bounding_box(placed(up, up_axis="z", scale=2.0).mesh)
    assert low == pytest.approx(-high) and high[1] == pytest.approx(2.0)


def test_parts_keep_their_labels_and_trees_come_back() -> None:
    mesh = icosphere(0)
    both = joined(
        [("a", mesh, np.zeros((12, 3))), ("b", mesh, np.ones((12, 3))), ("a", mesh, np.ones((12, 3)))]
    )
    assert (
        both.label_names == ("a", "b") and both.faces_of("b").sum() == 20 and both.faces_of("a").sum() == 40
    )
    again = from_tree(to_tree(both))
    assert np.array_equal(again.mesh.faces, both.mesh.faces) and again.label_names == both.label_names
    with pytest.raises(ValueError, match="no segment 'c'"):
        both.faces_of("c")
