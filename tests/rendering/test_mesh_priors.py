"""The mesh priors against numbers worked out by hand, and their gradients against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rerender.core.meshes import Mesh, icosphere
from rerender.rendering.mesh_priors import TERMS, MeshPriors

TETRAHEDRON = Mesh(
    np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)], dtype=np.float64),
    np.array([(0, 1, 2), (0, 3, 1), (0, 2, 3), (1, 3, 2)]),
)
RIGHT = Mesh(  # legs of 3 and 4 along x and y, and a unit edge along z
    np.array([(0, 0, 0), (3, 0, 0), (0, 4, 0), (0, 0, 1)], dtype=np.float64),
    np.array([(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)]),
)


def tensor(mesh: Mesh) -> torch.Tensor:
    return torch.from_numpy(mesh.vertices)


def test_a_regular_tetrahedron_has_only_curvature() -> None:
    """Each vertex is 4/3 of its own position away from the mean of the others: 16/9 times 3."""
    priors, vertices = MeshPriors(TETRAHEDRON), tensor(TETRAHEDRON)
    assert float(priors.laplacian(vertices)) == pytest.approx(16 / 3)
    assert float(priors.edge_length(vertices)) == pytest.approx(0, abs=1e-15)
    assert float(priors.area(vertices)) == pytest.approx(0, abs=1e-15)
    assert float(priors.arap(vertices)) == pytest.approx(0, abs=1e-15)


def test_variances_of_an_uneven_tetrahedron() -> None:
    priors, vertices = MeshPriors(RIGHT), tensor(RIGHT)
    lengths = np.array([3, 4, 1, 5, np.sqrt(10), np.sqrt(17)])
    # three right triangles, and the oblique one: half the norm of (4, 3, 12)
    areas = np.array([6, 1.5, 2, 6.5])
    assert float(priors.edge_length(vertices)) == pytest.approx(lengths.var())
    assert float(priors.area(vertices)) == pytest.approx(areas.var())


def test_rotations_cost_and_lengths_are_free() -> None:
    priors, vertices = MeshPriors(TETRAHEDRON), tensor(TETRAHEDRON)
    assert float(priors.arap(2.5 * vertices)) == pytest.approx(0, abs=1e-14)
    turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    # of the six edges (each of squared length 8) two turn by 90 degrees, four by 60: 2 * 8 + 4 * 6, over 6
    assert float(priors.arap(vertices @ turn.T)) == pytest.approx(40 / 6)


def test_the_areas_of_a_sphere() -> None:
    sphere = icosphere(1)
    priors = MeshPriors(sphere)
    cross = np.cross(
        sphere.vertices[sphere.faces[:, 1]] - sphere.vertices[sphere.faces[:, 0]],
        sphere.vertices[sphere.faces[:, 2]] - sphere.vertices[sphere.faces[:, 0]],
    )
    areas = 0.5 * np.linalg.norm(cross, axis=1)
    assert float(priors.area(tensor(sphere))) == pytest.approx(areas.var())


@pytest.mark.parametrize("term", TERMS)
def test_gradients_against_finite_differences(term: str) -> None:
    sphere = icosphere(1)
    priors = MeshPriors(sphere)
    generator = torch.Generator().manual_seed(1)
    noise, direction = torch.randn(2, *sphere.vertices.shape, generator=generator, dtype=torch.float64)
    vertices = (tensor(sphere) + 0.1 * noise).requires_grad_()
    value = getattr(priors, term)
    (gradient,) = torch.autograd.grad(value(vertices), vertices)
    with torch.no_grad():
        numeric = (value(vertices + 1e-6 * direction) - value(vertices - 1e-6 * direction)) / 2e-6
    assert float((gradient * direction).sum()) == pytest.approx(float(numeric), rel=1e-6)


def test_weights_choose_the_terms() -> None:
    priors, vertices = MeshPriors(RIGHT), tensor(RIGHT)
    mixed = priors.weighted(vertices, {"laplacian": 0.1, "edge_length": 0.0, "area": 2.0})
    assert float(mixed) == pytest.approx(float(0.1 * priors.laplacian(vertices) + 2 * priors.area(vertices)))
    assert float(priors.weighted(vertices, {"laplacian": 0.0})) == 0.0
