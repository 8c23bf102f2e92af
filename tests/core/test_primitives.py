from __future__ import annotations

import numpy as np
import pytest

from rerender.core.meshchecks import is_closed
from rerender.core.meshes import Mesh, bounding_box, merge_duplicates, volume
from rerender.core.primitives import ball, box, cone, globe, ring

VOLUMES = {
    "ball": (ball(), np.pi / 6),
    "box": (box(), 1.0),
    "cone": (cone(), np.pi / 12),
    "ring": (ring(thickness=0.3), 2 * np.pi**2 * 0.35 * 0.15**2),
}


@pytest.mark.parametrize("name", sorted(VOLUMES))
def test_solids_are_closed_outward_one_high_and_of_the_right_volume(name: str) -> None:
    mesh, expected = VOLUMES[name]
    low, high = bounding_box(mesh)
    assert low[1] == pytest.approx(0.0, abs=1e-9) and high[1] == pytest.approx(1.0)
    assert np.abs(low + high)[[0, 2]].max() < 1e-6
    joined = merge_duplicates(Mesh(mesh.vertices, mesh.faces))
    assert is_closed(joined)
    assert volume(mesh) == pytest.approx(expected, rel=0.01)


def test_edges_are_sharp_and_textures_fill_the_sides() -> None:
    cube, hat = box(), cone()
    assert len(cube.vertices) == 24 and cube.texcoords is not None and hat.texcoords is not None
    for texcoords in (cube.texcoords, hat.texcoords):
        assert texcoords.min() == 0.0 and texcoords.max() == 1.0


def test_the_globe_is_a_closed_ball_with_a_lat_long_texture() -> None:
    mesh = globe(12, 24, radius=2.0)
    assert is_closed(mesh) and volume(mesh) == pytest.approx(4 / 3 * np.pi * 8, rel=0.05)
    assert np.allclose(np.linalg.norm(mesh.vertices, axis=1), 2.0)
    assert mesh.texcoords is not None
    u, v = mesh.texcoords.T
    inner = (v > 0) & (v < 1)
    turn = 2 * np.pi * u[inner]
    ring = np.sin(np.pi * (1 - v[inner])) * 2.0
    assert np.allclose(mesh.vertices[inner][:, 0], ring * np.sin(turn), atol=1e-9)
    assert np.allclose(mesh.vertices[inner][:, 2], ring * np.cos(turn), atol=1e-9)
    assert np.allclose(mesh.vertices[:, 1], 2.0 * np.cos(np.pi * (1 - v)))
