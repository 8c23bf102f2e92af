"""The tables of viewpoints: searches from random starts, named runs, and the check of the gradients."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rerender.core.errors import unknown_name
from rerender.papers.viewpoints.grid import Job, jobs
from rerender.papers.viewpoints.methods import (
    EXACT_DEGREES,
    EXACT_DISTANCE,
    LEVELS,
    METHODS,
    PAIRS,
    PREDICTIONS,
    RACE,
    VIEW_SETS,
)
from rerender.papers.viewpoints.results import NOT_RUN, Results, results_of
from rerender.papers.viewpoints.settings import ViewpointsSettings
from rerender.reporting import captions
from rerender.reporting.captions import Names
from rerender.reporting.proportions import wilson_interval
from rerender.reporting.rows import read_metrics
from rerender.reporting.tables import Cell, Column, Row, Table, mark_best, mean_cell, write_table

SEARCHES = (
    Column("exact", "Found", "%", "higher", ".0f"),
    Column("exact_low", "from", "%", "none", ".0f"),
    Column("exact_high", "to", "%", "none", ".0f"),
    Column("angle_median", "Angle, median", "deg", "lower", ".3f"),
    Column("angle_worst", "worst", "deg", "lower", ".3f"),
    Column("distance_median", "Distance error, median", "%", "lower", ".3f"),
    Column("jacobians", "Jacobians", "", "none", ".1f"),
    Column("renders", "Pictures", "", "none", ".0f"),
    Column("cpu_s", "CPU time", "s", "lower", ".2f"),
)
RUNS = (
    Column("angle_start", "Angle at start", "deg", "none", ".2f"),
    Column("angle", "Angle", "deg", "lower", ".4f"),
    Column("distance", "Distance error", "%", "lower", ".4f"),
    Column("psnr", "PSNR", "dB", "higher", ".2f"),
    Column("ssim", "SSIM", "", "higher", ".4f"),
    Column("jacobians", "Jacobians", "", "lower", ".0f"),
    Column("cpu_s", "CPU time", "s", "lower", ".1f"),
)
RACED = (
    Column("exact", "Found", "%", "higher", ".0f"),
    Column("cpu_s", "CPU time to there", "s", "lower", ".2f"),
    Column("factor", "over the first", "", "none", ".1f"),
    Column("jacobians", "Jacobians", "", "none", ".1f"),
    Column("renders", "Pictures", "", "none", ".0f"),
    Column("whole", "CPU time to the end", "s", "lower", ".2f"),
)
VIEWS = (
    Column("iou", "3-D mIoU", "", "higher"),
    Column("visible", "Segment seen", "", "higher"),
    Column("coverage", "Share of the picture", "", "higher"),
)
NOT_FOUND = "not found"
PERCENT = frozenset({"distance"})


def make_table(
    table_id: str,
    metrics: Path | str,
    out_stem: Path | str,
    *,
    tier: str,
    settings: ViewpointsSettings,
    names: Names | None = None,
) -> Table:
    """Make a table of `BUILDERS` from `metrics.parquet`; write four formats."""
    if table_id not in BUILDERS:
        raise unknown_name("viewpoints table", table_id, BUILDERS)
    table = mark_best(BUILDERS[table_id](results_of(read_metrics(metrics), tier), settings, names or Names()))
    write_table(table, out_stem)
    return table


def build_searches(results: Results, settings: ViewpointsSettings, names: Names) -> Table:
    """Return a row a level, scene and method."""
    rows = [_search_row(results, job, names) for job in jobs(settings) if job.experiment in LEVELS]
    search = settings.search
    return Table(
        "searches",
        "Searches from random starts.",
        captions.sentences(
            f"Found: the view direction is within {EXACT_DEGREES:g} degrees and the distance within {100 * EXACT_DISTANCE:g} % of the "
            "camera that took the picture; with Wilson's 95% interval. All methods have the same starts and see the same "
            "pictures. Jacobians: pictures with derivatives (for finite differences, each is seven pictures). Pictures are those besides. "
            "Pictures of the gradient descents and of no-pyramid searches are of the first size only.",
            f"Pictures of {captions.join_words(map(str, search.ladder))} pixels, {search.spp} samples per pixel, targets "
            f"with {search.target_spp}. Without a start, 96 cameras of a grid are compared first.",
            _closing(results, names, [job.scene for job in jobs(settings)]),
        ),
        ("level", "scene", "method"),
        ("Start", "Scene", "Method"),
        SEARCHES,
        tuple(rows),
        "Starts",
    )


def _search_row(results: Results, job: Job, names: Names) -> Row:
    exact = results.of(job, "exact")
    cells: Sequence[Cell] = [Cell(note=NOT_RUN)] * len(SEARCHES)
    if exact:
        low, high = wilson_interval(round(sum(exact)), len(exact))
        angle, distance = results.of(job, "angle"), results.of(job, "distance")
        n = len(exact)
        numbers = (
            *(100.0 * share for share in (sum(exact) / n, low, high)),
            *(statistics.median(angle), max(angle), 100.0 * statistics.median(distance)),
            *(statistics.fmean(results.of(job, name)) for name in ("jacobians", "renders", "cpu_s")),
        )
        cells = [Cell(value=float(number), n=n) for number in numbers]
    return Row(
        (LEVELS[job.experiment].title, names.scene(job.scene), METHODS[job.method].title),
        tuple(cells),
        group=f"{job.experiment}/{job.scene}",
        ids=(job.experiment, job.scene, job.method),
    )


def build_race(results: Results, settings: ViewpointsSettings, names: Names) -> Table:
    """Return a row a method that was timed in one process with the others."""
    scene, methods = settings.scenes.all[0], settings.race.methods
    first = results.of(Job(RACE, scene, methods[0]), "reach_cpu_s")
    rows = []
    for name in methods:
        job = Job(RACE, scene, name)
        exact, reach = results.of(job, "exact"), results.of(job, "reach_cpu_s")
        cells: list[Cell] = [Cell(note=NOT_RUN)] * len(RACED)
        if exact:
            cells[0] = Cell(value=100.0 * statistics.fmean(exact), n=len(exact))
            medians = [
                _median_cell(results.of(job, f"reach_{key}")) for key in ("cpu_s", "jacobians", "renders")
            ]
            cells[1], cells[3], cells[4] = medians
            cells[2] = (
                Cell(value=statistics.median(reach) / statistics.median(first), n=len(reach))
                if reach and first
                else Cell(note=NOT_FOUND)
            )
            cells[5] = _median_cell(results.of(job, "cpu_s"))
        rows.append(Row((METHODS[name].title,), tuple(cells), group="", ids=(name,)))
    return Table(
        "race",
        "Time to the same pose error.",
        captions.sentences(
            f"CPU time of one thread after which a search is within {EXACT_DEGREES:g} degrees and {100 * EXACT_DISTANCE:g} % of the distance of the "
            "camera that took the picture and stays there, and how many pictures, with derivatives and without, it had looked at by then: medians over "
            "the starts from which it is found. All methods run in one process, one after the other, from the same starts, with compiled kernels. "
            "Adam sees pictures of the first size only, which are cheaper; the others see all sizes.",
            _closing(results, names, [scene]),
        ),
        ("method",),
        ("Method",),
        RACED,
        tuple(rows),
        "Starts",
    )


def _median_cell(values: Sequence[float]) -> Cell:
    """Return the median of the searches that found the camera."""
    return Cell(value=statistics.median(values), n=len(values)) if values else Cell(note=NOT_FOUND)


def build_runs(results: Results, settings: ViewpointsSettings, names: Names) -> Table:
    """Return a row a named run and method."""
    rows = []
    for job in jobs(settings):
        if job.experiment not in settings.runs:
            continue
        run = settings.runs[job.experiment]
        cells = [results.cell(job, column.key) for column in RUNS]
        cells = [
            Cell(value=100.0 * cell.value, n=cell.n)
            if column.key in PERCENT and cell.value is not None
            else cell
            for column, cell in zip(RUNS, cells, strict=True)
        ]
        start = f"{run.start.distance:g} / {run.start.elevation:g} / {run.start.azimuth:g}"
        target = f"{run.target.distance:g} / {run.target.elevation:g} / {run.target.azimuth:g}"
        labels = (job.experiment, f"{start} → {target}", METHODS[job.method].title)
        rows.append(
            Row(
                labels,
                tuple(cells),
                group=job.experiment,
                ids=(job.experiment, f"{start} to {target}", job.method),
            )
        )
    return Table(
        "runs",
        "Named runs.",
        captions.sentences(
            "Starts, sizes and steps are those of the two commands in the released README; it names no picture to match, so targets "
            "are chosen here: (5, 30, 45), and where the released example ended. Cameras are distance / elevation / azimuth. The released "
            "recipe minimises the same error to the same picture as ours. PSNR and SSIM are of pictures with fresh samples, so "
            "sampling noise bounds them.",
            _closing(results, names, [settings.scenes.all[0]]),
        ),
        ("run", "cameras", "method"),
        ("Run", "Start → camera", "Method"),
        RUNS,
        tuple(rows),
    )


def build_gradients(results: Results, settings: ViewpointsSettings, names: Names) -> Table:
    """Return a row a scene, pair of cameras and part of the gradient."""
    keys = ("distance", "elevation", "azimuth", "fov")
    columns = tuple(
        Column(name, name.capitalize() if name != "fov" else "Field of view", "", "none") for name in keys
    )
    rows = []
    for scene in settings.scenes.all:
        for pair in PAIRS:
            for part in ("full", "interior"):
                found = results.gradients.get((scene, part, pair), {})
                values = [found.get(f"ratio/{name}", (None, NOT_RUN)) for name in keys]
                cells = tuple(
                    Cell(value=value, n=1) if value is not None else Cell(note=reason)
                    for value, reason in values
                )
                title = "with outlines" if part == "full" else "interior only"
                rows.append(
                    Row((names.scene(scene), pair, title), cells, group=scene, ids=(scene, pair, part))
                )
    preset = settings.gradients
    return Table(
        "gradients",
        "Gradients over finite differences.",
        captions.sentences(
            "Derivatives of the mean squared error to another camera's picture, divided by central differences with common samples: 1 is "
            "right. Interior only is what a rasteriser without anti-aliasing differentiates. Components below a tenth of the largest "
            "one, in units of 1 and 10 degrees, are too weak to judge.",
            f"Pictures of {preset.size} pixels, {preset.spp} samples per pixel (differences: {preset.fd_spp}), mean of {preset.repeats} or, where differences are noisy, as many up "
            f"to {preset.most_repeats} as make a ratio's standard error {preset.precision:g}.",
            _closing(results, names, settings.scenes.all),
        ),
        ("scene", "pair", "part"),
        ("Scene", "Cameras", "Gradient"),
        columns,
        tuple(rows),
    )


def build_views(results: Results, settings: ViewpointsSettings, names: Names) -> Table:
    """Return a row a number of views and set of views."""
    rows = []
    for count in settings.views.counts:
        for name, title in VIEW_SETS.items():
            found = results.views.get((name, count), {})
            reason = results.reasons.get((name, count), NOT_RUN)
            cells = tuple(mean_cell(found.get(column.key, ()), [reason]) for column in VIEWS)
            rows.append(Row((str(count), title), cells, group=str(count), ids=(str(count), name)))
    preset, rooms = settings.views, settings.view_rooms
    return Table(
        "views",
        "Views for segments.",
        captions.sentences(
            "True masks of the views are projected back and vote on the faces that they see; IoU is by area, against what can be seen of the "
            "segment at all. Mean over segments, ± one sample standard deviation over rooms (t-intervals of 95% are in the CSV). The score rewards "
            "visibility, framing and centring in the picture, without network weights; by area: each view adds the most newly seen area of the "
            f"segment. By words: CLIP ViT-L/14 says which views fit the segment's words, {_quoted(settings)}; its weights are needed for that, and it chooses in "
            f"{min(settings.words.rooms, preset.rooms)} of the rooms. Random views are means over {preset.random_draws} draws, and best of random takes the highest scores of all of them.",
            f"Segments: {captions.join_words(preset.segments)}. Masks of {preset.mask_size} pixels.",
            _closing(results, names, rooms),
        ),
        ("views", "set"),
        ("Views", "Set"),
        VIEWS,
        tuple(rows),
        "Rooms",
    )


def build_predictor(results: Results, settings: ViewpointsSettings, names: Names) -> Table:
    """Return a row a proposal and number of pictures that were looked at."""
    rows = []
    for name, title in PREDICTIONS.items():
        for key in sorted(key for key in results.predictions if key[0] == name):
            cell = mean_cell(results.predictions[key], [NOT_RUN])
            rows.append(Row((title, str(key[1])), (cell,), group="", ids=(name, str(key[1]))))
    preset = settings.predictor
    return Table(
        "predictor",
        "Predicted views for segments.",
        captions.sentences(
            f"Score of a view (at most 1.6) in {preset.held_out_rooms} rooms that the predictor never saw; it was trained on the search's results in "
            f"{preset.training_rooms} others. Mean over segments, ± one sample standard deviation over rooms. Pictures: how many were looked at for a "
            "view; what proposes one is refined with them. The label's average is the camera that is best on average in training, which needs "
            "no network.",
            captions.tier_sentence(results.tier),
        ),
        ("proposal", "pictures"),
        ("Proposal", "Pictures"),
        (Column("score", "Score", "", "higher"),),
        tuple(rows),
        "Rooms",
    )


def _quoted(settings: ViewpointsSettings) -> str:
    """Return the words of the segments that views are chosen for."""
    asked = [words for label, words in settings.words.queries.items() if label in settings.views.segments]
    return captions.join_words([f"“{words}”" for words in asked]) if asked else "none here"


def _closing(results: Results, names: Names, scenes: Sequence[str]) -> str:
    """Say the tier, and which scenes were real."""
    used = {(scene, ""): results.assets[scene] for scene in dict.fromkeys(scenes) if scene in results.assets}
    inputs = captions.assets_sentence(used, names).replace(" (marked *)", "")
    return captions.sentences(captions.tier_sentence(results.tier), inputs)


BUILDERS: Mapping[str, Callable[[Results, ViewpointsSettings, Names], Table]] = {
    "searches": build_searches,
    "race": build_race,
    "runs": build_runs,
    "gradients": build_gradients,
    "views": build_views,
    "predictor": build_predictor,
}
