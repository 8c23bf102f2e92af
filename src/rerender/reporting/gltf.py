"""Textured meshes as glTF 2.0 binaries (.glb) with a metallic-roughness material: one file that any viewer opens.

The layout is the standard's: base colour sRGB; occlusion, roughness and metallic in the red, green and blue of one raw image; normals of
tangent space mapped from [-1, 1] to [0, 255]. Their second axis is N x T on both sides, which the tangents in the file say, so mirrored
charts need no care. v of texture coordinates runs downwards in the file.
"""

from __future__ import annotations

import io
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rerender.core.files import atomic_path
from rerender.core.images import srgb_encode, to_uint8
from rerender.core.meshes import Mesh, vertex_normals, vertex_tangents

FLOAT, UNSIGNED_INT = 5126, 5125
VERTICES, INDICES = 34962, 34963
MAGIC, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942


@dataclass(frozen=True, eq=False)
class PbrMaps:
    """Maps of one material, row 0 at v = 1: linear albedo (H, W, 3), roughness, metallic and occlusion (H, W) in [0, 1],
    tangent-space normals (H, W, 3), not necessarily unit. `occlusion` is how much is blocked: 0 is open.
    """

    albedo: np.ndarray
    roughness: np.ndarray
    metallic: np.ndarray
    normal: np.ndarray | None = None
    occlusion: np.ndarray | None = None


def packed_orm(maps: PbrMaps) -> np.ndarray:
    """Return the raw image of glTF: red is openness (1 - occlusion), green roughness, blue metallic; uint8 (H, W, 3)."""
    open_ = np.ones_like(maps.roughness) if maps.occlusion is None else 1.0 - maps.occlusion
    return to_uint8(np.stack([open_, maps.roughness, maps.metallic], axis=-1))


def normal_image(normals: np.ndarray) -> np.ndarray:
    """Return tangent-space normals as glTF's image; uint8 (H, W, 3)."""
    unit = normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    return to_uint8(0.5 + 0.5 * unit)


def write_glb(path: Path | str, mesh: Mesh, maps: PbrMaps, *, name: str = "object") -> None:
    """Write a mesh with texture coordinates and its maps, atomically."""
    if mesh.texcoords is None:
        raise ValueError("a mesh needs texture coordinates to carry maps")
    parts = _Parts()
    flipped = np.stack([mesh.texcoords[:, 0], 1.0 - mesh.texcoords[:, 1]], axis=1)
    attributes = {
        "POSITION": parts.floats(mesh.vertices, bounds=True),
        "NORMAL": parts.floats(_unit_normals(mesh)),
        "TEXCOORD_0": parts.floats(flipped),
        "TANGENT": parts.floats(np.concatenate([vertex_tangents(mesh), np.ones((len(flipped), 1))], axis=1)),
    }
    indices = parts.indices(mesh.faces)
    colour = parts.image(to_uint8(srgb_encode(np.clip(maps.albedo, 0.0, 1.0))))
    orm = parts.image(packed_orm(maps))
    material: dict[str, Any] = {
        "name": name,
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": colour},
            "metallicRoughnessTexture": {"index": orm},
        },
    }
    if maps.occlusion is not None:
        material["occlusionTexture"] = {"index": orm}
    if maps.normal is not None:
        material["normalTexture"] = {"index": parts.image(normal_image(maps.normal))}
    primitive = {"attributes": attributes, "indices": indices, "material": 0}
    document = {
        "asset": {"version": "2.0", "generator": "rerender"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name}],
        "meshes": [{"name": name, "primitives": [primitive]}],
        "materials": [material],
        "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}],
        **parts.tables(),
    }
    with atomic_path(path) as partial:
        partial.write_bytes(_container(document, bytes(parts.binary)))


class _Parts:
    """The binary chunk as it grows, and the tables that describe it."""

    def __init__(self) -> None:
        self.binary = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []

    def floats(self, values: np.ndarray, *, bounds: bool = False) -> int:
        """Add vectors (N, 2) to (N, 4); return their accessor."""
        single = np.ascontiguousarray(values, dtype="<f4")
        accessor = {"componentType": FLOAT, "count": len(single), "type": f"VEC{single.shape[1]}"}
        if bounds:
            accessor |= {"min": single.min(axis=0).tolist(), "max": single.max(axis=0).tolist()}
        return self._accessor(single.tobytes(), VERTICES, accessor)

    def indices(self, faces: np.ndarray) -> int:
        """Add the corners of triangles; return their accessor."""
        corners = np.ascontiguousarray(faces, dtype="<u4").ravel()
        accessor = {"componentType": UNSIGNED_INT, "count": len(corners), "type": "SCALAR"}
        return self._accessor(corners.tobytes(), INDICES, accessor)

    def image(self, pixels: np.ndarray) -> int:
        """Add an image as PNG; return its texture, of the same number."""
        from PIL import Image

        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, format="PNG")
        self.images.append({"mimeType": "image/png", "bufferView": self._view(stream.getvalue())})
        return len(self.images) - 1

    def tables(self) -> dict[str, Any]:
        """Return everything that refers to the binary chunk."""
        return {
            "textures": [{"sampler": 0, "source": index} for index in range(len(self.images))],
            "images": self.images,
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"byteLength": len(self.binary)}],
        }

    def _accessor(self, data: bytes, target: int, accessor: dict[str, Any]) -> int:
        self.accessors.append({"bufferView": self._view(data, target), **accessor})
        return len(self.accessors) - 1

    def _view(self, data: bytes, target: int | None = None) -> int:
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)}
        self.views.append(view if target is None else {**view, "target": target})
        self.binary += data + b"\0" * (-len(data) % 4)
        return len(self.views) - 1


def _container(document: dict[str, Any], binary: bytes) -> bytes:
    """Return header, JSON chunk and binary chunk, each padded to four bytes."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    length = 12 + 8 + len(text) + 8 + len(binary)
    return b"".join(
        [
            struct.pack("<III", MAGIC, 2, length),
            struct.pack("<II", len(text), JSON_CHUNK) + text,
            struct.pack("<II", len(binary), BINARY_CHUNK) + binary,
        ]
    )


def _unit_normals(mesh: Mesh) -> np.ndarray:
    """Return smooth normals; where there is none (no area around a vertex), one that points up."""
    normals = vertex_normals(mesh)
    normals[np.linalg.norm(normals, axis=1) < 0.5] = (0.0, 1.0, 0.0)
    return normals
