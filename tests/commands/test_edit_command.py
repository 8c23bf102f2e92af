"""`rerender edit` on a tiny ball: from the command line to panel, maps, metrics and video; and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from rerender import cli
from rerender.core.latlong import check_map
from rerender.papers.envmaps import own_edits
from rerender.rendering.bitmaps import read_image, write_exr
from rerender.reporting.rows import read_rows
from rerender.reporting.videos import probe_video

SIZE, HEIGHT = 16, 8
FILES = {
    *("before_after.png", "before_after.pdf", "before_after.parquet", "initial.png", "metrics.json"),
    *("video.mp4", "manifest.json", "maps/pixels.exr", "maps/siren.exr"),
}
TINY = {
    "skies": {"height": HEIGHT},
    "fit": {"width": 8, "iterations": 2},
    "render": {"image_size": SIZE, "bake_samples": 1},
    "edits": {"iterations": 4},
    "inversion": {"snapshot_every": 2},
}
BALL = ("edit", "--scene", "mirror_sphere", "--tier", "smoke")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose smoke tier is tinier still."""
    (tmp_path / "config").mkdir()
    config = {"variant": "llvm_ad_rgb", "tiers": {"smoke": {"envmaps": TINY}}}
    (tmp_path / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.chdir(tmp_path)
    # the threads of this process are those of all tests
    monkeypatch.setattr("rerender.commands.edit.available_cores", lambda: 1)
    return tmp_path


def test_an_edit_from_painting_to_the_video(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*BALL, "--sky", "sky_00", "--paintable", "paint.png"]) == 0
    pixels = np.array(Image.open("paint.png"))
    assert pixels.shape == (SIZE, SIZE, 3) and pixels.std() > 5
    pixels[-4:] = pixels[-4:] // 2
    Image.fromarray(pixels).save("painted.png")
    capsys.readouterr()
    painted = [*BALL, "--sky", "sky_00", "--target", "painted.png", "--representation", "pixels,siren"]
    assert cli.main([*painted, "--out", "out"]) == 0
    told = capsys.readouterr()
    assert re.search(r"^siren: in .* dB, out .* dB; light ", told.out, re.M)
    assert "SIREN HDR" in told.err and "left" in told.err
    made = {path.relative_to("out").as_posix() for path in Path("out").rglob("*") if path.is_file()}
    assert made == FILES
    for name in ("pixels", "siren"):
        found = read_image(f"out/maps/{name}.exr")
        assert found.shape == (2 * HEIGHT, 4 * HEIGHT, 3)
        check_map(found, f"{name}.exr")
    rows = read_rows("out/metrics.json")
    assert set(rows["representation"]) == {"initial", "pixels", "siren"}
    assert {"edit/psnr_inside", "edit/psnr_outside", "edit/y_ratio", "edit/map_histogram"} <= set(
        rows["metric"]
    )
    assert probe_video("out/video.mp4").frames >= 3
    # the sky, the network and the transport are there now; what came out is a map for the next edit
    before = {path: path.stat().st_mtime_ns for path in Path("resources").rglob("*") if path.is_file()}
    assert cli.main([*painted, "--out", "again"]) == 0
    assert all(path.stat().st_mtime_ns == before[path] for path in before)
    first, again = (read_image(f"{name}/maps/pixels.exr") for name in ("out", "again"))
    assert np.array_equal(first, again)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--sky", "sky_00"], "an edit has one of `edit`, `strokes` and `target`, and none is given"),
        (["--sky", "sky_00", "--edit", "moveshadow"], "Did you mean 'move_shadow'?"),
        (["--sky", "sky_00", "--edit", "blur_shadow", "--target", "x.png"], "not edit and target"),
        (["--sky", "sky_00", "--edit", "blur_shadow", "--representation", "pixel"], "Did you mean 'pixels'?"),
        (["--sky", "sky_00", "--edit", "blur_shadow", "--roughness", "2"], "'roughness' is 2.0"),
        (["--sky", "sky_00", "--edit", "blur_shadow", "--strokes", "no.yaml"], "cannot read no.yaml"),
        (
            ["--sky", "sky_00", "--target", "large.png"],
            "large.png is 20 x 20 pixels, but the rendering is 16 x 16",
        ),
        (["--sky", "large.png", "--edit", "blur_shadow"], "large.png: .png files hold 8 bits"),
        (["--sky", "wide.exr", "--edit", "blur_shadow"], "wide.exr: 48 x 16 pixels"),
        (["--sky", "nan.exr", "--edit", "blur_shadow"], "nan.exr: 1 NaN pixels"),
        (["--sky", "negative.exr", "--edit", "blur_shadow"], "negative.exr: 1 negative pixels"),
        (["--sky", "sky_00", "--edit", "blur_shadow", "--size", "4"], "--size 4: Input should be greater"),
        (["--sky", "sky_00", "--paintable", "x.jpg"], "x.jpg is no PNG"),
    ],
)
def test_bad_input_is_one_clear_message_and_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    good = np.full((16, 32, 3), 2.0, dtype=np.float32)
    for name, value in (("nan", np.nan), ("negative", -1.0)):
        bad = good.copy()
        bad[3, 4, 1] = value
        write_exr(f"{name}.exr", bad)
    write_exr("wide.exr", np.full((16, 48, 3), 2.0, dtype=np.float32))
    Image.fromarray(np.full((20, 20, 3), 99, dtype=np.uint8)).save("large.png")
    before = sorted(folder.rglob("*"))
    assert cli.main([*BALL, *options]) == 2
    said = capsys.readouterr().err
    assert said.startswith("rerender: ") and told in said
    assert sorted(folder.rglob("*")) == before


def test_an_interrupted_edit_leaves_no_folder_and_carries_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [*BALL, "--sky", "sky_00", "--edit", "colour_temperature", "--representation", "pixels,logpix"]
    real, searched = own_edits.search_with, []

    def stopping(request, stage, spec, *rest):  # type: ignore[no-untyped-def]
        searched.append(spec.id)
        if searched == ["pixels", "logpix"]:
            raise KeyboardInterrupt
        return real(request, stage, spec, *rest)

    monkeypatch.setattr(own_edits, "search_with", stopping)
    assert cli.main([*command, "--out", "out"]) == 130
    assert not Path("out").exists()
    (kept,) = Path("resources/edits/state").glob("*/pixels")
    assert cli.main([*command, "--out", "out", "--size", "20"]) == 0
    assert np.array(Image.open("out/initial.png")).shape == (20, 20, 3)
    assert kept.is_dir()  # that was another picture
    assert cli.main([*command, "--out", "out"]) == 0
    assert np.array(Image.open("out/initial.png")).shape == (SIZE, SIZE, 3)
    assert not kept.exists() and {path.name for path in Path("out").iterdir()} >= {"maps", "video.mp4"}
    assert not list(Path().glob(".out*"))


def test_one_of_several_edits_of_a_file_must_be_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warm, cold = (
        {"id": name, "title": name, "kind": "gains", "gains": gains}
        for name, gains in (("warm", [1.1, 1, 0.8]), ("cold", [0.8, 1, 1.1]))
    )
    Path("edits.yaml").write_text(yaml.safe_dump({"edits": [warm, cold]}))
    options = [*BALL, "--sky", "sky_00", "--strokes", "edits.yaml", "--representation", "pixels"]
    assert cli.main(options) == 2
    assert "edits.yaml holds 2 edits: warm, cold" in capsys.readouterr().err
    assert cli.main([*options, "--edit", "cold"]) == 0
    assert Path("results/smoke/envmaps/user_edits/mirror_sphere-sky_00-cold/video.mp4").is_file()
