"""Tables 1 to 3 of the envmaps paper: its rows and columns, ours with the published value beside it.

Table 1 is the mirror sphere, Table 2 the horse, Table 3 the bunny at three roughnesses over many skies. Added to the paper's:
the row `initial` (doing nothing), NLPD, stand-ins for LPIPS that need no weights, failures, both ways to optimise, and targets
that Mitsuba rendered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rerender.core.errors import unknown_name
from rerender.papers.envmaps.results import Results, results_of
from rerender.papers.envmaps.runfiles import INITIAL, Expected
from rerender.papers.envmaps.settings import EnvmapsSettings, PartSettings, split_place
from rerender.reporting import captions
from rerender.reporting.captions import Names
from rerender.reporting.published import Tables, load_published, published_by_run
from rerender.reporting.rows import read_metrics
from rerender.reporting.tables import NOT_APPLICABLE, Cell, Column, Row, Table, mark_best, write_table

PAIRS: Mapping[str, str] = {"env": "map", "ren": "rendering"}
METRICS: Mapping[str, Column] = {
    "psnr": Column("psnr", "PSNR", "dB", "higher", ".2f"),
    "lpips": Column("lpips", "LPIPS", "", "lower"),
    "lpips_proxy": Column("lpips_proxy", "LPIPS proxy", "", "lower"),
    "mse": Column("mse", "MSE", "", "lower", ".5f"),
    "ssim": Column("ssim", "SSIM", "", "higher"),
    "nlpd": Column("nlpd", "NLPD", "", "lower"),
}
COUNTS: Mapping[str, Column] = {
    "ren/failed": Column("failed", "Failures", "", "lower", ".0f"),
    "collapses": Column("collapses", "Collapses", "", "lower", ".0f"),
}
MODE_TITLES: Mapping[str, str] = {"paper_like": "paper-like", "stabilised": "stabilised"}
TITLES: Mapping[str, str] = {
    "table1": "Table 1. Mirror sphere.",
    "table2": "Table 2. Horse.",
    "table3": "Table 3. Bunny, mean over skies.",
}
START = "initial map"


def make_table(
    table_id: str,
    metrics: Path | str,
    published: Path | str,
    out_stem: Path | str,
    *,
    tier: str,
    settings: EnvmapsSettings,
    expected: Iterable[Expected],
    names: Names | None = None,
) -> Table:
    """Make `table1`, `table2` or `table3` from `metrics.parquet` and the claims file `published`; write four formats.

    `expected` is the whole grid, blocked cells included, so that missing inversions are shown with their reason.
    """
    if table_id not in TITLES:
        raise unknown_name("envmaps table", table_id, TITLES)
    results = results_of(read_metrics(metrics), expected, tier)
    table = mark_best(build(table_id, results, settings, load_published(published), names or Names()))
    write_table(table, out_stem)
    return table


def columns() -> dict[str, Column]:
    """Return metric -> column: the four published of either pair, our additions, and counts."""
    found = {
        f"{pair}/{name}": replace(
            column, key=f"{pair}_{name}", title=f"{column.title} of the {what}", beside="published"
        )
        for pair, what in PAIRS.items()
        for name, column in METRICS.items()
    }
    return found | dict(COUNTS)


def build(
    table_id: str, results: Results, settings: EnvmapsSettings, published: Tables, names: Names
) -> Table:
    """Return a table: for each way to optimise and each roughness, its rows; in Table 1 Mitsuba's targets follow."""
    part = settings.parts[table_id]
    rows = _rows(table_id, part, "shift", results, settings, published, names)
    if part.scene == settings.mitsuba.scene and not part.roughness:
        rows += _rows(table_id, settings.mitsuba, "shift_mitsuba", results, settings, published, names)
    keys = ("optimisation", "target", "roughness", "representation")
    titles = ("Optimisation", "Target by", "Roughness", "Representation")
    keep = [0, 1, 2, 3] if part.roughness else [0, 1, 3]
    rows = [
        replace(row, labels=tuple(row.labels[i] for i in keep), ids=tuple(row.ids[i] for i in keep))
        for row in rows
    ]
    return Table(
        table_id,
        TITLES[table_id],
        _caption(results, settings, part, names),
        tuple(keys[i] for i in keep),
        tuple(titles[i] for i in keep),
        tuple(columns().values()),
        tuple(rows),
        "Runs",
    )


