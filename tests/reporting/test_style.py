"""The look of figures: sizes that the report takes, colours that stay, files that are the same twice."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import polars as pl
import pytest
from PIL import Image

from rerender.catalogue import registry
from rerender.reporting import style

DATA = pl.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})


def draw(text: str = "note") -> object:
    figure = style.new_figure(1.0)
    figure.add_subplot().plot(DATA["x"], DATA["y"])
    style.add_footnote(figure, text)
    return figure


def test_figure_is_saved_three_times_and_fits_the_report(tmp_path: Path) -> None:
    with style.look():
        png, pdf, data = style.save_figure(draw(), tmp_path / "f", DATA)  # type: ignore[arg-type]
    with Image.open(png) as image:
        assert image.size == (1600, 200)
    assert pdf.read_bytes().startswith(b"%PDF")
    assert b"CreationDate" not in pdf.read_bytes()
    assert pl.read_parquet(data).equals(DATA)


def test_same_figure_gives_same_bytes(tmp_path: Path) -> None:
    with style.look():
        one = style.save_figure(draw(), tmp_path / "a", DATA)  # type: ignore[arg-type]
        two = style.save_figure(draw(), tmp_path / "b", DATA)  # type: ignore[arg-type]
    for first, second in zip(one, two, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_too_wide_a_figure_is_refused(tmp_path: Path) -> None:
    figure = style.new_figure(1.0, 9.0)
    with pytest.raises(ValueError, match="1800 pixels"):
        style.save_figure(figure, tmp_path / "f", DATA)
    assert not list(tmp_path.iterdir())


def test_settings_are_put_back() -> None:
    before = dict(matplotlib.rcParams)
    with style.look():
        assert matplotlib.rcParams["font.size"] == 8
    assert dict(matplotlib.rcParams) == before


def test_models_of_one_family_have_colours_of_their_own() -> None:
    for family in ("geometry", "material"):
        models = [name for name, spec in registry.vision_models().items() if family in spec.families]
        looks = {(style.model_colour(name), style.model_dashes(name)) for name in models}
        assert len(looks) == len(models)
    assert style.model_colour("third_party") == style.model_colour("third_party")


def test_footnotes_are_wrapped_to_the_width() -> None:
    text = "word " * 100
    assert len(style.footnote_lines(text, 4.0)) > len(style.footnote_lines(text, 8.0))
    assert style.footnote_height(text) > style.footnote_height("word")
