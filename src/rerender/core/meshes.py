"""Triangle meshes as values: the `Mesh` type, its measures, and maps from mesh to mesh.

Lengths are in scene units. Faces are counter-clockwise seen from outside. What a mesh must satisfy before it is
used is in `meshchecks`, files are in `meshio`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh.

    `vertices` [scene units], float64, shape (V, 3); `faces`, int32, shape (F, 3), indices into the vertices;
    `texcoords`, float64, shape (V, 2), or None. Along a texture seam a position occurs once per coordinate pair.
    """

    vertices: np.ndarray
    faces: np.ndarray
    texcoords: np.ndarray | None = None

    def __post_init__(self) -> None:
        vertices = np.ascontiguousarray(self.vertices, dtype=np.float64)
        faces = np.ascontiguousarray(self.faces, dtype=np.int32)
        if vertices.ndim != 2 or vertices.shape[1] != 3:
            raise ValueError(f"vertices must have shape (V, 3), not {vertices.shape}")
        if faces.ndim != 2 or faces.shape[1] != 3:
            raise ValueError(f"faces must have shape (F, 3), not {faces.shape}")
        if faces.size and (faces.min() < 0 or faces.max() >= len(vertices)):
            raise ValueError(
                f"face indices must lie in 0..{len(vertices) - 1}, not {faces.min()}..{faces.max()}"
            )
        object.__setattr__(self, "vertices", vertices)
        object.__setattr__(self, "faces", faces)
        if self.texcoords is not None:
            texcoords = np.ascontiguousarray(self.texcoords, dtype=np.float64)
            if texcoords.shape != (len(vertices), 2):
                raise ValueError(f"texcoords must have shape ({len(vertices)}, 2), not {texcoords.shape}")
            object.__setattr__(self, "texcoords", texcoords)


