from __future__ import annotations

import math

import numpy as np
import pytest

from rerender.core.errors import UserError
from rerender.core.meshes import Mesh, icosphere, transformed
from rerender.perception.metrics import geometry as metrics

N = 4000


def plane(height: float, size: float = 1.0) -> Mesh:
    corners = np.array(
        [[0, 0, height], [size, 0, height], [size, size, height], [0, size, height]], dtype=np.float64
    )
    return Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32))


def test_concentric_spheres() -> None:
    # Every sample is about 0.1 from the other sphere; the samples' spacing adds a little.
    distances = metrics.surface_distances(icosphere(4, 1.1), icosphere(4, 1.0), N, seed=1)
    spacing = math.sqrt(4 * math.pi / N)
    assert metrics.chamfer_l1(distances) == pytest.approx(0.1, abs=0.3 * spacing)
    assert metrics.chamfer_l1(distances) > 0.1
    assert metrics.chamfer_l2sq(distances) == pytest.approx(0.01 + spacing**2 / 4, rel=0.3)
    assert 0.1 < metrics.hausdorff95(distances) <= metrics.hausdorff(distances) < 0.1 + 3 * spacing
    assert metrics.normal_consistency(distances) > 0.98


def test_more_samples_come_closer_to_the_truth() -> None:
    errors = [
        metrics.chamfer_l1(metrics.surface_distances(icosphere(4, 1.1), icosphere(4, 1.0), n, seed=1)) - 0.1
        for n in (500, 2000, 20_000)
    ]
    assert errors[0] > errors[1] > errors[2] > 0


def test_shifted_planes() -> None:
    # Far apart compared with the spacing, the nearest point is straight across: exactly the shift.
    distances = metrics.surface_distances(plane(0.0), plane(3.0), 20_000, seed=2)
    assert metrics.chamfer_l1(distances) == pytest.approx(3.0, abs=1e-4)
    assert metrics.chamfer_l2sq(distances) == pytest.approx(9.0, abs=1e-3)
    assert metrics.hausdorff(distances) == pytest.approx(3.0, abs=1e-3)
    assert metrics.normal_consistency(distances) == pytest.approx(1.0)
    assert metrics.f_score(distances, 3.1) == 1.0
    assert metrics.f_score(distances, 2.9) == 0.0


def test_a_missing_part_is_seen_from_one_side_only() -> None:
    # A plane of half the size lies on the target: precision 1, recall about a quarter.
    distances = metrics.surface_distances(plane(0.0, 0.5), plane(0.0, 1.0), 20_000, seed=3)
    assert distances.forward.max() < 0.06
    assert metrics.hausdorff(distances) == pytest.approx(math.sqrt(0.5), abs=0.03)
    assert metrics.f_score(distances, 0.02) == pytest.approx(2 * 0.25 / 1.25, abs=0.05)


def test_normals_of_crossed_planes_disagree() -> None:
    upright = transformed(plane(0.0), np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]]))
    distances = metrics.surface_distances(plane(0.0), upright, 1000, seed=0)
    assert metrics.normal_consistency(distances) == pytest.approx(0.0, abs=1e-9)


def test_flipped_faces_do_not_matter() -> None:
    sphere = icosphere(2)
    flipped = Mesh(sphere.vertices, sphere.faces[:, ::-1].copy())
    distances = metrics.surface_distances(sphere, flipped, N, seed=0)
    assert metrics.normal_consistency(distances) > 0.95


def test_seeded_and_independent() -> None:
    a, b = icosphere(2, 1.05), icosphere(2)
    first, again, other = (metrics.geometry_metrics(a, b, 1000, seed) for seed in (5, 5, 6))
    assert first == again
    assert first["chamfer_l1"] != other["chamfer_l1"]
    # the two surfaces are sampled independently: equal meshes do not score zero
    floor = metrics.sampling_floor(b, 1000)
    assert floor == pytest.approx(0.5 * math.sqrt(4 * math.pi / 1000), rel=0.2)


def test_all_metrics_by_name() -> None:
    values = metrics.geometry_metrics(icosphere(3, 1.2), icosphere(3), 2000, seed=0)
    assert set(values) | {"silhouette_iou"} == set(metrics.GEOMETRY_METRICS)
    assert all(isinstance(value, float) for value in values.values())
    assert values["volume"] == pytest.approx(4 / 3 * math.pi * 1.2**3, rel=0.03)
    assert (values["vertices"], values["faces"]) == (642, 1280)
    assert values["f_score"] == 0.0


def test_silhouettes() -> None:
    masks = np.zeros((3, 4, 4), dtype=bool)
    targets = masks.copy()
    masks[0, :2], targets[0, 1:3] = True, True  # 4 shared of 12
    masks[1], targets[1] = True, True
    assert metrics.silhouette_iou(masks, targets) == pytest.approx((1 / 3 + 1 + 1) / 3)
    with pytest.raises(UserError, match="silhouettes"):
        metrics.silhouette_iou(masks, targets[:2])


def test_broken_meshes_are_refused() -> None:
    sphere = icosphere(1)
    vertices = sphere.vertices.copy()
    vertices[3, 1] = np.nan
    with pytest.raises(UserError, match="NaN"):
        metrics.geometry_metrics(Mesh(vertices, sphere.faces), sphere, 100)
