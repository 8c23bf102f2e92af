"""Triangle meshes with a colour at every vertex, such as scans, and their PLY files.

Colours are display values (sRGB) in [0, 1]. Labels, where there are any, name a segment of every face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rerender.core.errors import UserError
from rerender.core.files import Tree, atomic_path
from rerender.core.meshchecks import check_finite
from rerender.core.meshes import Mesh, bounding_box
from rerender.core.meshio import mesh_of_elements
from rerender.core.plyformat import parse_ply

MAX_FACES = 4_000_000
"""Some 1 GB with its acceleration structure; a scan of a room has 0.1 to 1 million."""

_COLOURS = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"))


@dataclass(frozen=True, eq=False)
class PaintedMesh:
    """A mesh with `colours`, float32 (V, 3), and optionally `labels`, int32 (F,), indices into `label_names`."""

    mesh: Mesh
    colours: np.ndarray
    labels: np.ndarray | None = None
    label_names: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        colours = np.ascontiguousarray(self.colours, dtype=np.float32)
        if colours.shape != (len(self.mesh.vertices), 3):
            raise ValueError(f"colours must have shape ({len(self.mesh.vertices)}, 3), not {colours.shape}")
        object.__setattr__(self, "colours", colours)
        if self.labels is not None:
            labels = np.ascontiguousarray(self.labels, dtype=np.int32)
            if labels.shape != (len(self.mesh.faces),):
                raise ValueError(f"labels must have shape ({len(self.mesh.faces)},), not {labels.shape}")
            if labels.size and not 0 <= labels.min() <= labels.max() < len(self.label_names):
                raise ValueError(f"labels must lie in 0..{len(self.label_names) - 1}")
            object.__setattr__(self, "labels", labels)

    def faces_of(self, label: str) -> np.ndarray:
        """Return which faces belong to a segment, boolean (F,)."""
        if self.labels is None or label not in self.label_names:
            raise ValueError(f"no segment '{label}' among {self.label_names}")
        return np.asarray(self.labels == self.label_names.index(label))


def read_painted_ply(path: Path | str) -> PaintedMesh:
    """Read a PLY with colours at its vertices; 8 and 16 bit ones are scaled to [0, 1], an alpha column is ignored.

    Raises `UserError` for a file that is absent or damaged, has no faces, no colours, or more than `MAX_FACES` faces.
    """
    path = Path(path)
    if path.suffix.lower() != ".ply":
        raise UserError(
            f"{path} is not a .ply file", "Export the scene as PLY with vertex colours (MeshLab, Blender)."
        )
    try:
        elements = parse_ply(path.read_bytes())
        mesh = mesh_of_elements(elements)
    except FileNotFoundError as error:
        raise UserError(f"there is no mesh file {path}", "Check the path in viewpoints.scans.") from error
    except ValueError as error:
        raise UserError(f"cannot read the mesh {path}: {error}", "Export it again as PLY.") from error
    if len(mesh.faces) > MAX_FACES:
        raise UserError(
            f"{path} has {len(mesh.faces)} triangles; at most {MAX_FACES} are taken",
            "Reduce it first (MeshLab: Filters, Remeshing, Quadric Edge Collapse Decimation).",
        )
    check_finite(mesh, path.name)
    columns = elements["vertex"].scalars
    for names in _COLOURS:
        if all(name in columns for name in names):
            return PaintedMesh(mesh, np.stack([_unit_range(columns[name], path) for name in names], axis=1))
    raise UserError(
        f"{path} has no colours at its vertices (columns: {', '.join(columns)})",
        "Export it with vertex colours: columns red, green, blue (MeshLab: tick Color under Vert).",
    )


def _unit_range(column: np.ndarray, path: Path) -> np.ndarray:
    """Return a colour column as float in [0, 1]."""
    values = np.asarray(column)
    if np.issubdtype(values.dtype, np.integer):
        return np.asarray(values / float(np.iinfo(values.dtype).max), dtype=np.float32)
    top = float(values.max(initial=0.0))
    if not np.isfinite(values).all() or values.min(initial=0.0) < 0 or top > 255.0:
        raise UserError(
            f"{path} has vertex colours from {values.min():g} to {top:g}", "They must lie in 0..1 or 0..255."
        )
    # ascii files hold bytes as plain numbers
    return np.asarray(values / (255.0 if top > 1.0 else 1.0), dtype=np.float32)


def write_painted_ply(path: Path | str, painted: PaintedMesh) -> None:
    """Write binary little-endian PLY: float32 positions, uchar colours and, where there are labels, an int label a face."""
    mesh = painted.mesh
    vertices = np.empty(len(mesh.vertices), dtype=[("at", "<f4", 3), ("colour", "u1", 3)])
    vertices["at"] = mesh.vertices
    vertices["colour"] = np.rint(np.clip(painted.colours, 0, 1) * 255)
    layout: list[tuple[str, str] | tuple[str, str, int]] = [("count", "u1"), ("corners", "<i4", 3)]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(mesh.vertices)}"]
    header += [f"property float {axis}" for axis in "xyz"]
    header += [f"property uchar {channel}" for channel in _COLOURS[0]]
    header += [f"element face {len(mesh.faces)}", "property list uchar int vertex_indices"]
    if painted.labels is not None:
        header.append("property int label")
        layout.append(("label", "<i4"))
    faces = np.empty(len(mesh.faces), dtype=layout)
    faces["count"], faces["corners"] = 3, mesh.faces
    if painted.labels is not None:
        faces["label"] = painted.labels
    with atomic_path(path) as partial, open(partial, "wb") as handle:
        handle.write("\n".join([*header, "end_header", ""]).encode("ascii"))
        handle.write(vertices.tobytes() + faces.tobytes())


def to_tree(painted: PaintedMesh) -> Tree:
    """Return the mesh as arrays and plain values, for `save_tree`."""
    return {
        "vertices": painted.mesh.vertices.astype(np.float32),
        "faces": painted.mesh.faces,
        "colours": painted.colours,
        "labels": painted.labels,
        "label_names": list(painted.label_names),
    }


def from_tree(tree: Tree) -> PaintedMesh:
    """Undo `to_tree`."""
    return PaintedMesh(
        Mesh(tree["vertices"], tree["faces"]), tree["colours"], tree["labels"], tuple(tree["label_names"])
    )


def joined(parts: Sequence[tuple[str, Mesh, np.ndarray]]) -> PaintedMesh:
    """Put labelled parts (label, mesh, colours) into one mesh; parts of one label share it."""
    names = tuple(dict.fromkeys(label for label, _, _ in parts))
    starts = np.cumsum([0, *(len(mesh.vertices) for _, mesh, _ in parts)])
    return PaintedMesh(
        Mesh(
            np.concatenate([mesh.vertices for _, mesh, _ in parts]),
            np.concatenate([mesh.faces + start for (_, mesh, _), start in zip(parts, starts, strict=False)]),
        ),
        np.concatenate([colours for _, _, colours in parts]),
        np.concatenate([np.full(len(mesh.faces), names.index(label)) for label, mesh, _ in parts]),
        names,
    )


def placed(
    painted: PaintedMesh, *, up_axis: str = "y", centre: bool = True, scale: float = 1.0
) -> PaintedMesh:
    """Turn a z-up mesh to y-up by (x, y, z) -> (x, z, -y), move its bounding box's centre to the origin, and scale it."""
    vertices = painted.mesh.vertices
    if up_axis == "z":
        vertices = np.stack([vertices[:, 0], vertices[:, 2], -vertices[:, 1]], axis=1)
    mesh = Mesh(vertices, painted.mesh.faces)
    if centre:
        low, high = bounding_box(mesh)
        vertices = vertices - 0.5 * (low + high)
    return PaintedMesh(
        Mesh(vertices * scale, mesh.faces), painted.colours, painted.labels, painted.label_names
    )