def bounding_box(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest corner of the axis-aligned bounding box, each of shape (3,)."""
    return mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)


def bounding_diagonal(mesh: Mesh) -> float:
    """Return the length of the bounding box's diagonal."""
    low, high = bounding_box(mesh)
    return float(np.linalg.norm(high - low))


def face_cross(mesh: Mesh) -> np.ndarray:
    """Return the cross product of two edges per face: normal direction, twice the area long; shape (F, 3)."""
    a, b, c = (mesh.vertices[mesh.faces[:, corner]] for corner in range(3))
    return np.asarray(np.cross(b - a, c - a))


def face_areas(mesh: Mesh) -> np.ndarray:
    """Return the area of every face, shape (F,)."""
    return np.asarray(0.5 * np.linalg.norm(face_cross(mesh), axis=1))


def face_normals(mesh: Mesh) -> np.ndarray:
    """Return the unit normal of every face, shape (F, 3); zero where a face has no area."""
    return _unit(face_cross(mesh))


def vertex_normals(mesh: Mesh) -> np.ndarray:
    """Return area-weighted unit normals, shape (V, 3); vertices at one position share theirs."""
    merged, index = merged_with_index(mesh)
    cross = face_cross(merged)
    total = np.zeros_like(merged.vertices)
    for corner in range(3):
        np.add.at(total, merged.faces[:, corner], cross)
    return np.asarray(_unit(total)[index])


def texture_directions(mesh: Mesh) -> np.ndarray:
    """Return dp/du of every face, (F, 3): where the first texture coordinate grows; zero where there are no coordinates.

    A face whose corners lie on one line of the texture has none either.
    """
    if mesh.texcoords is None:
        return np.zeros((len(mesh.faces), 3))
    a, b, c = (mesh.vertices[mesh.faces[:, corner]] for corner in range(3))
    p, q, r = (mesh.texcoords[mesh.faces[:, corner]] for corner in range(3))
    first, second = q - p, r - p
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    along = second[:, 1:] * (b - a) - first[:, 1:] * (c - a)
    found = np.divide(along, area[:, None], out=np.zeros_like(along), where=np.abs(area[:, None]) > 1e-20)
    return np.asarray(found)


def tangents(along: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Make directions (n, 3) orthogonal to unit normals and of length 1; any tangent where they are parallel or zero."""
    flat = along - (along * normals).sum(axis=1, keepdims=True) * normals
    length = np.linalg.norm(flat, axis=1)
    lost = ~(length > 1e-6 * np.maximum(np.linalg.norm(along, axis=1), 1e-30))
    if lost.any():
        axes = np.eye(3)[np.abs(normals[lost]).argmin(axis=1)]
        flat[lost] = np.cross(normals[lost], axes)
    return _unit(flat)


def vertex_tangents(mesh: Mesh) -> np.ndarray:
    """Return unit tangents along the first texture coordinate, orthogonal to `vertex_normals`, averaged by area, (V, 3)."""
    total = np.zeros_like(mesh.vertices)
    along = texture_directions(mesh) * face_areas(mesh)[:, None]
    for corner in range(3):
        np.add.at(total, mesh.faces[:, corner], along)
    return tangents(total, vertex_normals(mesh))


def edges_directed(mesh: Mesh) -> np.ndarray:
    """Return the three directed edges of every face, shape (3F, 2)."""
    return np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])


def edges_unique(mesh: Mesh) -> np.ndarray:
    """Return the undirected edges, each once, lower index first, shape (E, 2)."""
    return edges_counted(mesh)[0]


def edges_counted(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Return the undirected edges, shape (E, 2), and how many faces meet at each, shape (E,)."""
    edges = np.sort(edges_directed(mesh), axis=1).astype(np.int64)
    keys, counts = np.unique(edges[:, 0] * len(mesh.vertices) + edges[:, 1], return_counts=True)
    return np.stack(np.divmod(keys, max(len(mesh.vertices), 1)), axis=1), counts


def mean_edge_length(mesh: Mesh) -> float:
    """Return the mean length of the undirected edges."""
    ends = mesh.vertices[edges_unique(mesh)]
    return float(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).mean())


def volume(mesh: Mesh) -> float:
    """Return the signed enclosed volume: positive when a closed mesh is oriented outwards."""
    a, b, c = (mesh.vertices[mesh.faces[:, corner]] for corner in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def euler_characteristic(mesh: Mesh) -> int:
    """Return V - E + F over the vertices in use (one per position): 2 for a sphere, 0 for a torus."""
    merged, _ = merged_with_index(mesh)
    return len(np.unique(merged.faces)) - len(edges_unique(merged)) + len(merged.faces)


def component_labels(mesh: Mesh) -> np.ndarray:
    """Return for every vertex the lowest vertex index of its connected component, shape (V,)."""
    edges = edges_unique(mesh)
    label = np.arange(len(mesh.vertices))
    while True:
        lowest = np.minimum(label[edges[:, 0]], label[edges[:, 1]])
        hooked = label.copy()
        for end in range(2):  # hook the label of each end, not only the end itself: converges in log steps
            np.minimum.at(hooked, label[edges[:, end]], lowest)
        while not np.array_equal(hooked[hooked], hooked):
            hooked = hooked[hooked]
        hooked = hooked[label]
        if np.array_equal(hooked, label):
            return label
        label = hooked


def component_count(mesh: Mesh) -> int:
    """Return the number of connected bodies; vertices at one position count as one, unused vertices not at all."""
    merged, _ = merged_with_index(mesh)
    return len(np.unique(component_labels(merged)[np.unique(merged.faces)]))


def transformed(mesh: Mesh, matrix: np.ndarray) -> Mesh:
    """Apply an affine 4x4 matrix (column vectors); a mirroring one also flips the faces, so they stay outward."""
    matrix = np.asarray(matrix, dtype=np.float64)
    vertices = mesh.vertices @ matrix[:3, :3].T + matrix[:3, 3]
    mirrored = np.linalg.det(matrix[:3, :3]) < 0
    return Mesh(vertices, mesh.faces[:, ::-1] if mirrored else mesh.faces, mesh.texcoords)


def normalised(mesh: Mesh, diagonal: float = 2.0) -> Mesh:
    """Move the centre of the bounding box to the origin and scale uniformly to that bounding-box diagonal."""
    low, high = bounding_box(mesh)
    scale = diagonal / float(np.linalg.norm(high - low))
    return Mesh((mesh.vertices - 0.5 * (low + high)) * scale, mesh.faces, mesh.texcoords)


def merged_with_index(mesh: Mesh) -> tuple[Mesh, np.ndarray]:
    """Merge vertices at exactly one position (dropping texture coordinates).

    Returns the merged mesh and, shape (V,), the merged index of every old vertex. Vertices keep the order of their
    first occurrence; a mesh without coinciding vertices comes back with the same arrays.
    """
    positions = mesh.vertices + 0.0  # -0.0 and 0.0 are one position
    _, first, inverse = np.unique(
        positions.view(np.dtype((np.void, 24))).ravel(), return_index=True, return_inverse=True
    )
    if len(first) == len(positions):
        return Mesh(mesh.vertices, mesh.faces), np.arange(len(positions))
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    index = rank[inverse.ravel()]
    return Mesh(mesh.vertices[first[order]], index[mesh.faces]), index


def merge_duplicates(mesh: Mesh) -> Mesh:
    """Merge coinciding vertices; drop faces that collapse, repeat, or lie back to back; texture coordinates are dropped.

    Two faces with the same corners and opposite sides are a fold without inside: both go.
    """
    merged, _ = merged_with_index(mesh)
    merged = drop_degenerate(merged)
    low = merged.faces.argmin(axis=1)
    turned = merged.faces[
        np.arange(len(low))[:, None], (low[:, None] + np.arange(3)) % 3
    ]  # lowest corner first
    unique = np.unique(turned, axis=0)
    _, group, uses = np.unique(np.sort(unique, axis=1), axis=0, return_inverse=True, return_counts=True)
    single = unique[uses[group.ravel()] == 1]
    if len(single) == len(merged.faces):
        return merged
    return Mesh(merged.vertices, single)


def drop_degenerate(mesh: Mesh) -> Mesh:
    """Drop faces that use a vertex twice."""
    a, b, c = mesh.faces.T
    return Mesh(mesh.vertices, mesh.faces[(a != b) & (b != c) & (c != a)], mesh.texcoords)


def drop_unused(mesh: Mesh) -> Mesh:
    """Drop the vertices that no face uses."""
    used, faces = np.unique(mesh.faces, return_inverse=True)
    texcoords = None if mesh.texcoords is None else mesh.texcoords[used]
    return Mesh(mesh.vertices[used], faces.reshape(-1, 3), texcoords)


def sample_surface(mesh: Mesh, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw `n` points uniformly by area; return points (n, 3) and the unit normals of their faces (n, 3)."""
    chosen, weights = sample_faces(mesh, n, rng)
    points = np.einsum("nk,nkd->nd", weights, mesh.vertices[mesh.faces[chosen]])
    return points, face_normals(mesh)[chosen]


def sample_faces(mesh: Mesh, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw `n` points uniformly by area; return their faces (n,) and barycentric weights (n, 3)."""
    areas = face_areas(mesh)
    chosen = rng.choice(len(areas), size=n, p=areas / areas.sum())
    root, second = np.sqrt(rng.random(n)), rng.random(n)
    return chosen, np.stack([1.0 - root, root * (1.0 - second), root * second], axis=1)


def icosphere(subdivisions: int, radius: float = 1.0) -> Mesh:
    """Return a geodesic sphere about the origin: 10 * 4^subdivisions + 2 vertices, closed, outward."""
    golden = 0.5 * (1.0 + 5.0**0.5)
    corners = [(-1, golden, 0), (1, golden, 0), (-1, -golden, 0), (1, -golden, 0)]
    vertices = _unit(
        np.array([np.roll(corner, shift) for shift in range(3) for corner in corners], np.float64)
    )
    faces = _icosahedron_faces(vertices)
    for _ in range(subdivisions):
        vertices, faces = _split_in_four(vertices, faces)
        vertices = _unit(vertices)
    return Mesh(vertices * radius, faces)


def _icosahedron_faces(vertices: np.ndarray) -> np.ndarray:
    """Find the 20 triangles of mutually nearest vertices, wound outwards, shape (20, 3)."""
    near = vertices @ vertices.T > 0.4  # neighbours have cosine 1/sqrt(5)
    n = range(len(vertices))
    triples = [
        (i, j, k) for i in n for j in n for k in n if i < j < k and near[i, j] and near[j, k] and near[i, k]
    ]
    return np.array(
        [(i, j, k) if np.linalg.det(vertices[[i, j, k]]) > 0 else (i, k, j) for i, j, k in triples],
        dtype=np.int64,
    )


def _split_in_four(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split every triangle at its edge midpoints into four."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    unique, inverse = np.unique(edges, axis=0, return_inverse=True)
    ab, bc, ca = len(vertices) + inverse.reshape(3, -1)
    a, b, c = faces.T
    split = np.concatenate(
        [np.stack(corners, axis=1) for corners in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))]
    )
    return np.concatenate([vertices, vertices[unique].mean(axis=1)]), split


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0))
