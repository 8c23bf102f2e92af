"""Counts of the cloth and the walker (acceptance test 8 of the fact sheet), and that they are in order."""

from __future__ import annotations

import numpy as np
import pytest

from rerender.simulation.cloth_mesh import sheet, walker


def test_the_walker_has_the_papers_counts_and_stands_on_two_legs() -> None:
    mesh = walker()
    assert (len(mesh.vertices), len(mesh.faces)) == (74, 104)
    assert mesh.vertices[:, 0].min() == -1.0 and mesh.vertices[:, 0].max() == pytest.approx(1.0)
    assert mesh.vertices[:, 1].min() == pytest.approx(0.0572)
    feet = np.sort(mesh.vertices[mesh.vertices[:, 1] < 0.06, 0])
    assert len(feet) == 6 and feet[3] - feet[2] > 1.0


@pytest.mark.parametrize("mesh", [walker(), sheet((20, 10), 0.1)])
def test_triangles_face_one_way_and_have_equal_areas(mesh) -> None:
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    assert (normal[:, 2] > 0).all() and np.allclose(normal[:, 2], normal[0, 2])


def test_a_sheet_goes_along_x_first() -> None:
    mesh = sheet((2, 1), 0.5)
    assert mesh.vertices[1].tolist() == [0.5, 0.0, 0.0]
    assert len(mesh.vertices) == 6 and len(mesh.faces) == 4
