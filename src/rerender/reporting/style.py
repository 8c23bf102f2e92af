"""One look for all figures: width, fonts, colours of models, the error scale; and how a figure is saved.

Figures are 8 in wide at 200 dots per inch, so a PNG is 1600 pixels wide, the most that the report takes.
No pyplot: figures are plain objects drawn by Agg, so nothing global is left behind.
"""

from __future__ import annotations

import hashlib
import logging
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rerender.core.files import atomic_path

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

Dashes = Literal["-", "--", "-."]

WIDTH = 8.0
"""Width of every figure [in]."""
DPI = 200
MAX_PIXELS = 1600
ERROR_MAX = 0.25
"""Upper end of the error scale: mean absolute difference of display values over the three channels."""
ERROR_COLOURS = "inferno"

RC: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.4,
    "pdf.fonttype": 42,
    "svg.hashsalt": "rerender",
}

# Okabe-Ito and two of Tol's: told apart with any colour vision, and in print.
COLOURS: Mapping[str, str] = {
    "mae": "#222222",
    "dual_buffer": "#222222",
    "mse": "#8a8a8a",
    "ssim": "#0072B2",
    "frontend": "#009E73",
    "portilla_simoncelli": "#E69F00",
    "pooled": "#B8860B",
    "lpips": "#CC79A7",
    "vgg": "#882255",
    "resnet": "#D55E00",
    "resnet_sin": "#8C510A",
    "clip": "#56B4E9",
    "dino": "#332288",
    # representations of environment maps
    "pixels": "#222222",
    "logpix": "#8a8a8a",
    "siren_stock": "#8C510A",
    "siren_wo": "#56B4E9",
    "siren": "#0072B2",
    "rsiren_a": "#D55E00",
    "rsiren_b": "#882255",
    "rsiren_a_dists": "#117733",
    "rsiren_a_dists_proxy": "#009E73",
    # searches for cameras
    "lm": "#D55E00",
    "lm_restarts": "#882255",
    "lm_fd": "#E69F00",
    "lm_flat": "#CC79A7",
    "lm_interior": "#8a8a8a",
    "adam": "#0072B2",
    "adam_interior": "#56B4E9",
    "upstream": "#222222",
    "simplex": "#009E73",
}
_SPARE = ("#44AA99", "#999933", "#AA4499", "#117733", "#DDCC77", "#6699CC")
BASELINES: Mapping[str, Dashes] = {"mae": "--", "dual_buffer": "-."}


def model_colour(model: str) -> str:
    """Return the colour of a vision model or a representation; one that is not known gets a colour from its name."""
    if model in COLOURS:
        return COLOURS[model]
    return _SPARE[hashlib.blake2b(model.encode(), digest_size=2).digest()[0] % len(_SPARE)]


def model_dashes(model: str) -> Dashes:
    """Return the line style of a vision model: pixel baselines are broken lines."""
    return BASELINES.get(model, "-")


@contextmanager
def look() -> Iterator[None]:
    """Draw and save figures inside this; matplotlib's settings return to what they were."""
    import matplotlib

    with matplotlib.rc_context(RC):
        yield


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure of a size in inches, drawn by Agg."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def footnote_lines(text: str, width: float = WIDTH) -> list[str]:
    """Wrap a footnote for a figure of `width` inches at 6.5 points."""
    return textwrap.wrap(text, int(width * 20.5), break_on_hyphens=False)


def footnote_height(text: str, width: float = WIDTH) -> float:
    """Return the height in inches that a footnote takes."""
    return 0.13 * len(footnote_lines(text, width)) + 0.08


def add_footnote(figure: Figure, text: str) -> None:
    """Write a footnote at the bottom left."""
    width, height = figure.get_size_inches()
    lines = "\n".join(footnote_lines(text, width))
    style: dict[str, Any] = {"fontsize": 6.5, "color": "#444444", "va": "bottom", "linespacing": 1.25}
    figure.text(0.06 / width, 0.05 / height, lines, **style)


@contextmanager
def _quiet_fonts() -> Iterator[None]:
    """Hold back fontTools' remarks on the dates inside matplotlib's own fonts."""
    logger = logging.getLogger("fontTools")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def save_figure(figure: Figure, out_stem: Path | str, data: pl.DataFrame) -> tuple[Path, Path, Path]:
    """Write `.png`, `.pdf` and the plotted `data` as `.parquet`; the same figure gives the same bytes."""
    paths = (Path(f"{out_stem}.png"), Path(f"{out_stem}.pdf"), Path(f"{out_stem}.parquet"))
    pixels = round(figure.get_size_inches()[0] * figure.dpi)
    if pixels > MAX_PIXELS:
        raise ValueError(f"{paths[0]} would be {pixels} pixels wide; the report takes {MAX_PIXELS}")
    with atomic_path(paths[0]) as partial:
        figure.savefig(partial, format="png", dpi=DPI, metadata={"Software": None})
    undated = {"CreationDate": None, "Producer": None, "Creator": None}
    with _quiet_fonts(), atomic_path(paths[1]) as partial:
        figure.savefig(partial, format="pdf", metadata=undated)
    with atomic_path(paths[2]) as partial:
        data.write_parquet(partial)
    return paths
