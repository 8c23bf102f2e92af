"""The largest stable time step, found before a simulation starts.

Semi-implicit Euler of m x'' = −k x − c x' is stable for h² k/m + 2 h c/m < 4; velocities alone, for h c/m < 2. For a
body, k/m and c/m are the largest eigenvalues of M⁻¹ JᵀJ over the points that carry it, for every face of its hull.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from scipy.spatial import ConvexHull

from rerender.simulation.elements import Bends, Springs, Tets, Triangles, hinge_angles
from rerender.simulation.errors import Unstable
from rerender.simulation.particles import ParticleSystem

COPLANAR = 1e-6
"""Points so near to a plane, as a share of the body's size, touch the ground together."""


def spring_bound(stiffness: float, damping: float = 0.0, speed_damping: float = 0.0) -> float:
    """Return the largest stable step [s] for k/m `stiffness` [1/s²] and c/m `damping`, `speed_damping` [1/s].

    `damping` acts on the direction of the spring, `speed_damping` where there is none.
    """
    k, c = stiffness, damping
    bounds = [math.inf]
    if k > 0:
        bounds.append((math.sqrt(c * c + 4.0 * k) - c) / k)
    elif c > 0:
        bounds.append(2.0 / c)
    if speed_damping > 0:
        bounds.append(2.0 / speed_damping)
    return min(bounds)


def rigid_bound(mass: float, inertia: np.ndarray, points: np.ndarray, contact: np.ndarray) -> float:
    """Return the largest stable step [s] of a body that rests on any face of its convex hull.

    `mass` [kg], `inertia` (3, 3) [m²] of 1 kg, `points` (P, 3) [m] from the centre of mass, `contact` its ke, kd, kf, mu.
    """
    ke, kd, kf, _ = (float(value) for value in contact)
    normal, tangent = rigid_eigenvalues(inertia, points)
    return spring_bound(ke * normal / mass, kd * normal / mass, kf * tangent / mass)


def rigid_eigenvalues(inertia: np.ndarray, points: np.ndarray) -> tuple[float, float]:
    """Return the largest eigenvalues of M⁻¹ JᵀJ for 1 kg, of motion along the normal and along the ground."""
    hull = ConvexHull(points)
    size = float(np.ptp(points, axis=0).max())
    root = np.linalg.cholesky(np.linalg.inv(inertia))
    best = [0.0, 0.0]
    for plane in np.unique(hull.equations.round(9), axis=0):
        normal = plane[:3]
        touching = points[points @ normal + plane[3] > -COPLANAR * size]
        across = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
        across /= np.linalg.norm(across)
        for which, directions in enumerate(([normal], [across, np.cross(normal, across)])):
            rows = [
                np.concatenate([np.tile(d, (len(touching), 1)), np.cross(touching, d) @ root], axis=1)
                for d in directions
            ]
            jacobian = np.concatenate(rows)
            best[which] = max(best[which], float(np.linalg.eigvalsh(jacobian.T @ jacobian)[-1]))
    return best[0], best[1]


def require_stable(h: float, bound: float, what: str) -> None:
    """Raise `Unstable` when the step `h` [s] is not below `bound` [s]; the message says which step would be stable."""
    if h >= bound:
        stable = 0.9 * bound
        raise Unstable(
            f"a step of {h:.3g} s is too long for {what}: it is stable below {bound:.3g} s",
            f"Take steps of at most {stable:.3g} s ({math.ceil(1 / (60 * stable))} a frame of 1/60 s), "
            "or make the contact softer or the body heavier.",
            stable,
        )


def particle_bound(system: ParticleSystem, rest: torch.Tensor) -> float:
    """Return the largest stable step [s] of a particle system near its rest state `rest` (N, 3) [m], ground contact included.

    The largest eigenvalue of M⁻¹K is at most that of any element with its share of its corners' masses (Irons and Treharne
    1971); groups of elements add up. An element in strong compression is stiffer: keep a reserve.
    """
    mass = _masses(system.inverse_mass)
    stiffness = damping = 0.0
    for name, group in system.elements.items():
        k, c = _ELEMENTS[name](group, mass, rest)
        stiffness, damping = stiffness + k, damping + c
    sliding = 0.0
    if system.contact is not None:
        ke, kd, kf, _ = (float(value) for value in system.contact.detach())
        lightest = float(mass.min())
        stiffness, damping = stiffness + ke / lightest, damping + kd / lightest
        sliding = kf / lightest
    return spring_bound(stiffness, damping, sliding)


def _masses(inverse_mass: torch.Tensor) -> np.ndarray:
    """Return masses (N,) [kg]; a pinned particle is infinitely heavy."""
    inverse = _numbers(inverse_mass)
    return np.asarray(np.divide(1.0, inverse, out=np.full_like(inverse, np.inf), where=inverse > 0))


def _numbers(tensor: torch.Tensor) -> np.ndarray:
    return np.asarray(tensor.detach().cpu().numpy(), dtype=np.float64)


