from __future__ import annotations

import math

import numpy as np
import pytest

from rerender.core.meshes import Mesh, drop_unused
from rerender.simulation.errors import BadMesh
from rerender.simulation.mass_properties import solid
from rerender.simulation.tet_mesh import TetMesh, ball, beam, block, gear


def surface(mesh: TetMesh) -> Mesh:
    return drop_unused(Mesh(mesh.vertices, mesh.surface))


@pytest.mark.parametrize("mesh", [beam(), ball(4), gear(), block((2, 3, 1), (1.0, 1.0, 1.0))])
def test_the_surface_is_closed_and_holds_the_volume(mesh: TetMesh) -> None:
    assert mesh.volumes.min() > 0
    assert solid(surface(mesh)).volume == pytest.approx(mesh.volumes.sum())


def test_the_meshes_of_the_paper_have_their_counts() -> None:
    assert (len(gear().vertices), len(gear().tets)) == (480, 1152)
    assert gear().volumes.sum() == pytest.approx(9.7, abs=0.1)
    assert (len(ball(4).vertices), len(ball(4).tets)) == (125, 320)
    assert (len(ball(5).vertices), len(ball(5).tets)) == (216, 625)
    assert len(beam().tets) == 200


def test_a_ball_is_round() -> None:
    mesh = ball(6)
    radii = np.linalg.norm(surface(mesh).vertices, axis=1)
    assert np.allclose(radii, 1.0)
    assert mesh.volumes.sum() == pytest.approx(4 / 3 * math.pi, rel=0.1)


def test_broken_meshes_are_refused_with_their_element() -> None:
    good = beam()
    inverted = good.tets.copy()
    inverted[7] = inverted[7][[0, 1, 3, 2]]
    with pytest.raises(BadMesh, match=r"tetrahedron 7 is inverted.*\n.*Swap"):
        TetMesh(good.vertices, inverted)
    with pytest.raises(BadMesh, match=r"tetrahedron 3 .* occurs twice"):
        TetMesh(good.vertices, np.concatenate([good.tets, good.tets[3:4][:, [1, 0, 3, 2]]]))
    flat = good.vertices.copy()
    flat[:, 2] = 0.0
    with pytest.raises(BadMesh, match="is flat"):
        TetMesh(flat, good.tets)
    with pytest.raises(BadMesh, match="belongs to no tetrahedron"):
        TetMesh(np.concatenate([good.vertices, [[9.0, 9, 9]]]), good.tets)
    with pytest.raises(BadMesh, match="there are 99 vertices"):
        TetMesh(good.vertices, np.concatenate([good.tets, [[0, 1, 2, 200]]]))
    lost = good.vertices.copy()
    lost[5] = np.nan
    with pytest.raises(BadMesh, match="vertex 5 is not finite"):
        TetMesh(lost, good.tets)
