"""A capture of a user's own goes the whole way in both formats, and what cannot be fitted is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from tests.catalogue.photographs import llff, synthetic
from tests.papers.materials.tiny import light, thing

from rerender.catalogue.captures import Photographs
from rerender.core.cameras import Camera, fibonacci_cameras
from rerender.core.errors import UserError
from rerender.core.images import srgb_encode, to_uint8
from rerender.papers.materials.fit import shade_maps
from rerender.papers.materials.own import OwnRequest, run_own, set_up, views_of
from rerender.papers.materials.settings import (
    HashSettings,
    OwnCapture,
    PictureSettings,
    RegulariserSettings,
    ShapeSettings,
    StageSettings,
)
from rerender.provenance.manifest import Code
from rerender.rendering.bitmaps import write_exr
from rerender.rendering.filtered_light import LightLevels
from rerender.rendering.gbuffers import trace
from rerender.reporting.videos import read_video

WIDTH, HEIGHT = 36, 24
CODE = Code(("test",), {}, "0" * 16)


def cameras() -> tuple[Camera, ...]:
    return fibonacci_cameras(12, 3.0, 60.0)


def photographs() -> list[Image.Image]:
    """Return wide pictures of the ball with alpha."""
    ball = thing()
    surface = trace(ball.mesh, cameras(), HEIGHT, WIDTH)
    shaded = shade_maps(surface, ball.maps(surface.uv), LightLevels.from_latlong(light()), flat=True)
    colour = srgb_encode(np.clip(surface.images(shaded).numpy(), 0.0, 1.0))
    alpha = surface.mask().numpy()[..., None]
    return [Image.fromarray(to_uint8(one)) for one in np.concatenate([colour, alpha], axis=-1)]


def request(folder: Path, capture: Path, **own: object) -> OwnRequest:
    write_exr(folder / "relight.exr", np.roll(light(), 12, axis=1))
    return OwnRequest(
        name="ball",
        own=OwnCapture(folder=str(capture), heldout=4, **own),  # type: ignore[arg-type]
        relight=folder / "relight.exr",
        size=24,
        light_height=16,
        resolution=64,
        shape=ShapeSettings(cells=12),
        hash=HashSettings(levels=2, log2_table=10, finest=32),
        coarse=StageSettings(steps=30),
        fine=StageSettings(steps=5, lr=0.003),
        regularisers=RegulariserSettings(),
        pictures=PictureSettings(size=24, frames=2),
        tier="smoke",
    )


@pytest.mark.parametrize(("write", "methods"), [(synthetic, ("joint", "two")), (llff, ("two",))])
def test_photographs_become_materials(
    tmp_path: Path, write: Callable[..., Path], methods: tuple[str, ...]
) -> None:
    capture = write(tmp_path / "photographs", cameras(), photographs())
    asked = request(tmp_path, capture, methods=methods)
    out = tmp_path / "own"
    run_own(asked, CODE, {}, folder=out, state_root=tmp_path / "state")
    rows = {
        (row["method"], row["representation"], row["metric"]): row
        for row in json.loads((out / "metrics.json").read_text())
    }
    for method in methods:
        assert rows[method, "field", "silhouette_iou"]["value"] > 0.9
        assert rows[method, "texture", "heldout_psnr_masked"]["value"] > 12.0
        told = rows[method, "texture", "albedo/all"]
        assert told["value"] is None and "photographs" in told["reason"]
        kept = out / "materials" / method
        made = sorted(path.name for path in kept.iterdir())
        names = [
            "albedo.png",
            "light.exr",
            "metallic.png",
            "normal.png",
            "object.glb",
            "orm.png",
            "roughness.png",
        ]
        assert made == names
        loaded = trimesh.load(kept / "object.glb", force="mesh")
        assert np.ptp(loaded.vertices, axis=0).max() == pytest.approx(0.85 * 2.1, rel=0.15)
        maps = {
            name: np.asarray(Image.open(kept / f"{name}.png")) for name in ("roughness", "metallic", "orm")
        }
        assert np.array_equal(maps["orm"][..., 1], maps["roughness"][..., 0])
        assert np.array_equal(maps["orm"][..., 2], maps["metallic"][..., 0])
    assert Image.open(out / "found.png").size[0] > 1000 and len(read_video(out / "video.mp4")) == 2
    assert set(json.loads((out / "manifest.json").read_text())["parameters"]) >= {"own", "shape", "coarse"}
    assert not list((tmp_path / "state").glob("*"))


def test_pixels_that_are_mostly_background_are_left_out() -> None:
    ball, views = thing().mesh, cameras()[:2]
    whole = trace(ball, views, WIDTH).mask().numpy()
    alpha = np.where(np.arange(WIDTH) < WIDTH // 2, 0.4, 0.6) * whole
    shown = Photographs(views, np.full((*whole.shape, 3), 0.3, np.float32), alpha, ("a.png", "b.png"))
    covered = views_of(ball, shown, "ball").surface.mask().numpy()
    assert np.array_equal(covered, whole & (np.arange(WIDTH) >= WIDTH // 2))
    with pytest.raises(UserError, match=r"is not where b\.png show"):
        views_of(ball, replace(shown, alpha=alpha * np.array([1.0, 0.0])[:, None, None]), "ball")


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    asked = request(tmp_path, synthetic(tmp_path / "photographs", cameras(), photographs()), every=4)
    with pytest.raises(UserError, match="3 pictures are too few"):
        set_up(asked, tmp_path / "state", "x")


def test_cameras_that_see_nothing_of_the_object_are_refused(tmp_path: Path) -> None:
    turned = [
        replace(camera, target=(2 * np.array(camera.origin)).tolist()) if index == 5 else camera
        for index, camera in enumerate(cameras())
    ]
    asked = request(tmp_path, synthetic(tmp_path / "photographs", tuple(turned), photographs()))
    with pytest.raises(UserError, match=r"r_5\.png"):
        set_up(asked, tmp_path / "state", "x")
