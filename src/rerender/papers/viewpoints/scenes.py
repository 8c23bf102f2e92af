"""The painted mesh of a scene: a procedural room, a mesh of the registry coloured by position, or a scan of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rerender.catalogue.origins import read_origin
from rerender.catalogue.rooms import furnished_room
from rerender.core.files import load_tree, save_tree, write_json
from rerender.core.meshes import Mesh, bounding_box, merged_with_index, normalised
from rerender.core.meshio import read_mesh
from rerender.core.painted import (
    PaintedMesh,
    from_tree,
    placed,
    read_painted_ply,
    to_tree,
    write_painted_ply,
)
from rerender.papers.viewpoints.settings import ROOM, ScanSettings

DIAGONAL = 4.0
"""Registry meshes are scaled to this bounding-box diagonal [scene units], so that one set of cameras suits all scenes."""


def prepare_scene(
    name: str,
    folder: Path,
    *,
    cell: float,
    scan: ScanSettings | None = None,
    mesh: Path | None = None,
    mesh_origin: Path | None = None,
) -> None:
    """Write `{name}.npz`, `.ply` for other programs, and `.json` with the `origin` of what it was made from."""
    if scan is not None:
        painted = placed(
            read_painted_ply(scan.path), up_axis=scan.up_axis, centre=scan.centre, scale=scan.scale
        )
        origin = "original"
    elif mesh is not None:
        painted = coloured_by_position(read_mesh(mesh))
        origin = read_origin(*([mesh_origin] if mesh_origin else []))
    else:
        painted = furnished_room(int(name.removeprefix(ROOM)), cell)
        origin = "standin"
    save_tree(folder / f"{name}.npz", to_tree(painted))
    write_painted_ply(folder / f"{name}.ply", painted)
    write_json(
        folder / f"{name}.json",
        {
            "origin": origin,
            "vertices": len(painted.mesh.vertices),
            "faces": len(painted.mesh.faces),
            "labels": list(painted.label_names),
        },
    )


def load_scene(path: Path | str) -> PaintedMesh:
    """Read a prepared scene."""
    return from_tree(load_tree(path))


def coloured_by_position(mesh: Mesh) -> PaintedMesh:
    """Centre and scale a mesh, and colour it by place: a smooth ramp a channel, with waves that break symmetries."""
    merged, _ = merged_with_index(normalised(mesh, DIAGONAL))
    low, high = bounding_box(merged)
    share = (merged.vertices - low) / (high - low)
    waves = 0.15 * np.sin(share @ np.array([[9.0, 2.0, 5.0], [3.0, 11.0, 4.0], [6.0, 3.0, 10.0]]))
    return PaintedMesh(merged, np.clip(0.1 + 0.7 * share + waves, 0.0, 1.0))
