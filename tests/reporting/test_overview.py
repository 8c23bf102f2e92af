from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from rerender.reporting.grids import png_bytes
from rerender.reporting.overview import PANELS, Tile, draw_overview, find, save_overview, tile_picture


def flat(value: float, height: int = 8, width: int = 8) -> bytes:
    return png_bytes(np.full((height, width, 3), value, np.float32))


def metamers(models: tuple[str, ...] = ("mae", "pooled")) -> pl.DataFrame:
    """As F2 keeps it: two lights, renders and error maps."""
    rows = [
        {"envmap": envmap, "kind": kind, "role": role, "model": model, "png": flat(number / 40)}
        for number, (envmap, kind, role, model) in enumerate(
            (envmap, kind, role, model)
            for envmap in ("constant", "venice_sunset")
            for kind in ("error", "render")
            for role, model in (("target", ""), ("start", ""), *(("result", name) for name in models))
        )
    ]
    return pl.DataFrame(rows)


def viewpoints() -> pl.DataFrame:
    pictures = ("start", "found", "target", "error")
    return pl.DataFrame([{"method": "lm", "picture": name, "png": flat(0.5)} for name in pictures])


def value_of(picture: np.ndarray | None) -> int:
    assert picture is not None and picture.dtype == np.uint8 and len(np.unique(picture)) == 1
    return int(picture[0, 0, 0])


def test_a_tile_is_the_picture_of_the_preferred_light_role_and_model() -> None:
    tiles = {tile.title: tile for tile in PANELS["metamers"].tiles}
    frame = metamers()
    order = frame.with_row_index().filter(
        (pl.col("envmap") == "venice_sunset") & (pl.col("kind") == "render") & (pl.col("model") == "pooled")
    )
    assert value_of(tile_picture(frame, tiles["found, pooled"])) == round(order["index"][0] / 40 * 255)
    assert tile_picture(metamers(models=("mae",)), tiles["found, pooled"]) is None
    # another model's shape never stands under the title of pixels
    assert tile_picture(metamers(models=("ssim",)), tiles["found, by pixels"]) is None
    # another light will do where the preferred one was not run
    assert tile_picture(frame.filter(pl.col("envmap") == "constant"), tiles["start"]) is not None


def test_a_figure_without_the_row_has_no_picture() -> None:
    assert find(viewpoints(), {"method": ("adam",)}) is None


def test_pictures_below_each_other_share_a_tile() -> None:
    frame = pl.DataFrame({"role": ["initial", "found"], "png": [flat(0.2, 4, 16), flat(0.8, 4, 16)]})
    picture = tile_picture(frame, Tile("skies", {"role": ("initial",)}, below={"role": ("found",)}))
    assert picture is not None and picture.shape == (9, 16, 3)
    assert (value_of(picture[:4]), value_of(picture[4:5]), value_of(picture[5:])) == (51, 255, 204)


def test_the_overview_names_what_it_shows(tmp_path: Path) -> None:
    _, shown = draw_overview({"viewpoints": viewpoints(), "metamers": metamers()}, "smoke")
    assert shown.rows() == [
        *(("metamers", title) for title in ("start", "found, by pixels", "target", "found, pooled")),
        *(("viewpoints", title) for title in ("start", "found", "target")),
    ]
    viewpoints().write_parquet(tmp_path / "matches.parquet")
    save_overview({"viewpoints": tmp_path / "matches.parquet"}, tmp_path / "overview", "smoke")
    assert {path.suffix for path in tmp_path.glob("overview.*")} == {".png", ".pdf", ".parquet"}
