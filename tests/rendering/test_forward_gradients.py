"""Forward derivatives of a shift against finite differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.rendering.worlds import sphere_scene

from rerender.core.images import reinhard, srgb_encode
from rerender.core.meshes import Mesh, icosphere
from rerender.rendering.compat import VERTEX_POSITIONS
from rerender.rendering.differentiable import Renderer
from rerender.rendering.forward_gradients import shift_differences, shift_gradients

KEY = f"object.{VERTEX_POSITIONS}"


def test_a_shift_changes_the_picture_as_finite_differences_say() -> None:
    scene = sphere_scene(mesh=icosphere(3), size=16)
    difference = shift_differences(scene, KEY, (0, 1), (5, 6), spp=512)
    found = shift_gradients(scene, KEY, (0, 1), (7, 8), spp=256)
    assert found.shape == difference.shape == (2, 16, 16, 3)
    a, b = found.ravel(), difference.ravel()
    assert a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) > 0.95
    assert np.linalg.norm(a) == pytest.approx(np.linalg.norm(b), rel=0.1)


def test_differences_are_those_of_shifted_meshes() -> None:
    ball = icosphere(2)

    def picture(shift: float) -> np.ndarray:
        scene = sphere_scene(mesh=Mesh(ball.vertices + shift, ball.faces), size=16)
        radiance = Renderer(scene).render({}, views=(1,), seeds=(5,), spp=64).numpy()
        return np.asarray(srgb_encode(reinhard(radiance)))

    expected = (picture(0.05) - picture(-0.05)) / 0.1
    found = shift_differences(sphere_scene(mesh=ball, size=16), KEY, (1,), (5,), spp=64, step=0.05)
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert np.abs(found).max() > 0.5


def test_the_scene_need_not_be_one_for_gradients() -> None:
    scene = replace(sphere_scene(size=8, batched=True), batched=True)
    assert np.isfinite(shift_differences(scene, KEY, (1,), (1,), spp=4)).all()