def _largest(
    corners: np.ndarray, weight: np.ndarray, mass: np.ndarray, rows: np.ndarray, inner: np.ndarray
) -> float:
    """Return the largest eigenvalue of M_e⁻¹ Rᵀ S R over elements: `rows` (E, r, 3k) is R, `inner` (E, r, r) is S.

    An element has of each corner's mass the share `weight` (E,) of it in the sum over the corner's elements.
    """
    total = np.zeros(len(mass))
    np.add.at(total, corners, weight[:, None])
    share = weight[:, None] / total[corners]
    root = np.repeat(1.0 / np.sqrt(mass[corners] * share), 3, axis=1)
    scaled = rows * root[:, None, :]
    factor = np.linalg.cholesky(inner)
    small = np.einsum("eab,eac->ebc", factor, scaled)
    gram = small @ small.transpose(0, 2, 1)
    return float(np.linalg.eigvalsh(gram)[:, -1].max())


def _gradient_rows(inverse: np.ndarray) -> np.ndarray:
    """Return d vec(F)/dx (E, 3d, 3(d + 1)) for rest edges with inverses (E, d, d)."""
    count, dim = inverse.shape[:2]
    weights = np.concatenate([-inverse.sum(axis=1, keepdims=True), inverse], axis=1)
    rows = np.einsum("eka,xy->eaxky", weights, np.eye(3))
    return np.asarray(rows.reshape(count, 3 * dim, 3 * (dim + 1)))


def _tet_eigenvalues(group: Tets, mass: np.ndarray, rest: torch.Tensor) -> tuple[float, float]:
    """Return bounds of k/m and c/m. The energy's Hessian at rest is at most 1.5 μ 1 + (λ + μ/8) vec(1) vec(1)ᵀ."""
    corners = group.corners.cpu().numpy()
    volume, mu, lam, kd = map(_numbers, (group.volume, group.mu, group.lam, group.damping))
    rows = _gradient_rows(_numbers(group.inverse))
    unit, trace = np.eye(9), np.outer(np.eye(3).ravel(), np.eye(3).ravel())
    tiny = 1e-12 * (mu + lam)
    energy = (1.5 * mu)[:, None, None] * unit + (lam + mu / 8)[:, None, None] * trace
    viscous = (kd + tiny)[:, None, None] * (unit + trace)
    scale = volume[:, None, None]
    return (
        _largest(corners, volume, mass, rows, scale * energy),
        _largest(corners, volume, mass, rows, scale * viscous),
    )


def _triangle_eigenvalues(group: Triangles, mass: np.ndarray, rest: torch.Tensor) -> tuple[float, float]:
    """Return bounds of k/m and c/m of a membrane: at most 2 μ 1 + λ vec(1) vec(1)ᵀ in its plane."""
    corners = group.corners.cpu().numpy()
    area, mu, lam, kd = map(_numbers, (group.area, group.mu, group.lam, group.damping))
    rows = _gradient_rows(_numbers(group.inverse))
    plane = np.zeros((3, 2))
    plane[:2] = np.eye(2)
    trace = np.outer(plane.T.ravel(), plane.T.ravel())
    tiny = 1e-12 * (mu + lam)
    energy = (2.0 * mu)[:, None, None] * np.eye(6) + lam[:, None, None] * trace
    viscous = kd[:, None, None] * trace + tiny[:, None, None] * np.eye(6)
    scale = area[:, None, None]
    return (
        _largest(corners, area, mass, rows, scale * energy),
        _largest(corners, area, mass, rows, scale * viscous),
    )


def _bend_eigenvalues(group: Bends, mass: np.ndarray, rest: torch.Tensor) -> tuple[float, float]:
    """Return bounds of k/m and c/m of hinges: one row dθ/dx each, times the edge's length."""
    points = rest.detach().cpu().double()[group.corners.cpu()].requires_grad_()
    each = torch.arange(4 * len(points)).reshape(-1, 4)
    hinge_angles(points.reshape(-1, 3), each).sum().backward()  # type: ignore[no-untyped-call]
    assert points.grad is not None
    rows = points.grad.numpy().reshape(len(points), 1, 12)
    length = (points[:, 3] - points[:, 2]).norm(dim=-1).detach().numpy()
    weight, corners = np.ones(len(points)), group.corners.cpu().numpy()
    found = []
    for value in (_numbers(group.stiffness), _numbers(group.damping)):
        inner = (length * value + 1e-12)[:, None, None]
        found.append(_largest(corners, weight, mass, rows, inner))
    return found[0], found[1]


def _spring_eigenvalues(group: Springs, mass: np.ndarray, rest: torch.Tensor) -> tuple[float, float]:
    """Return bounds of k/m and c/m: two masses at the ends of a spring, each shared among its springs."""
    corners = group.corners.cpu().numpy()
    stiffness, damping = _numbers(group.stiffness), _numbers(group.damping)
    found = []
    for value in (stiffness, damping):
        load = np.zeros(len(mass))
        np.add.at(load, corners, value[:, None])
        found.append(float((2.0 * load / mass).max()))
    return found[0], found[1]


_ELEMENTS: Mapping[str, Callable[[Any, np.ndarray, torch.Tensor], tuple[float, float]]] = {
    "tets": _tet_eigenvalues,
    "triangles": _triangle_eigenvalues,
    "bends": _bend_eigenvalues,
    "springs": _spring_eigenvalues,
}
