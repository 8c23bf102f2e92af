"""What a particle system is made of: tetrahedra, triangles, bending hinges and springs, with their parameters.

SI units: lengths m, stiffness of materials Pa (of shells N/m), of springs N/m, of hinges N (moment per length). Float
tensors have one dtype; each may be differentiated. Rest shapes are fixed when an element is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Tets:
    """Stable Neo-Hookean tetrahedra (Smith et al. 2018), with Ψ = μ/2 (Ic − 3) + λ/2 (J − α)² − μ/2 ln(Ic + 1).

    `corners` (E, 4); `inverse` (E, 3, 3) [1/m], of the rest edges as columns; `volume` (E,) [m³]; `mu`, `lam` (E,) [Pa];
    `damping` (E,) [Pa s]; `act` (A, E), by step: a positive one shrinks the element, the last row holds on.
    """

    corners: torch.Tensor
    inverse: torch.Tensor
    volume: torch.Tensor
    mu: torch.Tensor
    lam: torch.Tensor
    damping: torch.Tensor
    act: torch.Tensor


@dataclass(frozen=True)
class Triangles:
    """Membrane triangles: in-plane stretch and area, actuation of the area, and air.

    `corners` (T, 3); `inverse` (T, 2, 2) [1/m], of the rest edges in the triangle's plane; `area` (T,) [m²]; `mu`, `lam` (T,) [N/m];
    `damping` (T,) [N s/m]; `drag` [kg/m³] and `lift` (T,), each in full on every corner, as released; `act` (A, T).
    """

    corners: torch.Tensor
    inverse: torch.Tensor
    area: torch.Tensor
    mu: torch.Tensor
    lam: torch.Tensor
    damping: torch.Tensor
    drag: torch.Tensor
    lift: torch.Tensor
    act: torch.Tensor


@dataclass(frozen=True)
class Bends:
    """Hinges across interior edges: `corners` (M, 4), two opposite vertices then the edge; `rest` angle (M,) [rad].

    `stiffness` (M,) [N/rad], `damping` (M,) [N s/rad]: force is the edge's length times them, along the angle's gradient.
    """

    corners: torch.Tensor
    rest: torch.Tensor
    stiffness: torch.Tensor
    damping: torch.Tensor


@dataclass(frozen=True)
class Springs:
    """Springs between particles: `corners` (P, 2), `rest` length (P,) [m], `stiffness` [N/m] and `damping` [N s/m] (P,)."""

    corners: torch.Tensor
    rest: torch.Tensor
    stiffness: torch.Tensor
    damping: torch.Tensor


def make_tets(
    rest: torch.Tensor,
    corners: torch.Tensor,
    mu: float | torch.Tensor,
    lam: float | torch.Tensor,
    damping: float,
    act: torch.Tensor | None = None,
) -> Tets:
    """Return tetrahedra at rest at `rest` (N, 3) [m]; a single `mu` or `lam` is that of all."""
    points = rest[corners]
    edges = (points[:, 1:] - points[:, :1]).transpose(-1, -2)
    count = len(corners)
    return Tets(
        corners,
        torch.linalg.inv(edges),
        torch.linalg.det(edges) / 6.0,
        _filled(mu, count, rest),
        _filled(lam, count, rest),
        _filled(damping, count, rest),
        rest.new_zeros((1, count)) if act is None else act,
    )


def make_triangles(
    rest: torch.Tensor,
    corners: torch.Tensor,
    mu: float | torch.Tensor,
    lam: float | torch.Tensor,
    damping: float,
    *,
    drag: float = 0.0,
    lift: float = 0.0,
    act: torch.Tensor | None = None,
) -> Triangles:
    """Return triangles at rest at `rest` (N, 3) [m]."""
    a, b, c = (rest[corners[:, index]] for index in range(3))
    first = torch.nn.functional.normalize(b - a, dim=-1)
    normal = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=-1)
    second = torch.linalg.cross(normal, first)
    edges = torch.stack([b - a, c - a], dim=-1)
    plane = torch.stack([first, second], dim=1) @ edges
    count = len(corners)
    return Triangles(
        corners,
        torch.linalg.inv(plane),
        torch.linalg.det(plane) / 2.0,
        _filled(mu, count, rest),
        _filled(lam, count, rest),
        _filled(damping, count, rest),
        _filled(drag, count, rest),
        _filled(lift, count, rest),
        rest.new_zeros((1, count)) if act is None else act,
    )


def make_bends(
    rest: torch.Tensor, triangles: torch.Tensor, stiffness: float = 100.0, damping: float = 0.0
) -> Bends:
    """Return a hinge for every edge that two triangles share, at rest as in `rest` (N, 3); defaults as released."""
    owners: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for face in triangles.tolist():
        for turn in range(3):
            a, b, c = face[turn], face[(turn + 1) % 3], face[(turn + 2) % 3]
            owners.setdefault((min(a, b), max(a, b)), []).append((a, b, c))
    hinges = []
    for pair in owners.values():
        if len(pair) == 2:
            (a, b, opposite), (_, _, other) = pair
            # the first face runs a, b: seen from it, the edge is x3 = a, x4 = b
            hinges.append((opposite, other, a, b))
    corners = torch.tensor(hinges, dtype=torch.int64).reshape(-1, 4)
    count = len(corners)
    return Bends(
        corners, hinge_angles(rest, corners), _filled(stiffness, count, rest), _filled(damping, count, rest)
    )


def make_springs(rest: torch.Tensor, ends: torch.Tensor, stiffness: float, damping: float = 0.0) -> Springs:
    """Return springs at rest at `rest` (N, 3) [m] between pairs `ends` (P, 2)."""
    lengths = (rest[ends[:, 0]] - rest[ends[:, 1]]).norm(dim=-1)
    count = len(ends)
    return Springs(ends, lengths, _filled(stiffness, count, rest), _filled(damping, count, rest))


def hinge_angles(points: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
    """Return the angles (M,) [rad] of hinges; 0 where the faces are flat, in (−π, π]."""
    x1, x2, x3, x4 = (points[corners[:, index]] for index in range(4))
    n1 = torch.nn.functional.normalize(torch.linalg.cross(x3 - x1, x4 - x1), dim=-1)
    n2 = torch.nn.functional.normalize(torch.linalg.cross(x4 - x2, x3 - x2), dim=-1)
    edge = torch.nn.functional.normalize(x4 - x3, dim=-1)
    return torch.atan2((torch.linalg.cross(n1, n2) * edge).sum(-1), (n1 * n2).sum(-1))


def tet_inverse_mass(rest: torch.Tensor, corners: torch.Tensor, density: float) -> torch.Tensor:
    """Return inverse masses (N,) [1/kg]: each tetrahedron gives a quarter of its mass to each of its corners."""
    points = rest[corners]
    volume = torch.linalg.det(points[:, 1:] - points[:, :1]).abs() / 6.0
    mass = rest.new_zeros(len(rest))
    for index in range(4):
        mass = mass.index_add(0, corners[:, index], 0.25 * density * volume)
    return 1.0 / mass


def _filled(value: float | torch.Tensor, count: int, like: torch.Tensor) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.expand(count)
    return like.new_full((count,), value)
