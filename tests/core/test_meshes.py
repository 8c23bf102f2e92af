from __future__ import annotations

import numpy as np
import pytest

from rerender.core import meshes
from rerender.core.meshes import Mesh
from rerender.core.primitives import globe


def tetrahedron() -> Mesh:
    vertices = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], float)
    return Mesh(vertices, np.array([(0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)]))


def cube(size: float = 1.0) -> Mesh:
    corners = size * np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [triangle for a, b, c, d in quads for triangle in ((a, b, c), (a, c, d))]
    return Mesh(corners, np.array(faces))


def torus(rings: int = 12, sides: int = 8) -> Mesh:
    u, v = np.meshgrid(
        np.arange(rings) * 2 * np.pi / rings, np.arange(sides) * 2 * np.pi / sides, indexing="ij"
    )
    r = 1.0 + 0.3 * np.cos(v)
    vertices = np.stack([r * np.cos(u), r * np.sin(u), 0.3 * np.sin(v)], -1).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(rings), np.arange(sides), indexing="ij")
    a, b = i * sides + j, (i + 1) % rings * sides + j
    c, d = (i + 1) % rings * sides + (j + 1) % sides, i * sides + (j + 1) % sides
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return Mesh(vertices, faces)


def test_arrays_get_their_types_and_shapes_are_checked() -> None:
    mesh = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]], [[0, 0], [1, 0], [0, 1]])  # type: ignore[arg-type]
    assert mesh.vertices.dtype == np.float64 and mesh.faces.dtype == np.int32
    with pytest.raises(ValueError, match="shape"):
        Mesh(np.zeros((3, 2)), np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"0\.\.2"):
        Mesh(np.zeros((3, 3)), np.array([[0, 1, 3]]))
    with pytest.raises(ValueError, match="texcoords"):
        Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]]), np.zeros((2, 2)))


def test_measures_of_a_cube_have_their_closed_forms() -> None:
    mesh = cube(2.0)
    assert meshes.volume(mesh) == pytest.approx(8.0)
    assert meshes.face_areas(mesh).sum() == pytest.approx(24.0)
    assert len(meshes.edges_unique(mesh)) == 18
    assert meshes.mean_edge_length(mesh) == pytest.approx((12 * 2.0 + 6 * 8**0.5) / 18)
    assert meshes.bounding_diagonal(mesh) == pytest.approx(2 * 3**0.5)
    # outward: the normal of every face points away from the centre
    centres = mesh.vertices[mesh.faces].mean(axis=1) - 1.0
    assert (np.einsum("ij,ij->i", centres, meshes.face_normals(mesh)) > 0).all()
    # at a corner the triangles are weighted by area, so the normal need not be the exact diagonal
    outward = np.einsum("ij,ij->i", mesh.vertices - 1.0, meshes.vertex_normals(mesh))
    np.testing.assert_allclose(np.linalg.norm(meshes.vertex_normals(mesh), axis=1), 1.0)
    assert (outward > 1.4).all()


def test_euler_characteristic_tells_a_sphere_from_a_torus() -> None:
    assert meshes.euler_characteristic(tetrahedron()) == 2
    assert meshes.euler_characteristic(meshes.icosphere(2)) == 2
    assert meshes.euler_characteristic(torus()) == 0


@pytest.mark.parametrize("count", [1, 2, 5])
def test_components_are_counted_without_unused_vertices(count: int) -> None:
    part = tetrahedron()
    vertices = np.concatenate([part.vertices + 3 * k for k in range(count)] + [[[99.0, 0, 0]]])
    mesh = Mesh(vertices, np.concatenate([part.faces + 4 * k for k in range(count)]))
    assert meshes.component_count(mesh) == count


def test_components_of_a_long_strip_in_random_order_are_one() -> None:
    n = 400
    order = np.random.default_rng(0).permutation(n)
    faces = np.stack([order[:-2], order[1:-1], order[2:]], axis=1)
    assert meshes.component_count(Mesh(np.random.default_rng(1).random((n, 3)), faces)) == 1


@pytest.mark.parametrize("subdivisions", [0, 1, 3])
def test_icosphere_is_a_unit_sphere_of_the_expected_size(subdivisions: int) -> None:
    mesh = meshes.icosphere(subdivisions, radius=2.0)
    assert len(mesh.vertices) == 10 * 4**subdivisions + 2
    assert len(mesh.faces) == 20 * 4**subdivisions
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 2.0)
    assert meshes.volume(mesh) > 0
    lengths = np.linalg.norm(np.diff(mesh.vertices[meshes.edges_unique(mesh)], axis=1), axis=-1)
    assert lengths.max() / lengths.min() < 1.25


def test_normalised_centres_the_box_and_sets_its_diagonal() -> None:
    mesh = meshes.normalised(Mesh(cube().vertices * (1, 2, 5) + 7, cube().faces), diagonal=2.4)
    low, high = meshes.bounding_box(mesh)
    np.testing.assert_allclose(low + high, 0.0, atol=1e-12)
    assert np.linalg.norm(high - low) == pytest.approx(2.4)
    np.testing.assert_allclose((high - low) / (high - low)[0], [1, 2, 5])


def test_transformed_applies_columns_and_keeps_faces_outward_when_mirroring() -> None:
    matrix = np.diag([2.0, 2.0, 2.0, 1.0])
    matrix[:3, 3] = (1, 2, 3)
    np.testing.assert_allclose(meshes.transformed(cube(), matrix).vertices, cube().vertices * 2 + (1, 2, 3))
    mirrored = meshes.transformed(cube(), np.diag([-1.0, 1.0, 1.0, 1.0]))
    assert meshes.volume(mirrored) == pytest.approx(1.0)


