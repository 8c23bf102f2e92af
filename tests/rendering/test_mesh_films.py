"""Films by Mitsuba: the light and the framing of the soft rasteriser, and what only rays see."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rerender.papers.physics.shapes import shape
from rerender.rendering.mesh_films import film_mesh
from rerender.rendering.soft_rasteriser import SoftSettings, look_from, rasterise
from rerender.rendering.variants import start_variant

COLOUR = np.array([0.8, 0.4, 0.2])
SIZE = 32


@pytest.fixture(autouse=True)
def _mitsuba() -> None:
    start_variant("llvm_ad_rgb", threads=1)


def test_frames_are_those_of_the_soft_rasteriser_but_for_outlines_and_noise() -> None:
    mesh, camera = shape("l_shape"), look_from(5.0, 30.0, 20.0)
    shifts = np.array([[0.7, 0.3, 0.0], [-0.6, -0.4, 0.2]])
    vertices = mesh.vertices + shifts[:, None]
    traced = film_mesh(vertices, mesh.faces, COLOUR, camera, size=SIZE, spp=64)
    soft = rasterise(
        torch.tensor(vertices), torch.tensor(mesh.faces), torch.tensor(COLOUR), camera, SoftSettings(SIZE)
    ).numpy()
    seen = soft[..., 3].mean()
    assert np.abs(traced - soft).mean() < 0.3 * seen
    assert np.abs(traced[:, :, ::-1] - soft).mean() > 0.5 * seen
    assert np.abs(traced[::-1] - soft).mean() > 0.5 * seen


def test_a_face_has_half_its_colour_and_as_much_again_from_above() -> None:
    mesh = shape("box")
    above, aside = (
        film_mesh(mesh.vertices[None], mesh.faces, COLOUR, look_from(5.0, up, 0.0), size=SIZE, spp=256)[0]
        for up in (89.0, 0.0)
    )
    centre = slice(SIZE // 2 - 2, SIZE // 2 + 2)
    assert above[centre, centre, :3].mean(axis=(0, 1)) == pytest.approx(COLOUR, rel=0.05)
    assert aside[centre, centre, :3].mean(axis=(0, 1)) == pytest.approx(0.5 * COLOUR, rel=0.05)
    assert above[0, 0] == pytest.approx([0.0] * 4) and above[SIZE // 2, SIZE // 2, 3] == pytest.approx(1.0)


def test_a_body_throws_a_shadow_on_the_ground() -> None:
    mesh, camera = shape("box"), look_from(6.0, 35.0, 0.0)
    high, low = (
        film_mesh(
            mesh.vertices[None] + [0.0, height, 0.0],
            mesh.faces,
            COLOUR,
            camera,
            size=SIZE,
            spp=64,
            ground=-0.6,
        )[0, ..., :3].mean(axis=-1)
        for height in (50.0, 0.1)
    )
    plain = np.median(high)
    assert (low < 0.8 * plain).sum() > (np.abs(high / plain - 1) > 0.5).sum() + 5
