"""The one place that knows names which differ between Mitsuba versions (tested with 3.9.1).

Development versions call a mesh's `vertex_positions` plain `positions`, with shape (V, 3).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rerender.core.meshes import Mesh

VERTEX_POSITIONS = "vertex_positions"
VERTEX_NORMALS = "vertex_normals"
FACES = "faces"


def mitsuba_mesh(
    name: str, mesh: Mesh, bsdf: Any, normals: np.ndarray | None = None, *, flat: bool = False
) -> Any:
    """Return a `mi.Mesh` with smooth normals, its own or `normals` (V, 3), that carries the BSDF and any texture coordinates; `flat`: none but its faces'.

    V of Mitsuba's UVs runs downwards from the top row of a bitmap as loaded from memory; Wavefront's
    runs upwards. The flip happens here, so texture arrays have their first row at v = 1.
    """
    import mitsuba as mi

    properties = mi.Properties()
    properties["mesh_bsdf"] = bsdf
    if flat:
        properties["face_normals"] = True
    result = mi.Mesh(
        name,
        len(mesh.vertices),
        len(mesh.faces),
        props=properties,
        has_vertex_normals=not flat,
        has_vertex_texcoords=mesh.texcoords is not None,
    )
    parameters = mi.traverse(result)
    parameters[VERTEX_POSITIONS] = mi.Float(flat32(mesh.vertices))
    parameters[FACES] = mi.UInt32(np.ascontiguousarray(mesh.faces, dtype=np.uint32).ravel())
    if mesh.texcoords is not None:
        flipped = np.stack([mesh.texcoords[:, 0], 1.0 - mesh.texcoords[:, 1]], axis=1)
        parameters["vertex_texcoords"] = mi.Float(flat32(flipped))
    parameters.update()
    if normals is not None:  # a second update: that of positions makes Mitsuba's own
        parameters[VERTEX_NORMALS] = mi.Float(flat32(normals))
        parameters.update()
    return result


def flat32(values: np.ndarray) -> np.ndarray:
    """Return the values as a contiguous flat float32 array."""
    return np.ascontiguousarray(values, dtype=np.float32).ravel()
