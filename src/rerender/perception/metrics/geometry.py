"""Distances between two surfaces, from seeded area-uniform samples; and silhouette overlap.

Conventions (others exist, so compare with care): distances are in scene units, in world space.
Chamfer L1 is the mean nearest distance, averaged over the two directions; squared L2 the same with
squared distances. Normal consistency is the mean |cos| between the normals of nearest points. The
F-score counts samples within 1% of the target's bounding-box diagonal.

With n samples, two samplings of the same surface of area A still have a Chamfer L1 of about
0.5 sqrt(A / n): `sampling_floor` measures it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from rerender.core.errors import UserError
from rerender.core.meshes import Mesh, bounding_diagonal, sample_surface, volume
from rerender.core.seeds import derive_seed

SAMPLES = 100_000
F_SCORE_THRESHOLD = 0.01

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SurfaceDistances:
    """Nearest distances and |cos| of normals: `forward` from the mesh's samples to the target's."""

    forward: Array
    backward: Array
    forward_cosines: Array
    backward_cosines: Array


def surface_distances(mesh: Mesh, target: Mesh, samples: int = SAMPLES, seed: int = 0) -> SurfaceDistances:
    """Sample both surfaces with independent seeds and find each sample's nearest on the other."""
    points, normals = _sample(mesh, samples, derive_seed(seed, "surface", "mesh"))
    others, other_normals = _sample(target, samples, derive_seed(seed, "surface", "target"))
    forward, nearest = cKDTree(others).query(points)
    backward, nearest_back = cKDTree(points).query(others)
    return SurfaceDistances(
        forward,
        backward,
        np.abs(np.einsum("ij,ij->i", normals, other_normals[nearest])),
        np.abs(np.einsum("ij,ij->i", other_normals, normals[nearest_back])),
    )


def chamfer_l1(distances: SurfaceDistances) -> float:
    """Return the mean distance, averaged over both directions."""
    return float((distances.forward.mean() + distances.backward.mean()) / 2)


def chamfer_l2sq(distances: SurfaceDistances) -> float:
    """Return the mean squared distance, averaged over both directions."""
    return float((np.square(distances.forward).mean() + np.square(distances.backward).mean()) / 2)


def hausdorff(distances: SurfaceDistances) -> float:
    """Return the largest distance in either direction."""
    return float(max(distances.forward.max(), distances.backward.max()))


def hausdorff95(distances: SurfaceDistances) -> float:
    """Return the larger of the two directions' 95th percentiles."""
    return float(max(np.percentile(distances.forward, 95), np.percentile(distances.backward, 95)))


def normal_consistency(distances: SurfaceDistances) -> float:
    """Return the mean |cos| of nearest points' normals, averaged over both directions; 1 is best."""
    return float((distances.forward_cosines.mean() + distances.backward_cosines.mean()) / 2)


def f_score(distances: SurfaceDistances, threshold: float) -> float:
    """Return the harmonic mean of precision and recall at a distance `threshold`."""
    precision = float((distances.forward <= threshold).mean())
    recall = float((distances.backward <= threshold).mean())
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def silhouette_iou(masks: NDArray[np.bool_], targets: NDArray[np.bool_]) -> float:
    """Return the mean over views of |A and B| / |A or B| for (N, H, W) masks; 1 where both are empty."""
    if masks.shape != targets.shape or masks.ndim != 3 or len(masks) == 0:
        raise UserError(f"silhouettes must be equal (N, H, W), got {masks.shape} and {targets.shape}")
    inside = (masks & targets).sum((1, 2))
    union = (masks | targets).sum((1, 2))
    return float(np.mean(np.where(union == 0, 1.0, inside / np.maximum(union, 1))))


def sampling_floor(mesh: Mesh, samples: int = SAMPLES, seed: int = 0) -> float:
    """Return the Chamfer L1 between two samplings of the same surface: what a perfect fit would score."""
    return chamfer_l1(surface_distances(mesh, mesh, samples, derive_seed(seed, "floor")))


def geometry_metrics(mesh: Mesh, target: Mesh, samples: int = SAMPLES, seed: int = 0) -> dict[str, float]:
    """Return every surface metric of `mesh` against `target`, by the names of `GEOMETRY_METRICS`."""
    distances = surface_distances(mesh, target, samples, seed)
    return {
        "chamfer_l1": chamfer_l1(distances),
        "chamfer_l2sq": chamfer_l2sq(distances),
        "hausdorff": hausdorff(distances),
        "hausdorff95": hausdorff95(distances),
        "normal_consistency": normal_consistency(distances),
        "f_score": f_score(distances, F_SCORE_THRESHOLD * bounding_diagonal(target)),
        "volume": volume(mesh),
        "vertices": float(len(mesh.vertices)),
        "faces": float(len(mesh.faces)),
    }


GEOMETRY_METRICS: Mapping[str, tuple[str, str]] = {
    "chamfer_l1": ("scene unit", "lower"),
    "chamfer_l2sq": ("scene unit^2", "lower"),
    "hausdorff": ("scene unit", "lower"),
    "hausdorff95": ("scene unit", "lower"),
    "normal_consistency": ("", "higher"),
    "f_score": ("", "higher"),
    "silhouette_iou": ("", "higher"),
    "volume": ("scene unit^3", "none"),
    "vertices": ("", "none"),
    "faces": ("", "none"),
}
"""Unit and better direction of each metric."""


def _sample(mesh: Mesh, samples: int, seed: int) -> tuple[Array, Array]:
    if not np.isfinite(mesh.vertices).all():
        raise UserError("a mesh to be measured has NaN or infinite vertices")
    points, normals = sample_surface(mesh, samples, np.random.default_rng(seed))
    return points, normals
