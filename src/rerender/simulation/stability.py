"""The largest stable time step, found before a simulation starts.

Semi-implicit Euler of m x'' = −k x − c x' is stable for h² k/m + 2 h c/m < 4; velocities alone, for h c/m < 2. For a
body, k/m and c/m are the largest eigenvalues of M⁻¹ JᵀJ over the points that carry it, for every face of its hull.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial import ConvexHull

from rerender.simulation.errors import Unstable

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
