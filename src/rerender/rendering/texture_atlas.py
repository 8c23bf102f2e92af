"""Texture coordinates for any mesh, and baking: from a field over space to textures, and what fills the gaps.

Charts are xatlas's. A texel's place in space is found by one Mitsuba ray a texel through the mesh laid flat at (u, v, 0). Textures
have row 0 at v = 1.
"""

from __future__ import annotations

import numpy as np
import torch

from rerender.core.errors import UserError
from rerender.core.meshchecks import check_finite, find_defects
from rerender.core.meshes import Mesh, merged_with_index
from rerender.rendering.compat import mitsuba_mesh
from rerender.rendering.gbuffers import GBuffer, on_surface

PADDING = 2  # [texels] between charts, so that bilinear look-ups do not mix them


def unwrapped(mesh: Mesh, resolution: int = 1024, *, name: str = "mesh") -> Mesh:
    """Return the mesh with texture coordinates in [0, 1]^2, its faces in the same order; vertices are split at seams.

    Positions are welded first, so that charts are not cut where the file's were. Non-manifold edges become seams. Raises
    `UserError` when the mesh is broken or cannot be unwrapped.
    """
    import xatlas

    check_finite(mesh, name)
    welded, _ = merged_with_index(mesh)
    atlas = xatlas.Atlas()
    options = xatlas.PackOptions()
    options.padding, options.resolution, options.bilinear = PADDING, resolution, True
    try:
        atlas.add_mesh(welded.vertices.astype(np.float32), welded.faces.astype(np.uint32))
        atlas.generate(xatlas.ChartOptions(), options)
        source, faces, coordinates = atlas[0]
    except (RuntimeError, ValueError) as error:
        raise UserError(f"the mesh '{name}' cannot be unwrapped: {error}", _mend(welded)) from error
    if len(faces) != len(mesh.faces) or atlas.atlas_count != 1 or not np.isfinite(coordinates).all():
        raise UserError(
            f"the mesh '{name}' cannot be unwrapped into one atlas: {len(faces)} of {len(mesh.faces)} faces in "
            f"{atlas.atlas_count} atlases of {resolution} texels",
            _mend(welded),
        )
    return Mesh(welded.vertices[source], faces, np.clip(coordinates, 0.0, 1.0))


def with_texcoords(mesh: Mesh, resolution: int = 1024, *, name: str = "mesh") -> Mesh:
    """Return a mesh with texture coordinates: its own, or an atlas where it has none."""
    return mesh if mesh.texcoords is not None else unwrapped(mesh, resolution, name=name)


def texels(mesh: Mesh, height: int, width: int | None = None) -> GBuffer:
    """Return the surface behind every covered texel's centre as a G-buffer of one view (1, height, width).

    Where texels are shared by several faces, one of them is taken. Needs a Mitsuba variant and texture coordinates.
    """
    import drjit as dr
    import mitsuba as mi

    if mesh.texcoords is None:
        raise ValueError("a mesh without texture coordinates has no texels: see with_texcoords")
    width = width or height
    flat = Mesh(np.concatenate([mesh.texcoords, np.zeros((len(mesh.texcoords), 1))], axis=1), mesh.faces)
    shape = mitsuba_mesh("flat", flat, mi.load_dict({"type": "diffuse"}))
    scene = mi.load_dict({"type": "scene", "flat": shape})
    lane = dr.arange(mi.UInt32, width * height)
    u = (mi.Float(lane % width) + 0.5) / width
    v = 1.0 - (mi.Float(lane // width) + 0.5) / height
    found = scene.ray_intersect_preliminary(mi.Ray3f(mi.Point3f(u, v, 1.0), mi.Vector3f(0.0, 0.0, -1.0)))
    hit = np.array(found.is_valid()).astype(bool)
    second, third = np.array(found.prim_uv)[:, hit].astype(np.float64)  # misses hold garbage
    return on_surface(
        mesh,
        np.array(found.prim_index)[hit].astype(np.int64),
        np.stack([1.0 - second - third, second, third], axis=1),
        shape=(1, height, width),
        starts=(0, int(hit.sum())),
        pixels=np.flatnonzero(hit),
    )


def baked(found: GBuffer, values: torch.Tensor) -> np.ndarray:
    """Lay values (N, C) at texels out as a texture (H, W, C), float32; gaps take the nearest texel's value."""
    image = found.images(values.detach())[0].cpu().numpy()
    return dilated(image, found.mask()[0].cpu().numpy())


def dilated(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill the texels of (H, W, C) that are not `known` (H, W) with the nearest one that is."""
    from scipy.ndimage import distance_transform_edt

    if not known.any():
        raise ValueError("no texel is known")
    rows, columns = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(image[rows, columns])


def _mend(welded: Mesh) -> str:
    defects = find_defects(welded)
    return (
        f"It has {defects.nonmanifold_edges} non-manifold edges and {defects.boundary_edges} at holes. Mend it (MeshLab: "
        "Filters, Cleaning and Repairing), or unwrap it yourself (Blender: UV, Smart UV Project) and export it with UVs."
    )
