from __future__ import annotations

import numpy as np
import pytest

from rerender.core.errors import UserError
from rerender.core.meshes import component_count, drop_unused
from rerender.papers.physics.shapes import shape
from rerender.papers.physics.specs import SHAPES
from rerender.simulation.mass_properties import solid


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_one_closed_body_of_unit_circumradius(name: str) -> None:
    mesh = shape(name)
    properties = solid(mesh)  # refuses open and inverted meshes
    assert component_count(mesh) == 1
    assert len(drop_unused(mesh).vertices) == len(mesh.vertices) <= 600
    assert np.linalg.norm(mesh.vertices, axis=1).max() == pytest.approx(1.0)
    assert 0.02 < properties.volume < 4.2
    assert np.linalg.eigvalsh(properties.inertia).min() > 0.02


def test_the_released_primitives_have_their_counts() -> None:
    counts = {
        name: (len(shape(name).vertices), len(shape(name).faces))
        for name in ("box", "cone", "cylinder", "sphere")
    }
    assert counts == {"box": (8, 12), "cone": (34, 64), "cylinder": (66, 128), "sphere": (162, 320)}


def test_a_misspelt_shape_gets_the_closest_one() -> None:
    with pytest.raises(UserError, match="Did you mean 'torus'"):
        shape("tours")
