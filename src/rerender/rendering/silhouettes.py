"""Where the edges of a mesh are silhouettes for a pinhole camera, and samples along their pictures.

An edge is a silhouette when the camera sees exactly one of its two faces from the front, or when it has not two faces; an
edge across which colours jump is treated as one from everywhere. Samples are uniform along the projected edges, clipped to the film, so each stands for the same length of outline.
All in float64; positions on the film are in pixels, x to the right and y down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rerender.core.cameras import Camera, to_world
from rerender.core.meshes import Mesh, edges_directed, face_cross, merged_with_index
from rerender.core.orbits import Motion

SAME = 1e-4
"""Colours that differ by less count as continuous."""
NEAR = 1e-4  # [scene units]; what is closer to the camera's plane is cut off


@dataclass(frozen=True)
class EdgeTable:
    """The edges of a mesh with coinciding vertices merged, so that a seam is an edge between its two faces.

    `ends`: positions, shape (E, 2, 3); `faces`: the two faces of an edge, shape (E, 2), -1 where it has not two or colours jump.
    `corners` and `normals`: a corner and the unnormalised normal of each face, shape (F, 3).
    """

    ends: np.ndarray
    faces: np.ndarray
    corners: np.ndarray
    normals: np.ndarray


@dataclass(frozen=True)
class OutlineSamples:
    """Samples along the outlines in a picture: film positions and unit normals [px], and the length each stands for.

    `where`, `normals`: shape (S, 2); `points` in the world, shape (S, 3); `step` [px].
    """

    where: np.ndarray
    normals: np.ndarray
    points: np.ndarray
    step: float


def edge_table(mesh: Mesh, colours: np.ndarray | None = None) -> EdgeTable:
    """Return the edges of a mesh; `colours` at every corner of every face, shape (F, 3, 3), say where they jump.

    An edge of three or more faces counts as having none, and so is always sampled.
    """
    merged, _ = merged_with_index(mesh)
    count = len(merged.vertices)
    edges = np.sort(edges_directed(merged), axis=1).astype(np.int64)
    keys, first, inverse, uses = np.unique(
        edges[:, 0] * count + edges[:, 1], return_index=True, return_inverse=True, return_counts=True
    )
    face = np.tile(np.arange(len(merged.faces)), 3)
    order = np.argsort(inverse.ravel(), kind="stable")
    start = np.cumsum(uses) - uses
    pairs = np.full((len(keys), 2), -1)
    two = uses == 2
    one, other = order[start[two]], order[start[two] + 1]
    pairs[two, 0], pairs[two, 1] = face[one], face[other]
    if colours is not None:
        values = _edge_values(merged, colours)
        jumps = (np.abs(values[one] - values[other]) > SAME).any(axis=(1, 2))
        pairs[np.flatnonzero(two)[jumps]] = -1
    return EdgeTable(
        merged.vertices[edges[first]], pairs, merged.vertices[merged.faces[:, 0]], face_cross(merged)
    )


def silhouettes(table: EdgeTable, origin: np.ndarray) -> np.ndarray:
    """Return the end points of the edges that are silhouettes as seen from `origin`, shape (S, 2, 3)."""
    front = np.einsum("ij,ij->i", table.normals, origin - table.corners) > 0
    outer = (table.faces[:, 0] < 0) | (front[table.faces[:, 0]] != front[table.faces[:, 1]])
    return np.asarray(table.ends[outer])


def sample_outlines(
    table: EdgeTable, camera: Camera, width: int, height: int, per_pixel: float, rng: np.random.Generator
) -> OutlineSamples:
    """Draw stratified samples, `per_pixel` for each pixel of outline, hidden outlines included."""
    pose, half = to_world(camera), np.tan(np.radians(camera.fov_deg) / 2.0)
    ends = silhouettes(table, pose[:3, 3])
    local = (ends - pose[:3, 3]) @ pose[:3, :3]
    local = _in_front(local)
    film = np.stack(
        [
            0.5 - 0.5 * local[..., 0] / (half * local[..., 2]),
            0.5 - 0.5 * local[..., 1] / (half * local[..., 2]) * width / height,
        ],
        axis=-1,
    ) * (width, height)
    low, high = _clip_to_film(film, width, height)
    along = film[:, 1] - film[:, 0]
    length = np.linalg.norm(along, axis=1) * np.maximum(high - low, 0.0)
    total = float(length.sum())
    count = int(np.ceil(per_pixel * total))
    if count == 0:
        return OutlineSamples(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((0, 3)), 0.0)
    ticks = (np.arange(count) + rng.random(count)) * (total / count)
    upto = np.cumsum(length)
    edge = np.minimum(np.searchsorted(upto, ticks, side="right"), len(length) - 1)
    share = np.clip(1.0 - (upto[edge] - ticks) / length[edge], 0.0, 1.0)
    t = low[edge] + share * (high[edge] - low[edge])
    where = film[edge, 0] + t[:, None] * along[edge]
    inverse = (1 - t) / local[edge, 0, 2] + t / local[edge, 1, 2]  # 1 / depth is linear on the film
    depth = 1.0 / inverse
    x = half * depth * (1.0 - 2.0 * where[:, 0] / width)
    y = half * depth * (1.0 - 2.0 * where[:, 1] / height) * height / width
    points = np.stack([x, y, depth], axis=1) @ pose[:3, :3].T + pose[:3, 3]
    tangent = along[edge] / np.linalg.norm(along[edge], axis=1, keepdims=True)
    normals = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    return OutlineSamples(where, normals, points, total / count)


def film_motion(camera: Camera, motion: Motion, points: np.ndarray, width: int) -> np.ndarray:
    """Return how the pictures of fixed world points (S, 3) move as the camera does, [px], shape (K, S, 2)."""
    pose, half = to_world(camera), float(np.tan(np.radians(camera.fov_deg) / 2.0))
    offset = points - pose[:3, 3]
    x, y, depth = (offset @ pose[:3, :3]).T
    axes = (motion.left, motion.up, motion.forward)
    dx, dy, dz = (
        axis @ offset.T - (motion.origin @ pose[:3, column])[:, None] for column, axis in enumerate(axes)
    )
    scale = -0.5 * width / (half * depth)
    growth = dz / depth + motion.half[:, None] / half
    return np.stack([scale * (dx - x * growth), scale * (dy - y * growth)], axis=-1)


def _edge_values(mesh: Mesh, colours: np.ndarray) -> np.ndarray:
    """Return the colours at the two ends of every face's edges, in the order of `edges_directed`, lower vertex first."""
    directed = edges_directed(mesh)
    corners = np.concatenate([colours[:, [0, 1]], colours[:, [1, 2]], colours[:, [2, 0]]])
    turned = directed[:, 0] > directed[:, 1]
    corners[turned] = corners[turned][:, ::-1]
    return corners


