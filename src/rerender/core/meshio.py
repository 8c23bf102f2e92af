"""Mesh files: Wavefront OBJ and Stanford PLY (ascii, binary of either byte order), plain or alone in a .zip.

Polygons become fans of triangles. Texture coordinates are kept: every pair (position, coordinate) that a face uses
becomes a vertex. Normals are not read, they follow from the faces. A broken file raises `UserError`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from rerender.core.errors import UserError
from rerender.core.files import atomic_path
from rerender.core.meshes import Mesh
from rerender.core.plyformat import Element, parse_ply

_AGAIN = "Fetch the file again, or export it anew as .obj or .ply."
_MAX_MEMBER_BYTES = 2 * 1024**3  # a zip that claims more is damaged or hostile


def read_mesh(path: Path | str) -> Mesh:
    """Read a mesh from `.obj`, `.ply`, or a `.zip` that holds exactly one of them."""
    path = Path(path)
    try:
        name, content = _content(path)
    except FileNotFoundError as error:
        raise UserError(f"there is no mesh file {path}", "Check the path, or fetch the asset.") from error
    except (zipfile.BadZipFile, EOFError) as error:
        raise UserError(f"{path} is not a whole zip archive: {error}", _AGAIN) from error
    suffix = PurePosixPath(name).suffix.lower()
    try:
        if suffix == ".obj":
            return parse_obj(content)
        if suffix == ".ply":
            return mesh_of_elements(parse_ply(content))
    except ValueError as error:
        raise UserError(f"cannot read the mesh {path}: {error}", _AGAIN) from error
    raise UserError(
        f"cannot read the mesh {path}: unknown file type '{suffix}'",
        "Use .obj, .ply, or one of them in a .zip.",
    )


def write_ply(path: Path | str, mesh: Mesh) -> None:
    """Write binary little-endian PLY with float32 positions (and s, t coordinates), atomically."""
    columns, names = [mesh.vertices], ["x", "y", "z"]
    if mesh.texcoords is not None:
        columns, names = [*columns, mesh.texcoords], [*names, "s", "t"]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(mesh.vertices)}"]
    header += [f"property float {name}" for name in names]
    header += [f"element face {len(mesh.faces)}", "property list uchar int vertex_indices", "end_header", ""]
    faces = np.empty(len(mesh.faces), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, mesh.faces
    with atomic_path(path) as partial, open(partial, "wb") as handle:
        handle.write("\n".join(header).encode("ascii"))
        handle.write(np.concatenate(columns, axis=1).astype("<f4").tobytes())
        handle.write(faces.tobytes())


def triangulate(sizes: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn polygons into fans of triangles.

    `sizes`, shape (P,), are corner counts and `corners`, shape (sum of sizes,), any per-corner values. Returns the
    values of the triangles' corners, shape (T, 3), and the polygon of each triangle, shape (T,).
    """
    sizes = np.asarray(sizes, dtype=np.int64)
    if sizes.size and sizes.min() < 3:
        raise ValueError(f"face {int(np.argmin(sizes))} has {int(sizes.min())} corners, fewer than three")
    start = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if sizes.size else np.zeros(0, np.int64)
    polygon = np.repeat(np.arange(len(sizes)), sizes - 2)
    within = np.arange(len(polygon)) - np.repeat(np.cumsum(sizes - 2) - (sizes - 2), sizes - 2)
    first = start[polygon]
    return corners[np.stack([first, first + within + 1, first + within + 2], axis=1)], polygon


