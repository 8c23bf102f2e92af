"""Figures 2 and 3: how a picture is edited through its sky, and where the network sits; drawn around one real run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rerender.core.files import Tree
from rerender.papers.envmaps.figure_edits import featured
from rerender.papers.envmaps.figure_files import Shown, picture
from rerender.papers.envmaps.runfiles import RunFiles
from rerender.papers.envmaps.settings import base
from rerender.reporting import style
from rerender.reporting.grids import arrow_at, box_at, picture_at, png_bytes, spread_indices, text_at

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

RED = "#B22222"
MAP_WIDTH, SIDE = 1.5, 0.95
WAY = 5


class Canvas:
    """A figure whose pictures are kept for its data file; places are inches from the top left corner."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.records: list[dict[str, Any]] = []

    def show(self, role: str, image: np.ndarray, left: float, top: float, width: float, title: str) -> float:
        """Show a picture under its title; return its height."""
        height = float(width * image.shape[0] / image.shape[1])
        picture_at(self.figure, (left, top, width, height), image)
        self.say(title, left + width / 2, top - 0.04, va="bottom")
        self.records.append({"role": role, "title": title, "png": png_bytes(image)})
        return height

    def box(self, left: float, top: float, width: float, height: float, *lines: str) -> None:
        """Draw a box with lines of text, the first one bold."""
        box_at(self.figure, left, top, width, height)
        step = 0.15
        first = top + height / 2 - step * (len(lines) - 1) / 2
        for number, line in enumerate(lines):
            weight = "normal" if number else "bold"
            self.say(line, left + width / 2, first + number * step, va="center", weight=weight)

    def say(self, text: str, left: float, top: float, **look: Any) -> None:
        """Write a short text, centred unless told otherwise."""
        text_at(self.figure, left, top, text, **{"fontsize": 7, "ha": "center", **look})

    def arrow(self, start: tuple[float, float], end: tuple[float, float], **look: Any) -> None:
        """Draw an arrow."""
        arrow_at(self.figure, start, end, **look)


