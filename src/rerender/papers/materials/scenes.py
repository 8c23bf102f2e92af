"""Objects with known materials, read from their file: a mesh with texture coordinates and its true maps, as tensors where fits ask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rerender.core.files import load_tree
from rerender.core.meshes import Mesh
from rerender.papers.materials.fields import Maps
from rerender.papers.materials.sources import bilinear


@dataclass(frozen=True, eq=False)
class TexturedObject:
    """A mesh and its maps: linear albedo (H, W, 3), perceptual roughness and metallic (H, W); row 0 is at v = 1."""

    mesh: Mesh
    albedo: np.ndarray
    roughness: np.ndarray
    metallic: np.ndarray

    def maps(self, uv: Tensor) -> Maps:
        """Return the materials at texture coordinates (N, 2), with flat normals."""
        return {
            "albedo": bilinear(torch.from_numpy(self.albedo), uv),
            "roughness": bilinear(torch.from_numpy(self.roughness[..., None]), uv),
            "metallic": bilinear(torch.from_numpy(self.metallic[..., None]), uv),
            "normal": torch.tensor([0.0, 0.0, 1.0]).expand(len(uv), 3),
        }


def load_object(path: Path | str) -> TexturedObject:
    """Read what `catalogue.material_objects.save_materials` wrote."""
    tree = load_tree(path)
    return TexturedObject(Mesh(**tree.pop("mesh")), **tree)