def _in_front(local: np.ndarray) -> np.ndarray:
    """Drop segments (S, 2, 3) in camera space that are behind the camera, and cut those that cross its plane."""
    local = local[(local[..., 2] > NEAR).any(axis=1)].copy()
    for end in (0, 1):
        behind = local[:, end, 2] <= NEAR
        a, b = local[behind, end], local[behind, 1 - end]
        t = (NEAR - a[:, 2]) / (b[:, 2] - a[:, 2])
        local[behind, end] = a + t[:, None] * (b - a)
        local[behind, end, 2] = NEAR
    return local


def _clip_to_film(film: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where segments (S, 2, 2) enter and leave the film, as shares of their length; outside, enter >= leave."""
    low, high = np.zeros(len(film)), np.ones(len(film))
    for axis, size in enumerate((width, height)):
        start, run = film[:, 0, axis], film[:, 1, axis] - film[:, 0, axis]
        still = run == 0
        safe = np.where(still, 1.0, run)
        to_low, to_high = -start / safe, (size - start) / safe
        low = np.maximum(low, np.where(still, 0.0, np.minimum(to_low, to_high)))
        high = np.minimum(high, np.where(still, 1.0, np.maximum(to_low, to_high)))
        high = np.where(still & ((start < 0) | (start >= size)), -1.0, high)
    return low, high
