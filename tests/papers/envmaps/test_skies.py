"""Skies by name, and which way up they are in the renderer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rerender.catalogue.ledger import read_ledger
from rerender.catalogue.puresky import AT_HAND, PURE_SKIES
from rerender.catalogue.resolve import AssetSettings, asset_settings
from rerender.core.errors import UserError
from rerender.core.latlong import check_map, full_map, shift_columns, upper_directions
from rerender.papers.envmaps.skies import sky_upper
from rerender.rendering.bitmaps import write_exr
from rerender.rendering.cloudy_skies import bake_cloudy_sky, numbered_sky
from rerender.rendering.variants import start_variant


@pytest.fixture(scope="module", autouse=True)
def backend() -> str:
    return start_variant("auto", threads=1)


@pytest.fixture
def bare(root: Path, tmp_path: Path) -> AssetSettings:
    return AssetSettings(raw=tmp_path / "raw", ledger=root / "config/assets.tsv")


def test_the_ledger_has_all_44(root: Path) -> None:
    assets = read_ledger(root / "config/assets.tsv")
    assert len(PURE_SKIES) == len(set(PURE_SKIES)) == 44 and list(PURE_SKIES) == sorted(PURE_SKIES)
    for name in PURE_SKIES:
        entry = assets[name]
        assert entry.kind == "envmap" and "envmaps" in entry.paper and entry.standin == "sky"
        assert entry.urls[0].startswith("https://dl.polyhaven.org/file/ph-assets/HDRIs/")
        assert entry.urls[0].endswith(f"/{entry.file}") and name in str(entry.file)
        assert entry.is_unsure == (name not in AT_HAND)


def test_real_skies_are_read_and_keep_their_light(root: Path, tmp_path: Path, asset_mirror: Path) -> None:
    settings = asset_settings(asset_mirror, raw=tmp_path, ledger=root / "config/assets.tsv", environ={})
    for name in AT_HAND:
        prepared = sky_upper(name, settings, 16)
        check_map(prepared.pixels, name, half=True)
        assert prepared.pixels.shape == (16, 64, 3) and prepared.pixels.dtype == np.float32
        assert prepared.provenance.origin == "mirror" and prepared.provenance.sha256
        finer = sky_upper(name, settings, 64)
        assert finer.pixels.mean() == pytest.approx(prepared.pixels.mean(), rel=1e-4)


def test_absent_and_numbered_skies_are_procedural(bare: AssetSettings) -> None:
    absent = sky_upper("belfast_sunset_puresky", bare, 8)
    assert absent.provenance.standin and absent.provenance.origin == "standin"
    np.testing.assert_array_equal(absent.pixels, bake_cloudy_sky(numbered_sky(2), 8))
    numbered = sky_upper("sky_03", bare, 8)
    assert "overcast" in numbered.provenance.note and numbered.provenance.origin == "standin"
    with pytest.raises(UserError, match="Did you mean 'rustig_koppie_puresky'"):
        sky_upper("rustig_koppie", bare, 8)


def test_a_users_own_map_is_checked(bare: AssetSettings, tmp_path: Path) -> None:
    sky = full_map(bake_cloudy_sky(numbered_sky(0), 8))
    good = tmp_path / "mine.exr"
    write_exr(good, sky)
    prepared = sky_upper(str(good), bare, 8)
    np.testing.assert_allclose(prepared.pixels, sky[:8], rtol=1e-6)
    assert prepared.provenance.source == "user" and prepared.provenance.id == "mine"
    with pytest.raises(UserError, match="has 8 rows, and 16 are asked for"):
        sky_upper(str(good), bare, 16)
    broken = sky.copy()
    broken[3, 5] = np.nan
    for name, pixels, message in (
        ("nan.exr", broken, "1 NaN pixels.*row 3, column 5"),
        ("negative.exr", -sky, "negative pixels"),
        ("square.exr", sky[:, :16], "16 x 16 pixels; a full lat-long map is 2:1"),
        ("dim.exr", np.clip(sky, 0, 1), "brightest value 1"),
    ):
        write_exr(tmp_path / name, pixels)
        with pytest.raises(UserError, match=message):
            sky_upper(str(tmp_path / name), bare, 8)


def test_row_0_is_the_zenith_and_columns_turn_as_the_renderer_turns_them(bare: AssetSettings) -> None:
    """A bright texel lights a level mirror's view of the sky exactly where `upper_directions` says it is."""
    import mitsuba as mi

    rows, columns = 8, 32
    directions = upper_directions(rows, columns)
    for row, column in ((0, 3), (2, 5), (4, 20), (6, 31)):
        upper = np.full((rows, columns, 3), 1e-3, np.float32)
        upper[row, column] = 100.0
        emitter = mi.load_dict({"type": "envmap", "bitmap": mi.Bitmap(full_map(upper))})
        seen = mi.SurfaceInteraction3f()
        seen.wi = -mi.Vector3f(directions.reshape(-1, 3).T.astype(np.float32))
        radiance = np.array(emitter.eval(seen))[0].reshape(rows, columns)
        assert np.unravel_index(radiance.argmax(), radiance.shape) == (row, column)
    # and a shift to the left turns the light with it
    shifted = shift_columns(upper, columns // 8)
    assert shifted[6, 31 - columns // 8].max() == 100.0
