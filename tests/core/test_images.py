from __future__ import annotations

import numpy as np
import pytest

from rerender.core import images
from rerender.core.errors import UserError


def test_srgb_has_its_known_values_and_inverts() -> None:
    linear = np.array([0.0, 0.0031308, 0.18, 0.5, 1.0])
    np.testing.assert_allclose(images.srgb_encode(linear), [0.0, 0.04045, 0.46135, 0.73536, 1.0], atol=2e-5)
    ramp = np.linspace(0, 1, 101)
    np.testing.assert_allclose(images.srgb_decode(images.srgb_encode(ramp)), ramp, atol=1e-6)
    assert images.srgb_encode(np.float32([0.5])).dtype == np.float32
    assert images.srgb_encode(np.array([1])).dtype == np.float64


def test_tonemap_is_reinhard_then_srgb() -> None:
    np.testing.assert_allclose(images.reinhard(np.array([-1.0, 0.0, 1.0, 3.0])), [0.0, 0.0, 0.5, 0.75])
    assert images.tonemap(np.array([1.0]))[0] == pytest.approx(0.73536, abs=1e-5)
    assert images.tonemap(np.array([1e9]))[0] <= 1.0
    assert images.tonemap(np.array([-2.0]))[0] == 0.0


def test_to_uint8_rounds_clips_and_survives_nan() -> None:
    display = np.array([-0.1, 0.0, 0.5, 127.4 / 255, 1.0, 2.0, np.nan])
    np.testing.assert_array_equal(images.to_uint8(display), [0, 0, 128, 127, 255, 255, 0])


def test_luminance_weights_sum_to_one() -> None:
    image = np.ones((2, 3, 3), np.float32)
    np.testing.assert_allclose(images.luminance(image), np.ones((2, 3)), rtol=1e-6)
    assert images.luminance(np.array([[0.0, 1.0, 0.0]]))[0] == pytest.approx(0.7152)


def test_latlong_directions_are_unit_y_up_and_cover_the_sphere() -> None:
    directions = images.latlong_directions(64, 128)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1.0)
    assert (directions[0, :, 1] > 0.99).all() and (directions[-1, :, 1] < -0.99).all()
    # u = 0 looks along -z, u = 1/4 along +x
    np.testing.assert_allclose(directions[32, 0], (0, 0, -1), atol=0.03)
    np.testing.assert_allclose(directions[32, 32], (1, 0, 0), atol=0.03)
    solid = np.sin(np.pi * (np.arange(64) + 0.5) / 64)[:, None, None]
    np.testing.assert_allclose((directions * solid).sum((0, 1)), 0.0, atol=1e-9)


def test_latlong_directions_agree_with_the_renderer(variant: str) -> None:
    import mitsuba as mi

    assert variant
    height, width = 16, 32
    pixels = np.random.default_rng(1).uniform(0.1, 1.0, (height, width, 3)).astype(np.float32)
    emitter = mi.load_dict({"type": "envmap", "bitmap": mi.Bitmap(pixels)})
    directions = images.latlong_directions(height, width).reshape(-1, 3)
    interaction = mi.SurfaceInteraction3f()
    interaction.wi = -mi.Vector3f(directions.T.astype(np.float32))
    seen = np.array(emitter.eval(interaction)).T.reshape(height, width, 3)
    # the emitter interpolates between rows that it spreads from pole to pole, so only the middle is exact
    correlation = np.corrcoef(seen[4:-4].ravel(), pixels[4:-4].ravel())[0, 1]
    shifted = np.corrcoef(seen[4:-4].ravel(), np.roll(pixels, 1, axis=1)[4:-4].ravel())[0, 1]
    assert correlation > 0.8 > abs(shifted) + 0.3


@pytest.mark.parametrize(("height", "width"), [(4, 8), (3, 5), (16, 32), (20, 41)])
def test_resize_area_keeps_constants_and_the_mean(height: int, width: int) -> None:
    image = np.random.default_rng(0).random((16, 32, 3)).astype(np.float32)
    small = images.resize_area(image, height, width)
    assert small.shape == (height, width, 3) and small.dtype == np.float32
    np.testing.assert_allclose(small.mean((0, 1)), image.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(images.resize_area(np.full_like(image, 7.0), height, width), 7.0, rtol=1e-6)


def test_resize_area_averages_blocks_and_takes_stacks() -> None:
    image = np.arange(2 * 4 * 4 * 3, dtype=np.float64).reshape(2, 4, 4, 3)
    blocks = image.reshape(2, 2, 2, 2, 2, 3).mean((2, 4))
    np.testing.assert_allclose(images.resize_area(image, 2, 2), blocks)


def test_good_radiance_passes() -> None:
    images.check_radiance(np.ones((4, 8, 3), np.float32) * 1e6, "sky")


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinite"), (-0.25, "negative")])
def test_bad_radiance_is_refused_with_number_place_and_advice(value: float, word: str) -> None:
    image = np.ones((4, 8, 3), np.float32)
    image[2, 5, 1] = value
    image[3, 0] = value
    with pytest.raises(UserError, match=f"'sky.hdr' has 2 {word} pixels of 32") as caught:
        images.check_radiance(image, "sky.hdr")
    assert "row 2, column 5" in str(caught.value) and caught.value.hint


@pytest.mark.parametrize("shape", [(4, 8), (4, 8, 4), (0, 8, 3)])
def test_radiance_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="has shape"):
        images.check_radiance(np.ones(shape), "sky")


def test_tile_places_images_row_by_row() -> None:
    stack = np.stack([np.full((2, 3, 3), k / 10) for k in range(5)])
    grid = images.tile(stack, columns=3, pad=1, value=1.0)
    assert grid.shape == (2 * 3 + 1, 3 * 4 + 1, 3)
    assert (
        grid[1, 1, 0] == 0.0 and grid[1, 5, 0] == pytest.approx(0.1) and grid[4, 1, 0] == pytest.approx(0.3)
    )
    assert (grid[0] == 1.0).all() and (grid[4:6, 9:12] == 1.0).all()
    assert images.tile(stack, columns=99, pad=0).shape == (2, 15, 3)
