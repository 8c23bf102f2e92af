"""The Large Steps latent of a mesh (Nicolet et al. 2021): u = (I + lambda L) v, with L the combinatorial Laplacian.

Gradients with respect to u are M^-1 times those of the vertices, so that a step moves a neighbourhood, not a spike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


class LargeSteps:
    """The change of variables for one mesh topology, with a sparse Cholesky factor of M = I + lambda L."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, lambda_: float) -> None:
        import mitsuba as mi

        from rerender.rendering.compat import flat32

        self.count = len(vertices)
        indices = mi.UInt32(np.ascontiguousarray(faces, np.uint32).ravel())
        self._inner = mi.ad.LargeSteps(mi.Float(flat32(vertices)), indices, float(lambda_))

    def to_latent(self, vertices: np.ndarray) -> np.ndarray:
        """Return u = M v, shape (V, 3)."""
        import mitsuba as mi

        from rerender.rendering.compat import flat32

        return np.array(self._inner.to_differential(mi.Float(flat32(vertices)))).reshape(-1, 3)

    def to_vertices(self, latent: torch.Tensor) -> torch.Tensor:
        """Return v = M^-1 u, shape (V, 3), differentiably."""
        import drjit as dr
        import mitsuba as mi

        inner = self._inner

        @dr.wrap(source="torch", target="drjit")
        def solve(tensor: Any) -> Any:
            flat = inner.from_differential(mi.Float(tensor.array))
            return mi.TensorXf(flat, (len(flat),))

        result: torch.Tensor = solve(latent.reshape(-1))
        return result.reshape(-1, 3)