def test_merging_joins_positions_and_keeps_first_order() -> None:
    soup = cube()
    apart = Mesh(soup.vertices[soup.faces].reshape(-1, 3), np.arange(36).reshape(-1, 3))
    merged, index = meshes.merged_with_index(apart)
    assert len(merged.vertices) == 8
    np.testing.assert_array_equal(merged.vertices[index], apart.vertices)
    np.testing.assert_array_equal(merged.vertices[0], apart.vertices[0])
    same, _ = meshes.merged_with_index(soup)
    np.testing.assert_array_equal(same.faces, soup.faces)


def test_merging_treats_minus_zero_as_zero() -> None:
    mesh = Mesh(np.array([(0.0, 0, 0), (-0.0, 0, 0), (1, 0, 0), (0, 1, 0)]), np.array([(0, 2, 3), (1, 3, 2)]))
    assert len(meshes.merged_with_index(mesh)[0].vertices) == 3


def test_merge_duplicates_drops_collapsed_repeated_and_folded_faces() -> None:
    base = tetrahedron()
    fold = np.array([(0, 1, 2)])  # back to back with the face (0, 2, 1)
    assert len(meshes.merge_duplicates(Mesh(base.vertices, np.concatenate([base.faces, fold]))).faces) == 3
    again = np.roll(base.faces[:1], 1, axis=1)
    assert len(meshes.merge_duplicates(Mesh(base.vertices, np.concatenate([base.faces, again]))).faces) == 4
    doubled = np.concatenate([base.vertices, base.vertices[:1]])
    sliver = np.array([(0, 4, 1)])
    assert len(meshes.merge_duplicates(Mesh(doubled, np.concatenate([base.faces, sliver]))).faces) == 4


def test_drop_unused_renumbers_faces_and_texcoords() -> None:
    vertices = np.arange(15, dtype=float).reshape(5, 3)
    mesh = meshes.drop_unused(Mesh(vertices, np.array([(4, 0, 2)]), np.arange(10, dtype=float).reshape(5, 2)))
    np.testing.assert_array_equal(mesh.vertices, vertices[[0, 2, 4]])
    np.testing.assert_array_equal(mesh.faces, [(2, 0, 1)])
    assert mesh.texcoords is not None
    np.testing.assert_array_equal(mesh.texcoords[:, 0], [0, 4, 8])


def test_surface_samples_are_uniform_by_area_and_seeded() -> None:
    # two triangles, one of three times the area of the other
    vertices = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (5, 0, 0), (8, 0, 0), (5, 1, 0)], float)
    mesh = Mesh(vertices, np.array([(0, 1, 2), (3, 4, 5)]))
    points, normals = meshes.sample_surface(mesh, 20_000, np.random.default_rng(3))
    share = (points[:, 0] > 2).mean()
    assert share == pytest.approx(0.75, abs=5 * (0.75 * 0.25 / 20_000) ** 0.5)
    small = points[points[:, 0] < 2]
    np.testing.assert_allclose(small.mean(axis=0), (1 / 3, 1 / 3, 0), atol=0.02)
    assert (small[:, 0] + small[:, 1] <= 1 + 1e-12).all()
    np.testing.assert_allclose(normals, np.broadcast_to((0, 0, 1), normals.shape))
    again, _ = meshes.sample_surface(mesh, 20_000, np.random.default_rng(3))
    np.testing.assert_array_equal(points, again)


def test_vertex_normals_are_shared_across_a_seam() -> None:
    ball = meshes.icosphere(1)
    apart = Mesh(ball.vertices[ball.faces].reshape(-1, 3), np.arange(3 * len(ball.faces)).reshape(-1, 3))
    cosine = np.einsum("ij,ij->i", meshes.vertex_normals(apart), apart.vertices)
    assert cosine.min() > 0.99


def test_texture_directions_follow_the_first_coordinate() -> None:
    vertices = np.array([(0, 0, 0), (2, 0, 0), (0, 0, 3)], dtype=float)
    faces = np.array([(0, 1, 2)])
    plain = Mesh(vertices, faces, np.array([(0, 0), (1, 0), (0, 1)], dtype=float))
    assert np.allclose(meshes.texture_directions(plain), [(2, 0, 0)])
    turned = Mesh(vertices, faces, np.array([(0, 0), (0, 1), (0.5, 0)], dtype=float))
    assert np.allclose(meshes.texture_directions(turned), [(0, 0, 6)])
    assert not meshes.texture_directions(Mesh(vertices, faces)).any()
    assert not meshes.texture_directions(Mesh(vertices, faces, np.zeros((3, 2)))).any()


def test_tangents_of_vertices_run_around_a_globe() -> None:
    mesh = globe(12, 24)
    found, normals = meshes.vertex_tangents(mesh), meshes.vertex_normals(mesh)
    assert np.allclose((found * normals).sum(axis=1), 0.0, atol=1e-9)
    level = np.abs(mesh.vertices[:, 1]) < 0.9
    around = np.stack([mesh.vertices[:, 2], np.zeros(len(found)), -mesh.vertices[:, 0]], axis=1)[level]
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    assert ((found[level] * around).sum(axis=1) > 0.98).all()
    # N x T points up, as v does
    assert (np.cross(normals, found)[level][:, 1] > 0.0).all()