def parse_obj(content: bytes) -> Mesh:
    """Parse OBJ text: `v`, `vt` and `f` lines (also v/vt/vn, v//vn, polygons and negative indices)."""
    positions: list[list[float]] = []
    coordinates: list[list[float]] = []
    corners: list[tuple[int, int]] = []
    sizes: list[int] = []
    lines = content.decode("utf-8", errors="replace").replace("\\\n", " ").splitlines()
    for number, line in enumerate(lines, start=1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        try:
            if words[0] == "v":
                positions.append([float(word) for word in words[1:4]])
                if len(positions[-1]) < 3:
                    raise ValueError("a vertex needs three numbers")
            elif words[0] == "vt":
                coordinates.append([float(words[1]), float(words[2]) if len(words) > 2 else 0.0])
            elif words[0] == "f":
                if len(words) < 4:
                    raise ValueError("a face needs at least three corners")
                corners += [_obj_corner(word, len(positions), len(coordinates)) for word in words[1:]]
                sizes.append(len(words) - 1)
        except (ValueError, IndexError) as error:
            raise ValueError(f"line {number} ('{line.strip()[:60]}'): {error}") from error
    if not positions or not sizes:
        raise ValueError(f"it has {len(positions)} vertices and {len(sizes)} faces")
    return _assemble(
        np.array(positions), np.array(coordinates).reshape(-1, 2), np.array(corners), np.array(sizes)
    )


def _obj_corner(word: str, positions: int, coordinates: int) -> tuple[int, int]:
    """Return zero-based (position, coordinate) of one face corner; -1 for no coordinate."""
    parts = word.split("/")
    position = _obj_index(int(parts[0]), positions, "vertex")
    if len(parts) < 2 or not parts[1]:
        return position, -1
    return position, _obj_index(int(parts[1]), coordinates, "texture coordinate")


def _obj_index(value: int, count: int, what: str) -> int:
    index = value - 1 if value > 0 else count + value
    # faces may refer to vertices further down the file; those are checked once all are read
    if value == 0 or index < 0:
        raise ValueError(f"{what} index {value} does not exist")
    return index


def _assemble(positions: np.ndarray, coordinates: np.ndarray, corners: np.ndarray, sizes: np.ndarray) -> Mesh:
    """Build a mesh from per-corner (position, coordinate) pairs; a pair becomes a vertex where there are seams."""
    for column, table, what in ((0, positions, "vertex"), (1, coordinates, "texture coordinate")):
        if corners[:, column].max() >= len(table):
            raise ValueError(
                f"a face uses {what} {corners[:, column].max() + 1}, but the file has only {len(table)}"
            )
    if (corners[:, 1] < 0).any():  # without coordinates on every corner there is no parametrisation to keep
        faces, _ = triangulate(sizes, corners[:, 0])
        return Mesh(positions, faces)
    pairs, inverse = np.unique(corners, axis=0, return_inverse=True)
    faces, _ = triangulate(sizes, inverse.ravel())
    return Mesh(positions[pairs[:, 0]], faces, coordinates[pairs[:, 1]])


def mesh_of_elements(elements: Mapping[str, Element]) -> Mesh:
    """Return the mesh in a parsed PLY; raises `ValueError` saying what is missing."""
    vertex, face = elements.get("vertex"), elements.get("face")
    if vertex is None or face is None:
        raise ValueError("it has no 'vertex' or no 'face' element")
    if not {"x", "y", "z"} <= vertex.scalars.keys():
        raise ValueError("its vertices have no x, y, z")
    lists = [face.lists[name] for name in ("vertex_indices", "vertex_index") if name in face.lists]
    if not lists:
        raise ValueError("its faces have no 'vertex_indices' list")
    sizes, corners = lists[0]
    positions = np.stack([vertex.scalars[axis] for axis in "xyz"], axis=1).astype(np.float64)
    corners = corners.astype(np.int64)
    wrong = corners[(corners < 0) | (corners >= len(positions))]
    if wrong.size:
        raise ValueError(f"a face uses vertex {wrong[0]}, but the vertices are 0 to {len(positions) - 1}")
    faces, _ = triangulate(sizes, corners)
    for s, t in (("s", "t"), ("u", "v"), ("texture_u", "texture_v")):
        if s in vertex.scalars and t in vertex.scalars:
            return Mesh(positions, faces, np.stack([vertex.scalars[s], vertex.scalars[t]], axis=1))
    return Mesh(positions, faces)


def _content(path: Path) -> tuple[str, bytes]:
    """Return the name and bytes of the mesh file, looking into a zip."""
    if path.suffix.lower() != ".zip":
        return path.name, path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        meshes = [
            entry
            for entry in archive.infolist()
            if PurePosixPath(entry.filename).suffix.lower() in (".obj", ".ply")
            and not entry.filename.startswith("__MACOSX/")
        ]
        if len(meshes) != 1:
            names = ", ".join(entry.filename for entry in meshes) or "none"
            raise UserError(
                f"{path} must hold exactly one mesh, but has: {names}",
                "Unpack it and name the file you want.",
            )
        if meshes[0].file_size > _MAX_MEMBER_BYTES:
            raise UserError(f"{path} claims a mesh of {meshes[0].file_size} bytes", _AGAIN)
        return meshes[0].filename, archive.read(meshes[0])