def draw_overview(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Figure 2: sky and picture, the edited picture, the search between them, and the sky on its way."""
    import polars as pl

    run, tree = shown.opened()[0]
    name = featured(tuple(tree["runs"]))
    note = shown.note(
        f"One run as an example: {shown.names.scene(run.scene)}, {shown.names.envmap(run.envmap)}, {shown.names.model(name)}. "
        "Upper halves of the maps; sRGB, clamped."
    )
    canvas = Canvas(style.new_figure(3.4 + style.footnote_height(note)))
    found, upper = tree["runs"][name], 0.35
    # left: what is given
    sky = canvas.show("initial", picture(tree["initial"]), 0.1, upper, MAP_WIDTH, r"initial sky $E_0$")
    below = 1.35
    left = 0.1 + (MAP_WIDTH - SIDE) / 2
    canvas.show("start", picture(tree["start"]), left, below, SIDE, r"picture $R(E_0)$")
    # middle: the search
    canvas.box(2.15, upper - 0.05, 1.25, 0.62, "Network", r"fitted to $E_0$,", r"then $E = f_\theta$")
    canvas.arrow((0.1 + MAP_WIDTH, upper + sky / 2), (2.15, upper + sky / 2))
    canvas.arrow((0.1 + MAP_WIDTH / 2, upper + sky), (0.1 + MAP_WIDTH / 2, below - 0.2))
    canvas.box(3.95, upper - 0.05, 1.15, 0.62, "Renderer", r"$R(E)$, scene and", "camera fixed")
    canvas.arrow((3.4, upper + sky / 2), (3.95, upper + sky / 2))
    canvas.box(3.95, below + 0.15, 1.15, 0.62, "Compare", "SSIM, luminance,", "L1, perceptual")
    canvas.arrow((4.5, upper + 0.57), (4.5, below + 0.15))
    canvas.show("target", picture(tree["target"]), 2.3, below, SIDE, _target_title(tree))
    canvas.arrow((left + SIDE, below + SIDE / 2), (2.3, below + SIDE / 2))
    canvas.say("edit", (left + SIDE + 2.3) / 2, below + SIDE / 2 - 0.06, va="bottom")
    canvas.arrow((2.3 + SIDE, below + SIDE / 2), (3.95, below + SIDE / 2))
    canvas.arrow((3.95, below + 0.25), (3.15, upper + 0.57), colour=RED, bend=0.15)
    canvas.say(r"gradient to $\theta$", 3.72, below - 0.18, ha="left", color=RED)
    # right: what comes out
    right = 6.2
    found_height = canvas.show("found", picture(found["map"]), right, upper, MAP_WIDTH, r"found sky $E^*$")
    canvas.arrow((5.1, upper + sky / 2), (right, upper + sky / 2))
    canvas.say("after the search", (5.1 + right) / 2, upper + sky / 2 - 0.06, va="bottom")
    canvas.arrow((right + MAP_WIDTH / 2, upper + found_height), (right + MAP_WIDTH / 2, below - 0.2))
    place = right + (MAP_WIDTH - SIDE) / 2
    canvas.show("rendering", picture(found["rendering"]), place, below, SIDE, r"new picture $R(E^*)$")
    _draw_way(canvas, found, below + SIDE + 0.42)
    style.add_footnote(canvas.figure, note)
    return canvas.figure, pl.DataFrame(_about(canvas, run, name))


def _draw_way(canvas: Canvas, found: Tree, top: float) -> None:
    """Draw the sky at a few steps of the search."""
    maps = {int(step): image for step, image in found["snapshots"].items()}
    if not maps:
        return
    steps = sorted(maps)
    chosen = [steps[index] for index in spread_indices(len(steps), WAY)]
    width = (style.WIDTH - 0.2 - (len(chosen) - 1) * 0.08) / len(chosen)
    height = 0.0
    for column, step in enumerate(chosen):
        left = 0.1 + column * (width + 0.08)
        height = canvas.show(f"step {step}", picture(maps[step]), left, top, width, f"step {step}")
    line = top + height + 0.1
    canvas.arrow((0.1, line), (style.WIDTH - 0.1, line))


def draw_place(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Figure 3: HDR-SIREN in its two loops: the fit to a sky, made once, and the inverse rendering."""
    import polars as pl
    import torch

    from rerender.papers.envmaps.fits import load_fits

    run, tree = shown.opened()[0]
    name = featured(tuple(tree["runs"]))
    fitted = load_fits(shown.files.fits[0])[base(name)]
    codes = fitted.normaliser.normalise(torch.from_numpy(tree["initial"].astype(np.float64))).numpy()
    found = tree["runs"][name]
    note = shown.note(
        f"One run as an example: {shown.names.scene(run.scene)}, {shown.names.envmap(run.envmap)}, {shown.names.model(name)}. "
        "Codes are the normalised logarithm of radiance, shown as they are; the other pictures are sRGB, clamped. B shows the end of the search."
    )
    canvas = Canvas(style.new_figure(3.75 + style.footnote_height(note)))
    fit, search = 0.62, 2.25
    for letter, title, top in (
        ("A", "Fit, once a sky", fit - 0.42),
        ("B", "Inverse rendering", search - 0.42),
    ):
        canvas.say(f"{letter}   {title}", 0.1, top, ha="left", va="center", fontsize=9, weight="bold")
    # the same network in both lanes
    width, box = 1.35, 0.72
    for top in (fit, search):
        height = canvas.show(
            "coordinates", coordinates(*codes.shape[:2]), 0.1, top, width, "texel coordinates"
        )
        canvas.box(1.75, top - 0.18, 1.2, box, r"HDR-SIREN $f_\theta$", "sine layers,", "sigmoid")
        canvas.arrow((0.1 + width, top + height / 2), (1.75, top + height / 2))
    middle = fit + 0.17
    canvas.box(
        3.3,
        fit - 0.18,
        1.35,
        box,
        r"$\mathcal{L}_{log}+\lambda\,\mathcal{L}_{HDR}$",
        "Eq. 4; R-SIREN: at",
        "perturbed weights",
    )
    canvas.arrow((2.95, middle), (3.3, middle))
    height = canvas.show("codes", np.clip(codes, 0, 1), 5.0, fit, width, r"codes $N(E_0)$")
    canvas.show("initial", picture(tree["initial"]), 6.5, fit, width, r"initial sky $E_0$")
    canvas.arrow((6.5, fit + height / 2), (5.0 + width, fit + height / 2))
    canvas.arrow((5.0, fit + height / 2), (4.65, fit + height / 2))
    canvas.arrow((3.9, fit + box - 0.18), (2.35, fit + box - 0.18), colour=RED, bend=-0.25)
    canvas.say(r"gradient to $\theta$", 3.1, fit + box + 0.14, color=RED)
    canvas.arrow((1.95, fit + box - 0.18), (1.95, search - 0.18), bend=0.0)
    canvas.say(r"$\theta$", 1.85, (fit + box + search) / 2 - 0.2, va="center", fontsize=8)
    middle = search + 0.17
    canvas.show("found", picture(found["map"]), 3.3, search, width, r"$E = N^{-1}(f_\theta)$")
    canvas.arrow((2.95, middle), (3.3, middle))
    canvas.box(4.95, search - 0.05, 0.8, 0.45, "Renderer")
    canvas.arrow((3.3 + width, middle), (4.95, middle))
    side = 0.75
    canvas.show("rendering", picture(found["rendering"]), 6.05, search - 0.1, side, r"$R(E)$")
    canvas.arrow((5.75, middle), (6.05, middle))
    canvas.show("target", picture(tree["target"]), 7.1, search - 0.1, side, _target_title(tree))
    under = search + side + 0.05
    canvas.box(6.3, under, 1.3, 0.4, r"$\mathcal{L}$ (Eq. 10)")
    canvas.arrow((6.42, search + side - 0.1), (6.7, under))
    canvas.arrow((7.45, search + side - 0.1), (7.2, under))
    canvas.arrow((6.3, under + 0.2), (2.35, search + box - 0.18), colour=RED, bend=-0.12)
    canvas.say(r"gradient through renderer and $N^{-1}$ to $\theta$", 4.3, under + 0.4, color=RED)
    style.add_footnote(canvas.figure, note)
    return canvas.figure, pl.DataFrame(_about(canvas, run, name))


def coordinates(height: int, width: int) -> np.ndarray:
    """Return a picture of what the network is asked: columns in red, rows in green, (height, width, 3) in [0, 1]."""
    columns, rows = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return np.stack([columns, rows, np.full_like(rows, 0.5)], axis=-1)


def _target_title(tree: Tree) -> str:
    return r"edited picture $T$" if "edited" in tree else r"target $T$"


def _about(canvas: Canvas, run: RunFiles, name: str) -> list[Mapping[str, Any]]:
    about = {"scene": run.scene, "envmap": run.envmap, "experiment": run.experiment, "representation": name}
    return [{**about, **record} for record in canvas.records]
