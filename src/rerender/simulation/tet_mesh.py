"""Tetrahedral meshes: what they must satisfy, their surface, and the ones that ∇Sim's experiments use (section 4.0).

Lengths in metres. Corners are ordered so that volumes are positive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rerender.simulation.errors import BadMesh

# five tetrahedra of a cell with corners 0…7 = bits x, y, z; mirrored in every other cell, so that faces meet
_FIVE = ((0, 1, 2, 4), (3, 2, 1, 7), (5, 4, 7, 1), (6, 7, 4, 2), (1, 7, 2, 4))
_FIVE_MIRRORED = ((1, 0, 5, 3), (2, 3, 6, 0), (4, 5, 0, 6), (7, 6, 3, 5), (0, 6, 3, 5))
_SIX = ((0, 1, 3, 7), (0, 3, 2, 7), (0, 2, 6, 7), (0, 6, 4, 7), (0, 4, 5, 7), (0, 5, 1, 7))
"""Six tetrahedra about the diagonal from corner 0 to 7."""
_FACES = ((1, 2, 3), (0, 3, 2), (0, 1, 3), (0, 2, 1))
"""The faces of a tetrahedron of positive volume, outwards."""


@dataclass(frozen=True, eq=False)
class TetMesh:
    """`vertices` float64 (N, 3) [m] and `tets` int64 (E, 4). Raises `BadMesh` for meshes that cannot be simulated."""

    vertices: np.ndarray
    tets: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices", np.asarray(self.vertices, dtype=np.float64))
        object.__setattr__(self, "tets", np.asarray(self.tets, dtype=np.int64))
        check_tets(self.vertices, self.tets)

    @property
    def volumes(self) -> np.ndarray:
        """The volume (E,) [m³] of every tetrahedron."""
        return tet_volumes(self.vertices, self.tets)

    @property
    def surface(self) -> np.ndarray:
        """The outward faces (F, 3): those that only one tetrahedron has."""
        faces = np.concatenate([self.tets[:, list(corners)] for corners in _FACES])
        _, first, counts = np.unique(np.sort(faces, axis=1), axis=0, return_index=True, return_counts=True)
        return np.asarray(faces[np.sort(first[counts == 1])])


def tet_volumes(vertices: np.ndarray, tets: np.ndarray) -> np.ndarray:
    """Return signed volumes (E,) [m³]."""
    points = vertices[tets]
    return np.asarray(np.linalg.det(points[:, 1:] - points[:, :1]) / 6.0)


def check_tets(vertices: np.ndarray, tets: np.ndarray) -> None:
    """Raise `BadMesh` for wrong shapes and indices, inverted and flat elements, duplicates, and unused vertices."""
    if vertices.ndim != 2 or vertices.shape[1] != 3 or tets.ndim != 2 or tets.shape[1] != 4 or not len(tets):
        raise BadMesh(
            f"a tetrahedral mesh needs vertices (N, 3) and tets (E, 4), not {vertices.shape} and {tets.shape}"
        )
    if tets.min() < 0 or tets.max() >= len(vertices):
        wrong = int(((tets < 0) | (tets >= len(vertices))).any(axis=1).argmax())
        raise BadMesh(
            f"tetrahedron {wrong} has corners {tets[wrong].tolist()}; there are {len(vertices)} vertices"
        )
    if not np.isfinite(vertices).all():
        raise BadMesh(f"vertex {int((~np.isfinite(vertices)).any(axis=1).argmax())} is not finite")
    keys, first, counts = np.unique(np.sort(tets, axis=1), axis=0, return_index=True, return_counts=True)
    if (counts > 1).any():
        wrong = int(first[counts > 1].min())
        raise BadMesh(
            f"tetrahedron {wrong} with corners {tets[wrong].tolist()} occurs twice", "Drop duplicates."
        )
    volumes = tet_volumes(vertices, tets)
    size = float(np.ptp(vertices, axis=0).max())
    if (volumes <= 1e-12 * size**3).any():
        wrong = int((volumes <= 1e-12 * size**3).argmax())
        what = "inverted" if volumes[wrong] < -1e-12 * size**3 else "flat"
        raise BadMesh(
            f"tetrahedron {wrong} is {what}: its volume is {volumes[wrong]:.3g} m³",
            "Swap two of its corners." if what == "inverted" else "Remove it, or move a corner.",
        )
    unused = np.setdiff1d(np.arange(len(vertices)), tets)
    if len(unused):
        raise BadMesh(
            f"vertex {unused[0]} belongs to no tetrahedron and has no mass", "Drop unused vertices."
        )


def block(cells: tuple[int, int, int], size: tuple[float, float, float]) -> TetMesh:
    """Return a box from the origin to `size` [m], five tetrahedra a cell; cells alternate, so faces meet."""
    axes = [np.linspace(0.0, length, count + 1) for count, length in zip(cells, size, strict=True)]
    vertices = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    strides = ((cells[1] + 1) * (cells[2] + 1), cells[2] + 1, 1)
    tets = []
    for place in np.ndindex(*cells):
        corner = [
            sum((place[axis] + (bit >> axis & 1)) * strides[axis] for axis in range(3)) for bit in range(8)
        ]
        for tet in _FIVE if sum(place) % 2 == 0 else _FIVE_MIRRORED:
            tets.append([corner[k] for k in tet])
    return TetMesh(vertices, _positive(vertices, np.array(tets)))


def beam() -> TetMesh:
    """Return the beam of the Lamé experiment: 2 × 0.4 × 0.4 m, 200 tetrahedra; x = 0 is where it is held."""
    return block((10, 2, 2), (2.0, 0.4, 0.4))


def ball(cells: int, radius: float = 1.0) -> TetMesh:
    """Return a ball about the origin: a cube grid pushed out by p |p|∞ / |p|₂; 5 tetrahedra a cell."""
    cube = block((cells, cells, cells), (2.0, 2.0, 2.0))
    points = cube.vertices - 1.0
    length = np.linalg.norm(points, axis=1)
    largest = np.abs(points).max(axis=1)
    scale = np.divide(largest, length, out=np.ones_like(length), where=length > 0)
    return TetMesh(radius * points * scale[:, None], cube.tets)


def gear() -> TetMesh:
    """Return the gear of control-fem: a ring of 32 sectors in 4 layers with 16 tapered teeth; 480 nodes, 1152 tetrahedra."""
    inner, outer, tip = 1.11, 1.438, 1.842
    layers = np.array([-1.14, -0.57, 0.0, 0.57, 1.14])
    sector = 2.0 * math.pi / 32

    def node(radius: float, angle: float, z: float) -> tuple[float, float, float]:
        return (radius * math.cos(angle), radius * math.sin(angle), z)

    vertices: list[tuple[float, float, float]] = []
    ring: dict[tuple[int, int, int], int] = {}
    for rim, radius in enumerate((inner, outer)):
        for i in range(32):
            for k, z in enumerate(layers):
                ring[rim, i, k] = len(vertices)
                vertices.append(node(radius, (i - 0.5) * sector, z))
    tips: dict[tuple[int, int, int], int] = {}
    narrow = math.radians(3.885)
    for i in range(0, 32, 2):
        for side, angle in enumerate((i * sector - narrow, i * sector + narrow)):
            for k, z in enumerate(layers):
                tips[i, side, k] = len(vertices)
                vertices.append(node(tip, angle, z * 1.01 / 1.14))
    cells = []
    for i in range(32):
        ends = (i, (i + 1) % 32)
        for k in range(4):
            cells.append([ring[x, ends[y], k + z] for z in range(2) for y in range(2) for x in range(2)])
            if i % 2 == 0:
                low = [ring[1, ends[y], k + z] for z in range(2) for y in range(2)]
                high = [tips[i, y, k + z] for z in range(2) for y in range(2)]
                cells.append([pair[x] for pair in zip(low, high, strict=True) for x in range(2)])
    points = np.array(vertices)
    tets = np.array([[cell[k] for k in tet] for cell in cells for tet in _SIX])
    return TetMesh(points, _positive(points, tets))


def _positive(vertices: np.ndarray, tets: np.ndarray) -> np.ndarray:
    """Swap two corners of every element of negative volume."""
    turned = tets.copy()
    negative = tet_volumes(vertices, tets) < 0
    turned[negative] = turned[negative][:, [0, 1, 3, 2]]
    return turned
