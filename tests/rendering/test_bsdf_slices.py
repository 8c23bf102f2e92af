"""Slices through BSDFs against closed forms, energy conservation, and their distance."""

from __future__ import annotations

import numpy as np
import pytest

from rerender.rendering.bsdf_slices import AZIMUTHS, POLAR, bsdf_slices, polar_angles, slice_error, uniform
from rerender.rendering.scenes import texture

GREY = {"type": "diffuse", "reflectance": {"type": "rgb", "value": [0.4, 0.4, 0.4]}}


def hemispheric(slices: np.ndarray) -> np.ndarray:
    """Integrate over all outgoing directions."""
    sine = np.sin(np.concatenate([polar_angles(), polar_angles()]))[:, None]
    return (slices * sine).sum(axis=(1, 2)) * (np.pi / 2 / POLAR) * (2 * np.pi / AZIMUTHS)


def test_a_diffuse_slice_is_reflectance_over_pi_times_the_cosine() -> None:
    slices = bsdf_slices(GREY)
    upper = slices[:, :POLAR]
    np.testing.assert_allclose(
        upper, np.broadcast_to(0.4 / np.pi * np.cos(polar_angles())[:, None], upper.shape), rtol=1e-4
    )
    assert not slices[:, POLAR:].any()
    np.testing.assert_allclose(hemispheric(slices), 0.4, rtol=2e-3)


def test_a_rough_conductor_is_brightest_in_the_mirror_direction() -> None:
    slices = bsdf_slices({"type": "roughconductor", "alpha": 0.15}, (45.0,))[0]
    tilt, azimuth = np.unravel_index(slices.argmax(), slices.shape)
    assert np.rad2deg(polar_angles()[tilt]) == pytest.approx(45, abs=4)
    turn = (azimuth + 0.5) * 360 / AZIMUTHS
    assert min(turn, 360 - turn) < 6  # light comes from azimuth 180 and leaves towards 0


def test_rough_glass_transmits_into_the_lower_half() -> None:
    slices = bsdf_slices({"type": "principled", "spec_trans": 1.0, "eta": 1.5, "roughness": 0.5}, (15.0,))
    assert slices[0, POLAR:].sum() > slices[0, :POLAR].sum() > 0
    assert 0.2 < hemispheric(slices)[0] < 0.6  # half is absorbed, and radiance falls by eta squared


def test_the_error_is_zero_at_identity_symmetric_and_grows_with_roughness() -> None:
    smooth, middle, rough = (
        bsdf_slices({"type": "principled", "roughness": x, "specular": 0.5}) for x in (0.2, 0.3, 0.9)
    )
    assert slice_error(smooth, smooth) == 0
    assert slice_error(smooth, rough) == pytest.approx(slice_error(rough, smooth))
    assert slice_error(smooth, rough) > slice_error(smooth, middle) > 0
    flat = np.zeros((1, 2 * POLAR, AZIMUTHS))
    assert slice_error(flat, flat + np.e - 1) == pytest.approx(1)


def test_a_texture_of_one_texel_is_a_colour() -> None:
    textured = {"type": "diffuse", "reflectance": texture(np.full((1, 1, 3), 0.4, np.float32))}
    np.testing.assert_allclose(bsdf_slices(textured), bsdf_slices(GREY), rtol=1e-5)


def test_a_texture_becomes_its_mean_over_what_is_seen() -> None:
    pixels = np.zeros((2, 2, 3), np.float32)
    pixels[0] = 0.4
    textured = {"type": "twosided", "inner": {"type": "diffuse", "reflectance": texture(pixels)}}
    seen = np.array([[True, True], [False, False]])
    assert uniform(textured, seen)["inner"]["reflectance"]["bitmap"].ravel() == pytest.approx([0.4] * 3)
    assert uniform(textured)["inner"]["reflectance"]["bitmap"].ravel() == pytest.approx([0.2] * 3)
    np.testing.assert_allclose(bsdf_slices(uniform(textured, seen)), bsdf_slices(GREY), rtol=1e-5)
