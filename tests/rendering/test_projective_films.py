"""Films by the projective integrator: the images of `mesh_films`, and derivatives that agree with finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rerender.core.meshes import Mesh
from rerender.papers.physics.shapes import shape
from rerender.rendering.mesh_films import film_mesh
from rerender.rendering.projective_films import FlatEdges, ProjectiveFilm, film
from rerender.rendering.soft_rasteriser import look_from
from rerender.rendering.variants import start_variant

SIZE = 24
CAMERA = look_from(4.0, 30.0, 0.0)
EYE = np.array(CAMERA.origin)


@pytest.fixture(autouse=True)
def _mitsuba() -> None:
    start_variant("llvm_ad_rgb", threads=1)


def turned(mesh: Mesh) -> Mesh:
    """Return a mesh with several faces in view, none of them edge-on."""
    a, b = 0.4, -0.2
    about_y = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    return Mesh(mesh.vertices @ (about_x @ about_y).T, mesh.faces)


def folded_sheet() -> Mesh:
    """Two triangles with a common edge, seen from below: their normals point away from the camera."""
    vertices = np.array([(-0.9, 0.9, 0.0), (0.0, 1.2, -0.7), (0.1, 1.1, 0.8), (0.9, 0.7, 0.1)])
    return Mesh(vertices - [0, 0.9, 0], np.array([(0, 1, 2), (2, 1, 3)]))


MESHES = {"box": turned(shape("box")), "sheet": folded_sheet()}


def test_every_edge_is_there_once_and_hidden_or_flat_ones_are_not_sampled() -> None:
    box = MESHES["box"]
    edges = FlatEdges.of(box.faces)
    assert len(edges.directed) == 18 and (edges.across >= 0).all()
    directed, weights = edges.seen_from(box.vertices, EYE)
    # of the 12 edges of a box that shows three faces, nine are seen; the six diagonals lie in their faces
    assert len(directed) == 9 and (weights > 0).all()
    sheet = FlatEdges.of(MESHES["sheet"].faces)
    assert len(sheet.seen_from(MESHES["sheet"].vertices, EYE)[0]) == 5


def test_images_are_shade_and_coverage_of_the_film_by_mitsuba() -> None:
    mesh, colour = turned(shape("l_shape")), np.array([1.0, 0.5, 0.2])
    traced = film_mesh(mesh.vertices[None], mesh.faces, colour, CAMERA, size=SIZE, spp=512)[0]
    seen = ProjectiveFilm(mesh.faces, CAMERA, SIZE, 512).render(mesh.vertices, 1)
    assert seen[..., 1].mean() > 0.03
    assert np.abs(seen[..., 1] - traced[..., 3]).max() < 0.15
    assert np.abs(seen[..., :1] * colour - traced[..., :3]).max() < 0.15
    assert np.abs(seen[..., :1] * colour - traced[..., :3]).mean() < 2e-3


@pytest.mark.parametrize("name", list(MESHES))
@pytest.mark.parametrize("channel", [0, 1], ids=["shade", "coverage"])
def test_the_derivative_is_that_of_finite_differences(name: str, channel: int) -> None:
    mesh = MESHES[name]
    camera = ProjectiveFilm(mesh.faces, CAMERA, SIZE, 256)
    rows, columns = np.linspace(-1, 1, SIZE), np.linspace(0.5, 2, SIZE)
    weights = np.zeros((SIZE, SIZE, 2))
    weights[..., channel] = np.outer(rows, columns) / SIZE**2
    draw = np.random.default_rng(1)
    # all points up, and differently far: outlines and creases move, and faces turn
    way = np.array([0.2, 1.0, 0.1]) + draw.normal(scale=0.2, size=mesh.vertices.shape)
    moved = []
    for seed in range(4):
        sides = [camera.render(mesh.vertices + sign * 0.02 * way, seed) for sign in (1, -1)]
        moved.append(float(((sides[0] - sides[1]) * weights).sum() / 0.04))
    found = [float((camera.backward(mesh.vertices, seed, weights) * way).sum()) for seed in range(2)]
    error = np.std(moved) / math.sqrt(len(moved))
    assert error < 0.05 * abs(np.mean(moved))
    assert np.mean(found) == pytest.approx(np.mean(moved), rel=0.04, abs=3 * error)


def test_edges_between_visible_faces_belong_to_the_derivative() -> None:
    """Guards the choice of edges: with Mitsuba's own, the derivative of the shade is another."""
    import mitsuba as mi

    mesh = MESHES["box"]
    camera = ProjectiveFilm(mesh.faces, CAMERA, SIZE, 256)
    weights = np.zeros((SIZE, SIZE, 2))
    weights[..., 0] = np.linspace(-1, 1, SIZE)[:, None] / SIZE**2
    ours = camera.backward(mesh.vertices, 0, weights).sum(axis=0)
    camera.integrator.proj_detail = mi.ad.ProjectiveDetail(camera.integrator)
    theirs = camera.backward(mesh.vertices, 0, weights).sum(axis=0)
    assert np.linalg.norm(ours - theirs) > 0.05 * np.linalg.norm(ours)


def test_frames_have_gradients_of_their_own_and_seeds_repeat_them() -> None:
    mesh = MESHES["box"]
    camera = ProjectiveFilm(mesh.faces + 1, CAMERA, SIZE, 8)
    # a vertex that no face has moves nothing
    places = np.concatenate([[[9.0, 9.0, 9.0]], mesh.vertices])
    shifts = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [50.0, 0.0, 0.0]])
    stack = places + shifts[:, None]
    found = []
    for seed in (3, 3, 4):
        vertices = torch.tensor(stack, requires_grad=True)
        frames = film(vertices, camera, seed)
        assert frames.shape == (3, SIZE, SIZE, 2) and frames.dtype == torch.float64
        (frames[1] ** 2).mean().backward()
        found.append(vertices.grad)
    first, again, other = found
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert float(first[0].abs().max()) == 0.0 == float(first[1, 0].abs().max())
    assert float(first[1].abs().max()) > 0.0
