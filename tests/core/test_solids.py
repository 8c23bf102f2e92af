from __future__ import annotations

import math

import numpy as np
import pytest

from rerender.core.meshes import euler_characteristic, volume
from rerender.core.solids import bent_tube, ngon, prism, revolved, unit_radius


def test_a_cylinder_and_a_cone_have_the_counts_of_the_released_ones() -> None:
    cylinder = revolved([(0.0, -1.0), (0.5, -1.0), (0.5, 1.0), (0.0, 1.0)], 32)
    cone = revolved([(0.0, 0.0), (1.0, 0.0), (0.0, 3.0)], 32)
    assert (len(cylinder.vertices), len(cylinder.faces)) == (66, 128)
    assert (len(cone.vertices), len(cone.faces)) == (34, 64)
    assert volume(cone) == pytest.approx(math.pi, rel=0.01)


def test_an_outline_off_the_axis_becomes_a_ring() -> None:
    ring = revolved([(1.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 1.0)], 64)
    assert euler_characteristic(ring) == 0
    assert volume(ring) == pytest.approx(3 * math.pi, rel=0.01)


def test_a_prism_has_its_area_times_its_depth() -> None:
    star = ngon(5, 2.0, 1.0)
    x, y = np.array(star).T
    area = 0.5 * abs(float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()))
    assert volume(prism(star, 0.5)) == pytest.approx(0.5 * area)
    assert volume(prism(star[::-1], 0.5)) == pytest.approx(0.5 * area)


def test_a_bent_tube_follows_pappus() -> None:
    tube = bent_tube(2.0, 0.3, math.pi, 40, 40)
    assert euler_characteristic(tube) == 2
    assert volume(tube) == pytest.approx(math.pi * 0.3**2 * 2.0 * math.pi, rel=0.01)


def test_unit_radius_puts_the_farthest_vertex_at_one() -> None:
    mesh = unit_radius(prism(ngon(3), 4.0))
    assert np.allclose(mesh.vertices.mean(axis=0), 0.0, atol=1e-12)
    assert np.linalg.norm(mesh.vertices, axis=1).max() == pytest.approx(1.0)
