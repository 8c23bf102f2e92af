"""Figures 1 and 11 to 13: edits of a picture through its sky, by representation and by regulariser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rerender.core.files import Tree
from rerender.papers.envmaps.figure_files import Shown, picture
from rerender.papers.envmaps.figure_galleries import Block, Tile, draw_blocks
from rerender.papers.envmaps.runfiles import INITIAL, RunFiles
from rerender.papers.envmaps.settings import ABLATION, edit_of
from rerender.reporting.rows import read_metrics

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

KEPT: Mapping[str, str] = {
    "none": "No regulariser",
    "luminance": "Luminance",
    "full": "Luminance, L1, perceptual",
}


def draw_edits(shown: Shown, more: str = "") -> tuple[Figure, pl.DataFrame]:
    """Figure 13: a block an edit: initial, target, and the result of every representation."""
    measured = _measured(shown)
    blocks = []
    for run, tree in shown.opened():
        edit = edit_of(shown.settings, run.experiment)
        assert edit is not None
        results = tuple(_result(shown.names.model(name), tree, run, name, measured) for name in tree["runs"])
        blocks.append(
            Block(f"{shown.names.scene(run.scene)}: {edit.title}", (*_ends(tree, run, measured), *results))
        )
    return draw_blocks(blocks, max(len(block.tiles) for block in blocks), _note(shown, more))


def draw_ablation(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Figure 11: one edit under more and more regularisers."""
    measured = _measured(shown)
    opened = shown.opened()
    run, tree = opened[0]
    tiles = _ends(tree, run, measured)
    for run, tree in opened:
        kept = KEPT[run.experiment.removeprefix(ABLATION)]
        tiles += [_result(kept, tree, run, name, measured) for name in tree["runs"]]
    edit = edit_of(shown.settings, run.experiment)
    assert edit is not None
    name = shown.names.model(shown.settings.edits.ablation[0])
    block = Block(f"{shown.names.scene(run.scene)}: {edit.title}, {name}", tuple(tiles))
    return draw_blocks([block], len(tiles), _note(shown))


def draw_teaser(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Figure 1: the first scene, its two edited pictures, and the map and rendering that R-SIREN finds for each."""
    measured = _measured(shown)
    opened = shown.opened()
    run, tree = opened[0]
    name = featured(tuple(tree["runs"]))
    tiles = _ends(tree, run, measured)[:1]
    for run, tree in opened:
        edit = edit_of(shown.settings, run.experiment)
        assert edit is not None
        target, result = _ends(tree, run, measured)[1], _result("Result", tree, run, name, measured)
        tiles += [replace(target, title=f"Target: {edit.title}"), result]
    block = Block(f"{shown.names.scene(run.scene)}, {shown.names.model(name)}", tuple(tiles))
    return draw_blocks([block], len(tiles), _note(shown))


def draw_limitation(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Figure 12 (our reading): an edit that distant light cannot make, and what each representation does about it."""
    figure, data = draw_edits(
        shown,
        "Our choice: the content of the paper's Figure 12 is not known. Nothing stands where the spot is, so no light from far "
        "away leaves only that place dark.",
    )
    return figure, data


def featured(names: Sequence[str]) -> str:
    """Return the representation that stands for the paper's method: the first R-SIREN, else the last of all."""
    return next((name for name in names if name.startswith("rsiren")), names[-1])


def _ends(tree: Tree, run: RunFiles, measured: Mapping[tuple[str, ...], float]) -> list[Tile]:
    about = {"scene": run.scene, "experiment": run.experiment}
    return [
        Tile(
            "Initial",
            _scores(run, INITIAL, measured),
            picture(tree["initial"]),
            picture(tree["start"]),
            about,
        ),
        Tile(
            "Target",
            "edited picture",
            picture(tree["initial"]),
            picture(tree["target"]),
            about,
            no_map=True,
        ),
    ]


def _result(
    title: str, tree: Tree, run: RunFiles, name: str, measured: Mapping[tuple[str, ...], float]
) -> Tile:
    found = tree["runs"][name]
    about = {"scene": run.scene, "experiment": run.experiment, "representation": name}
    return Tile(
        title, _scores(run, name, measured), picture(found["map"]), picture(found["rendering"]), about
    )


def _scores(run: RunFiles, name: str, measured: Mapping[tuple[str, ...], float]) -> str:
    parts: Sequence[tuple[str, str]] = (("in", "edit/psnr_inside"), ("out", "edit/psnr_outside"))
    values = [(what, measured.get((run.experiment, run.scene, name, metric))) for what, metric in parts]
    return ", ".join(f"{what} {value:.1f} dB" for what, value in values if value is not None)


def _measured(shown: Shown) -> dict[tuple[str, ...], float]:
    """Return the values of edits: (experiment, scene, representation, metric) -> value, of the first seed."""
    import polars as pl

    rows = read_metrics(shown.files.metrics).filter(
        (pl.col("tier") == shown.tier)
        & pl.col("metric").str.starts_with("edit/")
        & pl.col("value").is_not_null()
    )
    keys = ("experiment", "scene", "representation", "metric", "value")
    return {tuple(row[:4]): row[4] for row in rows.select(keys).iter_rows()}


def _note(shown: Shown, more: str = "") -> str:
    run = shown.files.runs[0]
    return shown.note(
        more,
        f"{shown.names.envmap(run.envmap)}. Upper halves of the maps above, renderings below; sRGB, clamped. PSNR of the rendering "
        "against the edited picture where the edit painted (in) and elsewhere (out). The paper's strokes are not published; "
        "procedures stand in for them, and no sky can make every edited picture.",
    )
