"""G-buffers: what pixel-centre rays of some cameras hit first on one mesh, as flat torch tensors over the covered pixels.

Traced once for known geometry; shading then needs no ray tracing. Normals are interpolated from area-weighted normals of
welded vertices, so texture seams do not show. The tangent is dp/du of the face made orthogonal to the normal, as in
Mitsuba's `normalmap`; without texture coordinates it is any direction of the surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch

from rerender.core.cameras import Camera
from rerender.core.errors import UserError
from rerender.core.meshchecks import check_finite
from rerender.core.meshes import Mesh, face_normals, tangents, texture_directions, vertex_normals
from rerender.rendering.compat import mitsuba_mesh
from rerender.rendering.pinholes import Pinholes
from rerender.rendering.scenes import Film


@dataclass(frozen=True, eq=False)
class GBuffer:
    """N covered pixels of V views of H x W pixels, in order.

    `pixels` int64 (N,), indices into the flattened (V, H, W); `starts` (V + 1,), where each view's pixels begin. Unit vectors
    in the world, (N, 3): `geometric` normals of the faces, `normals` smooth ones, `tangents`, and `toward` the camera.
    `positions` (N, 3) [scene units]; `uv` (N, 2), v upwards as in `Mesh`; `faces` int64 (N,); `barycentric` (N, 3).
    """

    shape: tuple[int, int, int]
    starts: tuple[int, ...]
    pixels: torch.Tensor
    positions: torch.Tensor
    geometric: torch.Tensor
    normals: torch.Tensor
    tangents: torch.Tensor
    toward: torch.Tensor
    uv: torch.Tensor
    faces: torch.Tensor
    barycentric: torch.Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    def mask(self) -> torch.Tensor:
        """Return the covered pixels, bool (V, H, W)."""
        flat = torch.zeros(int(np.prod(self.shape)), dtype=torch.bool, device=self.pixels.device)
        flat[self.pixels] = True
        return flat.reshape(self.shape)

    def images(self, values: torch.Tensor, background: torch.Tensor | float = 0.0) -> torch.Tensor:
        """Lay values (N, C) out as images (V, H, W, C) over a background of that shape, or a number. Differentiable."""
        channels = values.shape[-1]
        flat = torch.as_tensor(background, dtype=values.dtype, device=values.device)
        flat = flat.expand(*self.shape, channels).reshape(-1, channels)
        return flat.index_copy(0, self.pixels, values).reshape(*self.shape, channels)

    def gather(self, images: torch.Tensor) -> torch.Tensor:
        """Return the covered pixels (N, C) of images (V, H, W, C)."""
        return images.reshape(-1, images.shape[-1])[self.pixels]

    def of_view(self, view: int) -> slice:
        """Return which of the N pixels are of a view."""
        return slice(self.starts[view], self.starts[view + 1])

    def select(self, views: Sequence[int]) -> GBuffer:
        """Return the G-buffer of some views, in the order given; a view may come twice."""
        parts = [self.of_view(view) for view in views]
        size = self.shape[1] * self.shape[2]
        joined = {
            name: torch.cat([getattr(self, name)[part] for part in parts])
            for name in _PER_PIXEL
            if name != "pixels"
        }
        pixels = [
            self.pixels[part] + (new - view) * size
            for new, (view, part) in enumerate(zip(views, parts, strict=True))
        ]
        counts = np.cumsum([0, *(part.stop - part.start for part in parts)])
        shape = (len(views), *self.shape[1:])
        return GBuffer(shape, tuple(map(int, counts)), torch.cat(pixels), **joined)

    def kept(self, mask: torch.Tensor) -> GBuffer:
        """Return the pixels for which `mask` (N,) is true."""
        before = [0, *mask.cumsum(0).tolist()]
        values = {name: getattr(self, name)[mask] for name in _PER_PIXEL}
        return GBuffer(self.shape, tuple(before[start] for start in self.starts), **values)

    def thinned(self, stride: int) -> GBuffer:
        """Return every `stride`-th pixel of every `stride`-th row: pictures of ceil(H / stride) x ceil(W / stride) pixels."""
        views, height, width = self.shape
        rows, columns = self.pixels // width % height, self.pixels % width
        few = self.kept((rows % stride == 0) & (columns % stride == 0))
        rows, columns = few.pixels // width % height, few.pixels % width
        small_height, small_width = -(-height // stride), -(-width // stride)
        view = few.pixels // (height * width)
        place = (view * small_height + rows // stride) * small_width + columns // stride
        return replace(few, shape=(views, small_height, small_width), pixels=place)

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> GBuffer:
        """Return the G-buffer on another device, floating-point tensors in another precision."""
        moved = {}
        for name in _PER_PIXEL:
            value: torch.Tensor = getattr(self, name)
            moved[name] = value.to(device, dtype if value.is_floating_point() else None)
        return GBuffer(self.shape, self.starts, **moved)


_PER_PIXEL = tuple(field.name for field in fields(GBuffer) if field.name not in ("shape", "starts"))


def trace(
    mesh: Mesh, cameras: Sequence[Camera], height: int, width: int | None = None, *, name: str = "mesh"
) -> GBuffer:
    """Trace a ray through every pixel's centre of every camera; float32, on the CPU. Needs a Mitsuba variant.

    Raises `UserError` when the mesh is broken or no camera sees it.
    """
    import mitsuba as mi

    check_finite(mesh, name)
    film = Film(width or height, height, "box")
    shape = mitsuba_mesh("object", mesh, mi.load_dict({"type": "diffuse"}))
    scene = mi.load_dict({"type": "scene", "object": shape})
    rays = _pixel_rays(cameras, film)
    first = scene.ray_intersect_preliminary(rays)
    hit = np.array(first.is_valid()).astype(bool)
    views = (len(cameras), film.height, film.width)
    if not hit.any():
        raise UserError(
            f"none of the {len(cameras)} cameras sees the {name}: it lies between {mesh.vertices.min(axis=0).round(3).tolist()} "
            f"and {mesh.vertices.max(axis=0).round(3).tolist()}",
            "Point the cameras at it; a camera looks along the third column of its camera-to-world matrix here.",
        )
    faces = np.array(first.prim_index)[hit].astype(np.int64)
    second, third = np.array(first.prim_uv)[:, hit].astype(np.float64)  # misses hold garbage
    weights = np.stack([1.0 - second - third, second, third], axis=1)
    counts = hit.reshape(len(cameras), -1).sum(axis=1)
    return on_surface(
        mesh,
        faces,
        weights,
        toward=-np.array(rays.d).T[hit],
        shape=views,
        starts=(0, *map(int, np.cumsum(counts))),
        pixels=np.flatnonzero(hit),
    )


def on_surface(
    mesh: Mesh,
    faces: np.ndarray,
    barycentric: np.ndarray,
    *,
    toward: np.ndarray | None = None,
    shape: tuple[int, int, int] | None = None,
    starts: tuple[int, ...] | None = None,
    pixels: np.ndarray | None = None,
) -> GBuffer:
    """Return points of a mesh, given by face (N,) and barycentric coordinates (N, 3), as a G-buffer.

    Without `toward` they are seen along their normals; without `shape` they are a picture of one row.
    """
    corners = mesh.faces[faces]

    def across(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.einsum("nk,nkd->nd", barycentric, values[corners]))

    normals = _unit(across(vertex_normals(mesh)))
    arrays = {
        "positions": across(mesh.vertices),
        "geometric": face_normals(mesh)[faces],
        "normals": normals,
        "tangents": tangents(texture_directions(mesh)[faces], normals),
        "toward": normals if toward is None else toward,
        "uv": np.zeros((len(faces), 2)) if mesh.texcoords is None else across(mesh.texcoords),
        "barycentric": barycentric,
    }
    count = len(faces)
    return GBuffer(
        shape or (1, 1, count),
        starts or (0, count),
        torch.arange(count) if pixels is None else torch.from_numpy(pixels),
        faces=torch.from_numpy(np.asarray(faces, dtype=np.int64)),
        **{key: torch.from_numpy(np.ascontiguousarray(value, np.float32)) for key, value in arrays.items()},
    )


def _pixel_rays(cameras: Sequence[Camera], film: Film) -> Any:
    """Return one ray a pixel, views one after the other."""
    import drjit as dr
    import mitsuba as mi

    count = film.width * film.height
    lane: Any = dr.arange(mi.UInt32, count * len(cameras))
    within = lane % count
    place = mi.Point2f((within % film.width + 0.5) / film.width, (within // film.width + 0.5) / film.height)
    return Pinholes(cameras, film).select(lane // count).ray(place)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30))
