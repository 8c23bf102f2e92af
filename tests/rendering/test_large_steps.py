from __future__ import annotations

import numpy as np
import torch

from rerender.core.meshes import icosphere
from rerender.rendering.large_steps import LargeSteps

MESH = icosphere(1)
SOLVER_LAMBDA = 15.0


def laplacian() -> np.ndarray:
    """I + lambda L built densely by hand."""
    count = len(MESH.vertices)
    matrix = np.eye(count)
    edges = {tuple(sorted((f[i], f[(i + 1) % 3]))) for f in MESH.faces.tolist() for i in range(3)}
    for i, j in edges:
        matrix[i, i] += SOLVER_LAMBDA
        matrix[j, j] += SOLVER_LAMBDA
        matrix[i, j] -= SOLVER_LAMBDA
        matrix[j, i] -= SOLVER_LAMBDA
    return matrix


def order_of(latent: np.ndarray) -> np.ndarray:
    """Mitsuba keeps the latent in an order of its own: return the vertex that each row belongs to."""
    expected = laplacian() @ MESH.vertices
    distance = np.abs(latent[:, None] - expected[None]).max(-1)
    order: np.ndarray = distance.argmin(1)
    assert distance.min(1).max() < 1e-4 and len(set(order.tolist())) == len(order)
    return order


def test_latent_is_m_times_v_up_to_order() -> None:
    solver = LargeSteps(MESH.vertices, MESH.faces, SOLVER_LAMBDA)
    assert len(order_of(solver.to_latent(MESH.vertices))) == len(MESH.vertices)


def test_round_trip() -> None:
    solver = LargeSteps(MESH.vertices, MESH.faces, SOLVER_LAMBDA)
    back = solver.to_vertices(torch.from_numpy(solver.to_latent(MESH.vertices)))
    assert np.allclose(back.numpy(), MESH.vertices, atol=1e-5)


def test_gradient_is_the_inverse_applied_to_the_vertices_gradient() -> None:
    solver = LargeSteps(MESH.vertices, MESH.faces, SOLVER_LAMBDA)
    start = solver.to_latent(MESH.vertices)
    latent = torch.from_numpy(start).requires_grad_(True)
    weight = torch.from_numpy(np.random.default_rng(0).normal(size=MESH.vertices.shape)).float()
    (solver.to_vertices(latent) * weight).sum().backward()  # type: ignore[no-untyped-call]
    assert latent.grad is not None
    expected = np.linalg.solve(laplacian(), weight.numpy())[order_of(start)]
    assert np.allclose(latent.grad.numpy(), expected, atol=1e-5)
