"""Priors on a mesh while its vertices are optimised: Laplacian, edge length, triangle area, and rotation of edges.

Metamers fact sheet, section 4.7. Index arrays are made once a topology; a term is a few gathers and sums. All are
differentiable in the vertices [scene units], shape (V, 3), and zero-dimensional.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from rerender.core.meshes import Mesh, edges_unique

SHORTEST = 1e-8  # guards the direction of an edge without length

TERMS = ("laplacian", "edge_length", "area", "arap")


class MeshPriors:
    """The four terms of one topology; `rest` is the mesh whose edge directions `arap` keeps."""

    def __init__(self, rest: Mesh, device: torch.device | str = "cpu") -> None:
        edges = edges_unique(rest)
        self.count = len(rest.vertices)
        self.first, self.second = (torch.from_numpy(edges[:, end].copy()).to(device) for end in (0, 1))
        self.corners = tuple(torch.from_numpy(rest.faces[:, k].astype(np.int64)).to(device) for k in range(3))
        degree = np.bincount(edges.ravel(), minlength=self.count)
        self.degree = torch.from_numpy(np.maximum(degree, 1)).to(device)
        along = rest.vertices[edges[:, 1]] - rest.vertices[edges[:, 0]]
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), SHORTEST)
        self.directions = torch.from_numpy(along).to(device)

    def laplacian(self, vertices: Tensor) -> Tensor:
        """Return the mean squared distance of a vertex from the mean of its neighbours."""
        sums = torch.zeros_like(vertices)
        sums = sums.index_add(0, self.first, vertices[self.second])
        sums = sums.index_add(0, self.second, vertices[self.first])
        return (vertices - sums / self.degree[:, None]).square().sum(1).mean()

    def edge_length(self, vertices: Tensor) -> Tensor:
        """Return the variance of the edge lengths around their present mean."""
        lengths = torch.linalg.vector_norm(self._edges(vertices), dim=1)
        variance: Tensor = (lengths - lengths.mean()).square().mean()
        return variance

    def area(self, vertices: Tensor) -> Tensor:
        """Return the variance of the triangle areas around their present mean."""
        a, b, c = (vertices[corner] for corner in self.corners)
        areas = 0.5 * torch.linalg.vector_norm(torch.linalg.cross(b - a, c - a), dim=1)
        variance: Tensor = (areas - areas.mean()).square().mean()
        return variance

    def arap(self, vertices: Tensor) -> Tensor:
        """Return the mean squared part of an edge across its direction at rest: lengths are free, rotations cost."""
        edges, directions = self._edges(vertices), self.directions.to(vertices.dtype)
        along = (edges * directions).sum(1, keepdim=True)
        return (edges - along * directions).square().sum(1).mean()

    def weighted(self, vertices: Tensor, weights: Mapping[str, float]) -> Tensor:
        """Return the weighted sum of the named terms; those of weight zero are not computed."""
        total = vertices.new_zeros(())
        for name, weight in weights.items():
            if weight:
                total = total + weight * getattr(self, name)(vertices)
        return total

    def _edges(self, vertices: Tensor) -> Tensor:
        return vertices[self.second] - vertices[self.first]
