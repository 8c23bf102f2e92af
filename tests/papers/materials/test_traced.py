"""Path-traced pictures of recovered maps: the true ones on another atlas look the same, wrong ones do not."""

from __future__ import annotations

import numpy as np
from tests.papers.materials.tiny import light, thing

from rerender.papers.materials.refine import moved_to
from rerender.papers.materials.settings import PictureSettings
from rerender.papers.materials.traced import Coated, psnr, traced_pictures
from rerender.rendering.texture_atlas import baked, texels, unwrapped


def test_true_maps_look_the_same_on_another_atlas_and_wrong_ones_do_not() -> None:
    ball = thing()
    atlas = unwrapped(ball.mesh, 64)
    places = texels(atlas, 64)
    true = ball.maps(moved_to(ball.mesh, places).uv)
    maps = {name: baked(places, value) for name, value in true.items()}
    shiny = {
        **maps,
        "roughness": np.zeros_like(maps["roughness"]),
        "metallic": np.ones_like(maps["metallic"]),
    }
    told = traced_pictures(
        Coated(ball.mesh, {name: getattr(ball, name) for name in ("albedo", "roughness", "metallic")}),
        {"joint": Coated(atlas, shiny), "two": Coated(atlas, maps)},
        {"render": light(), "relit": np.roll(light(), 9, axis=1)},
        PictureSettings(size=16, spp=32),
    )
    assert list(told) == ["target", "joint", "two"] and "psnr" not in told["target"]
    for name in ("render", "relit"):
        picture = told["target"]["pictures"][name]
        assert picture.shape == (16, 16, 3) and picture[0].min() > 0.999 and picture[8, 8].max() < 1.0
        assert told["two"]["psnr"][name] > told["joint"]["psnr"][name] + 6.0


def test_psnr_is_of_the_pixels_that_are_covered_whole() -> None:
    image = np.zeros((2, 2, 4), np.float32)
    image[..., 3] = ((1.0, 1.0), (0.5, 0.0))
    other = image + np.array([1.0, 1.0, 1.0, 0.0], np.float32) * (image[..., 3:] < 1.0)
    assert psnr(image, other) > 90.0
    assert psnr(image, image + np.array([1.0, 1.0, 1.0, 0.0], np.float32)) < 0.001
