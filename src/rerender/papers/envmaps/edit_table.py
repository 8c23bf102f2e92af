"""Table `edits`: the same edits by all representations: what the picture became, and whether the map is still a sky.

Not in the paper. One group of rows an edit, then the mean over local edits: one that changes every pixel, such as
warmer light, is another task, and its PSNR would outweigh the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rerender.papers.envmaps import grid
from rerender.papers.envmaps.edit_specs import Y_RATIOS, EditSpec
from rerender.papers.envmaps.results import NOT_RUN
from rerender.papers.envmaps.runfiles import INITIAL, Job
from rerender.papers.envmaps.settings import EDIT, VARIANTS, EnvmapsSettings, edit_of
from rerender.papers.envmaps.tables import MODE_TITLES, inputs_sentence
from rerender.reporting import captions
from rerender.reporting.captions import Names
from rerender.reporting.rows import ASSETS, read_metrics
from rerender.reporting.tables import (
    NOT_APPLICABLE,
    Cell,
    Column,
    Row,
    Table,
    mark_best,
    mean_cell,
    write_table,
)

if TYPE_CHECKING:
    import polars as pl

BEFORE = "before"
COLUMNS: Mapping[str, Column] = {
    "edit/psnr_inside": Column("psnr_inside", "PSNR inside", "dB", "higher", ".1f", BEFORE),
    "edit/psnr_outside": Column("psnr_outside", "PSNR outside", "dB", "higher", ".1f", BEFORE),
    "edit/map_histogram": Column("map_histogram", "Sky: histogram", "", "lower"),
    "edit/map_dists_proxy": Column("map_dists_proxy", "Sky: structure and texture", "", "lower"),
    "edit/map_log_rmse": Column("map_log_rmse", "Sky: texels", "", "lower"),
    "edit/y_ratio": Column("y_ratio", "Light, of the initial", "", "none", ".2f"),
}
KEPT = Column("light_kept", "Light kept", "", "none")
OUTSIDE = "edit/psnr_outside"
MEAN = "all local edits"


@dataclass(frozen=True)
class EditResults:
    """The measured values of the edits: (job, representation) -> metric -> value, and the weakest origins by place."""

    values: Mapping[tuple[Job, str], Mapping[str, float]]
    assets: Mapping[tuple[str, str], str]

    def cell(self, jobs: Sequence[Job], name: str, metric: str) -> Cell:
        """Return the mean of a metric over jobs; a PSNR has that of doing nothing beside it."""
        ran = any((job, name) in self.values for job in jobs)
        found = mean_cell(self._of(jobs, name, metric), [NOT_APPLICABLE if ran else NOT_RUN])
        if not COLUMNS[metric].beside or found.value is None:
            return found
        before = mean_cell(self._of(jobs, INITIAL, metric)).value
        return replace(found, beside=before)

    def kept(self, jobs: Sequence[Job], name: str) -> Cell:
        """Say whether the amount of light stayed within `Y_RATIOS`, or in how many of several jobs it did."""
        found = [value for value in self._of(jobs, name, "edit/y_ratio") if value is not None]
        if not found:
            return Cell(note=NOT_RUN)
        kept = sum(Y_RATIOS[0] <= value <= Y_RATIOS[1] for value in found)
        return Cell(text=("yes" if kept else "no") if len(found) == 1 else f"{kept} of {len(found)}")

    def local(self, jobs: Iterable[Job]) -> list[Job]:
        """Return the jobs whose edit left a part of the picture alone; those that did not run count as well."""
        run = {job for job, _ in self.values}
        return [job for job in jobs if job not in run or OUTSIDE in self.values.get((job, INITIAL), {})]

    def _of(self, jobs: Iterable[Job], name: str, metric: str) -> list[float | None]:
        return [self.values.get((job, name), {}).get(metric) for job in jobs]


def make_edit_table(
    metrics: Path | str,
    out_stem: Path | str,
    *,
    tier: str,
    settings: EnvmapsSettings,
    names: Names | None = None,
) -> Table:
    """Make the table from `metrics.parquet` and write four formats."""
    jobs = shown_jobs(settings)
    table = mark_best(
        build(edit_results(read_metrics(metrics), jobs, tier), jobs, tier, settings, names or Names())
    )
    write_table(table, out_stem)
    return table


def shown_jobs(settings: EnvmapsSettings) -> tuple[Job, ...]:
    """Return the jobs that make an edit of the paper."""
    return tuple(job for job in grid.edit_jobs(settings) if job.experiment.startswith(EDIT))


def edit_results(frame: pl.DataFrame, jobs: Iterable[Job], tier: str) -> EditResults:
    """Take the values of jobs from a metrics table."""
    import polars as pl

    known = {(job.experiment, job.scene, job.envmap, VARIANTS[job.mode], job.seed): job for job in jobs}
    rows = frame.filter(
        (pl.col("paper") == "envmaps") & (pl.col("tier") == tier) & pl.col("metric").is_in(list(COLUMNS))
    )
    values: dict[tuple[Job, str], dict[str, float]] = {}
    assets: dict[tuple[str, str], str] = {}
    for row in rows.iter_rows(named=True):
        job = known.get(tuple(row[key] for key in ("experiment", "scene", "envmap", "variant", "seed")))
        if job is None or row["value"] is None:
            continue
        values.setdefault((job, row["representation"]), {})[row["metric"]] = row["value"]
        place = (job.scene, job.envmap)
        assets[place] = max(assets.get(place, ASSETS[0]), row["assets"], key=ASSETS.index)
    return EditResults(values, assets)


def build(
    results: EditResults, jobs: Sequence[Job], tier: str, settings: EnvmapsSettings, names: Names
) -> Table:
    """Return the table: for each edit, then for all local ones, a row a representation."""
    groups: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.scene, job.experiment), []).append(job)
    rows = []
    for (scene, experiment), own in groups.items():
        title = edit_title(settings, experiment).title
        labels = (names.scene(scene), title)
        rows += _rows(results, own, labels, (scene, experiment.removeprefix(EDIT)), names)
    if len(groups) > 1:
        rows += _rows(results, results.local(jobs), ("–", MEAN), ("all", "local"), names)
    return Table(
        "edits",
        "Edits of a picture through its sky, by representation.",
        _caption(results, tier, settings, names),
        ("scene", "edit", "representation"),
        ("Scene", "Edit", "Representation"),
        (*COLUMNS.values(), KEPT),
        tuple(rows),
        "Runs",
    )


def edit_title(settings: EnvmapsSettings, experiment: str) -> EditSpec:
    """Return the edit that an experiment makes."""
    edit = edit_of(settings, experiment)
    assert edit is not None
    return edit


def _rows(
    results: EditResults,
    jobs: Sequence[Job],
    labels: tuple[str, str],
    ids: tuple[str, str],
    names: Names,
) -> list[Row]:
    shown = dict.fromkeys(name for job in jobs for name in job.representations)
    return [
        Row(
            labels=(*labels, names.model(name)),
            ids=(*ids, name),
            cells=(
                *(results.cell(jobs, name, metric) for metric in COLUMNS),
                results.kept(jobs, name),
            ),
            group="/".join(ids),
        )
        for name in shown
    ]


def _caption(results: EditResults, tier: str, settings: EnvmapsSettings, names: Names) -> str:
    edits, sky = settings.edits, settings.skies.all[0]
    low, high = Y_RATIOS
    return captions.sentences(
        f"Each edit of the rendering under {names.envmap(sky)} is searched for by every representation "
        f"({MODE_TITLES[edits.mode]}, {edits.iterations} steps). PSNR of the rendering against the edited picture, where the edit "
        "painted (inside) and elsewhere (outside); in parentheses: before, of the initial rendering. Sky: how far the found map "
        "went from the initial one: the earth mover's distance of the distributions of ln luminance (histogram), the weight-free "
        "stand-in for DISTS (structure and texture), the root mean square of ln radiance (texels). Light: total luminance over that "
        f"of the initial map; kept means {low:g} to {high:g}. Bold is best in its edit. Local edits are those that leave a part of the picture alone. The paper's strokes are not published; "
        "procedures stand in for them, and no sky can make every edited picture.",
        captions.tier_sentence(tier),
        inputs_sentence(results.assets, names) if results.assets else "",
    )