def _rows(
    table_id: str,
    part: PartSettings,
    experiment: str,
    results: Results,
    settings: EnvmapsSettings,
    published: Tables,
    names: Names,
) -> list[Row]:
    """Return the rows of one part: the start at each roughness, then every mode."""
    skies = settings.skies.all[: part.skies]
    target = "Mitsuba" if experiment == "shift_mitsuba" else settings.render.backend

    def row(place: str, mode: str, name: str, runs: Sequence[Expected]) -> Row:
        rough = split_place(place)[1]
        asked = {"experiment": experiment, "scene": place, "representation": name}
        known = published if mode == "paper_like" and experiment == "shift" else {}
        cells = [
            _cell(results, runs, metric, _printed(known, table_id, metric, asked)) for metric in columns()
        ]
        start = name == INITIAL
        return Row(
            labels=(
                "–" if start else MODE_TITLES[mode],
                target,
                "–" if rough is None else f"{rough:g}",
                START if start else names.model(name),
            ),
            ids=("none" if start else mode, target, "" if rough is None else f"{rough:g}", name),
            cells=tuple(cells),
            group=f"{experiment}/{mode}/{place}",
            compared=not start,
        )

    found = []
    for place in part.places:
        of_place = results.runs(experiment=experiment, scene=place, envmap=skies)
        first = [run for run in results.starts(of_place) if run.mode == settings.inversion.modes[0]]
        found.append(row(place, settings.inversion.modes[0], INITIAL, first))
        for mode in settings.inversion.modes:
            for name in part.representations:
                runs = [run for run in of_place if run.mode == mode and run.representation == name]
                found.append(row(place, mode, name, runs))
    return found


def _cell(results: Results, runs: Sequence[Expected], metric: str, beside: float | None) -> Cell:
    cell = results.total(runs, metric) if metric in COUNTS else results.cell(runs, metric)
    if metric == "collapses" and all(run.representation == INITIAL for run in runs):
        cell = Cell(note=NOT_APPLICABLE)
    return replace(cell, beside=beside)


def _printed(published: Tables, table_id: str, metric: str, asked: Mapping[str, str]) -> float | None:
    """Return the printed number that answers a row, if the paper has one."""
    if table_id not in published or metric not in [x.metric for x in published[table_id].columns]:
        return None
    return published_by_run(published, table_id, metric, **asked)


def _caption(results: Results, settings: EnvmapsSettings, part: PartSettings, names: Names) -> str:
    skies = settings.skies.all[: part.skies]
    used = {
        place: source
        for place, source in results.assets.items()
        if place[0] in part.places and place[1] in skies
    }
    height, width = settings.map_shape
    size = settings.render.image_size
    gone = {"LPIPS, DISTS": "weights"} if _judges_missing(results) else {}
    return captions.sentences(
        "The map is recovered from one rendering under the initial map moved left by "
        f"{settings.columns} of its {width} columns. Metrics are of display values (sRGB, clamped to [0, 1]): of the upper "
        "half of the map against the true one, and of its rendering against the target. In parentheses: the value "
        "that the paper printed, beside the runs that follow it. Scenes, skies, shift and loss weights were not published, so "
        "orders can be compared, not numbers.",
        f"Values are mean ± one sample standard deviation over skies ({captions.join_words(map(names.envmap, skies))}) and seeds, "
        "as many as column Runs says (t-intervals of 95% and medians are in the CSV). Failures: renderings below 20 dB. Collapses: how often a "
        "rendering fell 6 dB behind the best so far on the way. Bold is best in its group.",
        f"Maps of {width} × {height}, renderings of {size} × {size} pixels, {settings.inversion.iterations} steps.",
        "The LPIPS proxy compares normalised responses of a fixed filter bank; it is not LPIPS.",
        captions.tier_sentence(results.tier),
        captions.seeds_sentence(sorted({run.seed for run in results.values})),
        inputs_sentence(used, names),
        captions.blocked_sentence(gone, names),
    )


def inputs_sentence(used: Mapping[tuple[str, str], str], names: Names) -> str:
    """Say which inputs were real, by sky: `used` maps (scene, sky) to the weakest origin among their files."""
    by_sky = {(sky, scene): source for (scene, sky), source in used.items()}
    titles = Names(
        scenes={sky: f"runs under {names.envmap(sky)}" for sky, _ in by_sky},
        envmaps={scene: names.scene(scene) for _, scene in by_sky},
    )
    return captions.assets_sentence(by_sky, titles).replace(" (marked *)", "")


def _judges_missing(results: Results) -> bool:
    reasons = (metrics.get("env/lpips", (None, None))[1] for metrics in results.values.values())
    return any(reasons)
