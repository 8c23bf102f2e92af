"""Tables of the metamers paper (fact sheet, section 8.3); `make_table` is the entry: metrics.parquet in, four formats out.

T1 all runs; T2 geometry by model and by scene; T3 material by scene and model; T4 optimised for × judged by are here.
T5 and T6 are in `statistics_tables`, T8 in `environment_table`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from rerender.core.errors import unknown_name
from rerender.papers.metamers.ablation_table import build_t7
from rerender.papers.metamers.environment_table import build_t8
from rerender.papers.metamers.results import NOT_RUN, Results, results_of
from rerender.papers.metamers.runfiles import AblationCase, Expected, Family, blocked_models
from rerender.papers.metamers.statistics_tables import build_t5, build_t6
from rerender.papers.metamers.table_parts import RUNS, STARRED, common_caption, metric_column, scene_label
from rerender.reporting import captions
from rerender.reporting.captions import Names
from rerender.reporting.rows import read_metrics
from rerender.reporting.tables import (
    NOT_APPLICABLE,
    Cell,
    Column,
    Row,
    Table,
    blocked_cell,
    mark_best,
    mean_cell,
    write_table,
)

IMAGE_METRICS = ("mae", "psnr", "psnr_masked", "ssim", "nlpd", "lpips")
SHAPE_METRICS = (
    "chamfer_l1",
    "chamfer_ratio",
    "hausdorff",
    "hausdorff95",
    "normal_consistency",
    "silhouette_iou",
    "f_score",
)
TEXTURE_METRICS = ("texture_psnr", "texture_rmse", "bsdf_slice_error")
COST_METRICS = ("wall_s", "cpu_s", "peak_memory_mb")
PARAMETER_ORDER = ("eta", "roughness", "spec_trans", "specular", "metallic", "anisotropic")


def make_table(
    table_id: str,
    metrics: Path | str,
    out_stem: Path | str,
    *,
    tier: str,
    expected: Iterable[Expected] = (),
    names: Names | None = None,
    files: Iterable[Path | str] = (),
    cases: Iterable[AblationCase] = (),
) -> Table:
    """Make the table called `table_id` from `metrics.parquet` and write it to `out_stem` + four suffixes.

    `expected` is the whole grid, blocked cells included, so that missing runs are shown with their reason;
    without `names` ids are printed. `files` are what some tables read beside the metrics: T6 `by_view.parquet`, T8 evaluations, whose runs have the manifests.
    """
    if table_id not in (*BUILDERS, *SOURCED):
        raise unknown_name("metamers table", table_id, (*BUILDERS, *SOURCED))
    results = results_of(read_metrics(metrics), expected, tier, cases)
    builder = (
        partial(SOURCED[table_id], files=tuple(map(Path, files)))
        if table_id in SOURCED
        else BUILDERS[table_id]
    )
    table = mark_best(builder(results, names or Names()))
    write_table(table, out_stem)
    return table


# ---------------------------------------------------------------- T1


def build_t1(results: Results, names: Names) -> Table:
    """All runs: convergence, own similarity raw and normalised, cost. One row a run."""
    metrics = ("loss_first", "loss_best", "loss_last", "best_iteration", "iterations")
    columns = (
        *(metric_column(metric) for metric in metrics),
        Column("stop_reason", "Stopped because"),
        Column("own_similarity", "Own similarity", better="higher", digits=".4f"),
        Column("own_similarity_start", "at start", digits=".4f"),
        Column("own_similarity_ceiling", "at noise ceiling", digits=".4f"),
        Column("own_similarity_normalised", "Normalised", better="higher"),
        *(metric_column(metric) for metric in COST_METRICS),
    )
    rows = [
        Row(
            labels=(
                run.family,
                scene_label(run.scene, run.envmap, results, names),
                names.envmap(run.envmap),
                names.model(run.model),
                "all" if run.blocked else str(run.seed),
            ),
            ids=(run.family, run.scene, run.envmap, run.model, "all" if run.blocked else str(run.seed)),
            cells=_t1_cells(run, results, len(columns)),
            group=f"{run.family}/{run.scene}/{run.envmap}",
            compared=False,
        )
        for run in _blocked_once(results.expected)
    ]
    caption = captions.sentences(
        "Convergence, similarity under the run's own model, and cost of every run. Losses of different "
        "models are not comparable, so nothing is marked as best. Normalised similarity is (s − start) / "
        "(ceiling − start): 0 is the start, 1 is the target rendered again with another seed.",
        "– marks a model that gives no similarity of two images. Cost is that of the optimisation alone, on "
        "the machine named in the run's manifest.",
        STARRED,
        common_caption(results, names, ("geometry", "material")),
    )
    keys = ("family", "scene", "envmap", "model", "seed")
    titles = ("Family", "Scene", "Light", "Optimised for", "Seed")
    return Table("t1", "T1. All runs.", caption, keys, titles, columns, tuple(rows))


def _blocked_once(runs: Sequence[Expected]) -> list[Expected]:
    """Keep one row for the seeds of a blocked cell."""
    seen: set[tuple[str, ...]] = set()
    kept = []
    for run in runs:
        address = (run.family, run.scene, run.envmap, run.model)
        if not (run.blocked and address in seen):
            kept.append(run)
        seen.add(address)
    return kept


def _t1_cells(run: Expected, results: Results, count: int) -> tuple[Cell, ...]:
    """Return the cells of one run in the order of T1's columns."""
    if run.blocked:
        return (blocked_cell(run.blocked),) * count
    if run not in results.values:
        return (Cell(note=NOT_RUN),) * count

    def cells(*metrics: str) -> list[Cell]:
        return [results.cell([run], metric) for metric in metrics]

    own = [
        f"{kind}/{run.model}"
        for kind in ("similarity", "similarity_start", "similarity_ceiling", "similarity_normalised")
    ]
    judges = f"similarity/{run.model}" in results.metrics(run.family)
    own_cells = cells(*own) if judges else [Cell(note=NOT_APPLICABLE)] * len(own)
    return (
        *cells("loss_first", "loss_best", "loss_last", "best_iteration", "iterations"),
        Cell(text=results.why_missing(run, "stop_reason")),
        *own_cells,
        *cells(*COST_METRICS),
    )


# ---------------------------------------------------------------- T2


def build_t2(results: Results, names: Names) -> Table:
    """Geometry by model over all scenes and lights, then by scene and light."""
    metrics = (*IMAGE_METRICS, *SHAPE_METRICS)
    columns = tuple(map(metric_column, metrics))
    rows = [
        _t2_row(results, names, model, metrics, scene=None, envmap=None)
        for model in results.models("geometry")
    ]
    for scene, envmap in results.places("geometry"):
        rows += [
            _t2_row(results, names, model, metrics, scene=scene, envmap=envmap)
            for model in results.models("geometry")
        ]
    caption = captions.sentences(
        "Recovered geometry by the model optimised for; first over all scenes and lights, then for each. "
        "Image metrics are on views that the optimisation never saw, with fresh noise; masked: on the "
        "object only. Chamfer is symmetric, in scene units; its ratio says how many times closer than the "
        "starting sphere the result is. Values are mean ± one sample standard deviation over the runs "
        "counted in column Runs (t-intervals of 95% are in the CSV); bold is best in its group.",
        STARRED,
        common_caption(results, names, ("geometry",)),
    )
    keys = ("scene", "envmap", "model")
    titles = ("Scene", "Light", "Optimised for")
    return Table("t2", "T2. Geometry by model.", caption, keys, titles, columns, tuple(rows), RUNS)


def _t2_row(
    results: Results,
    names: Names,
    model: str,
    metrics: Sequence[str],
    *,
    scene: str | None,
    envmap: str | None,
) -> Row:
    runs = results.runs("geometry", scene=scene, envmap=envmap, model=model)
    return Row(
        labels=(
            scene_label(scene, envmap, results, names) if scene and envmap else "all",
            names.envmap(envmap) if envmap else "all",
            names.model(model),
        ),
        ids=(scene or "all", envmap or "all", model),
        cells=tuple(results.cell(runs, metric) for metric in metrics),
        group=f"{scene}/{envmap}",
    )


# ---------------------------------------------------------------- T3


def build_t3(results: Results, names: Names) -> Table:
    """Material by scene and model: image metrics, recovered scalars against the truth, texture errors."""
    parameters = _parameters(results)
    columns = (
        *map(metric_column, IMAGE_METRICS),
        *(
            column
            for name in parameters
            for column in (
                metric_column(f"value/{name}", key=f"value_{name}", beside="truth", title=f"{name} (true)"),
                metric_column(f"abs_error/{name}", key=f"abs_error_{name}", title=f"error of {name}"),
            )
        ),
        *map(metric_column, TEXTURE_METRICS),
    )
    rows = [
        _t3_row(results, names, scene, envmap, model, parameters)
        for scene, envmap in results.places("material")
        for model in results.models("material")
    ]
    caption = captions.sentences(
        "Recovered materials by scene and by the model optimised for. Image metrics are on renders with "
        "fresh noise; masked: on the object only. Scalars are followed by the truth in parentheses where "
        "the scene has one; texture errors are over texels that some view sees; BSDF slices: root mean square of the "
        "difference of log(1 + f cos) over directions, at the mean colour, against the target's own BSDF. – means that the scene does "
        "not have the quantity. Values are mean ± one sample standard deviation over the runs counted in "
        "column Runs (t-intervals of 95% are in the CSV); bold is best in its scene.",
        STARRED,
        common_caption(results, names, ("material",)),
    )
    titles = ("Scene", "Optimised for")
    return Table(
        "t3",
        "T3. Material by scene and model.",
        caption,
        ("scene", "model"),
        titles,
        columns,
        tuple(rows),
        RUNS,
    )


def _parameters(results: Results) -> list[str]:
    """Return the scalar parameters that some run recovered, the well-known ones first."""
    found = {name.split("/", 1)[1] for name in results.metrics("material") if name.startswith("value/")}
    known = [name for name in PARAMETER_ORDER if name in found]
    return known + sorted(found - set(known))


def _t3_row(
    results: Results, names: Names, scene: str, envmap: str, model: str, parameters: Sequence[str]
) -> Row:
    runs = results.runs("material", scene=scene, envmap=envmap, model=model)
    scalars: list[Cell] = []
    for name in parameters:
        value = results.optional_cell(runs, f"value/{name}")
        truth = results.cell(runs, f"truth/{name}").value
        scalars.append(_with_beside(value, truth))
        scalars.append(results.optional_cell(runs, f"abs_error/{name}"))
    return Row(
        labels=(scene_label(scene, envmap, results, names), names.model(model)),
        ids=(scene, model),
        cells=(
            *(results.cell(runs, metric) for metric in IMAGE_METRICS),
            *scalars,
            *(results.optional_cell(runs, metric) for metric in TEXTURE_METRICS),
        ),
        group=scene,
    )


def _with_beside(cell: Cell, beside: float | None) -> Cell:
    return replace(cell, beside=beside if cell.value is not None else None)


# ---------------------------------------------------------------- T4


def build_t4(results: Results, names: Names) -> Table:
    """Cross-model matrix: rows optimised for, columns judged by; normalised similarity, raw beside."""
    families: tuple[Family, ...] = ("geometry", "material")
    judges = list(dict.fromkeys(model for family in families for model in _judges(results, family)))
    columns = tuple(
        Column(judge, f"by {names.model(judge)}", better="higher", beside="raw") for judge in judges
    )
    rows: list[Row] = []
    for family in families:
        rows += [_t4_row(results, names, family, model, judges) for model in results.models(family)]
        rows += _t4_references(results, family, judges)
    caption = captions.sentences(
        "Is a metamer of one model a metamer of another? Rows: the model that the scene was optimised for. "
        "Columns: the model that judges the result against the target. Normalised similarity (0: no better "
        "than the start; 1: as good as the target rendered again), then the raw similarity in parentheses. "
        "Mean ± one sample standard deviation over scenes, lights and seeds, as many as column Runs says "
        "(t-intervals of 95% are in the CSV). Bold is best in its column and family; – marks a judge that "
        "is not defined for the family.",
        common_caption(results, names, families),
    )
    titles = ("Family", "Optimised for")
    return Table(
        "t4",
        "T4. Cross-model metamer matrix.",
        caption,
        ("family", "model"),
        titles,
        columns,
        tuple(rows),
        RUNS,
    )


def _judges(results: Results, family: Family) -> list[str]:
    """Return the models that judged a family, and those of its grid that are blocked, in grid order.

    A model of the grid that can run but never judges (the dual buffer) has no column.
    """
    measured = [name.split("/", 1)[1] for name in results.metrics(family) if name.startswith("similarity/")]
    blocked = blocked_models(results.expected, family)
    known = [model for model in results.models(family) if model in measured or model in blocked]
    return list(dict.fromkeys([*known, *measured]))


def _t4_row(results: Results, names: Names, family: Family, model: str, judges: Sequence[str]) -> Row:
    runs = results.runs(family, model=model)
    return Row(
        labels=(family, names.model(model)),
        ids=(family, model),
        cells=tuple(_t4_cell(results, family, runs, judge) for judge in judges),
        group=family,
    )


def _t4_cell(results: Results, family: Family, runs: Sequence[Expected], judge: str) -> Cell:
    """Return one judgement, or whether the row's or the column's model is what is missing."""
    if not any(run in results.values for run in runs):
        return results.cell(runs, f"similarity/{judge}")
    if judge not in _judges(results, family):
        return Cell(note=NOT_APPLICABLE)
    blocked = blocked_models(results.expected, family)
    cell = results.cell(runs, f"similarity_normalised/{judge}")
    if cell.value is None and judge in blocked:
        return blocked_cell(blocked[judge])
    return _with_beside(cell, results.cell(runs, f"similarity/{judge}").value)


def _t4_references(results: Results, family: Family, judges: Sequence[str]) -> list[Row]:
    """Return the two ends of the scale: raw similarity of the start, and of the target rendered again."""
    kinds = (("(start)", "similarity_start", 0.0), ("(target again)", "similarity_ceiling", 1.0))
    rows = [
        Row(
            labels=(family, label),
            cells=tuple(_t4_reference(results, family, judge, kind, scale) for judge in judges),
            group=family,
            compared=False,
        )
        for label, kind, scale in kinds
    ]
    return [row for row in rows if any(cell.value is not None for cell in row.cells)]


def _t4_reference(results: Results, family: Family, judge: str, kind: str, scale: float) -> Cell:
    """Return one end of the scale under one judge: its normalised value is so by definition."""
    blocked = blocked_models(results.expected, family)
    runs = [run for run in results.runs(family) if run in results.values]
    raw = mean_cell(results.value(run, f"{kind}/{judge}") for run in runs)
    if raw.value is None:
        return blocked_cell(blocked[judge]) if judge in blocked else Cell(note=NOT_APPLICABLE)
    return Cell(scale, n=raw.n, beside=raw.value)


BUILDERS: Mapping[str, Callable[[Results, Names], Table]] = {
    "t1": build_t1,
    "t2": build_t2,
    "t3": build_t3,
    "t4": build_t4,
    "t5": build_t5,
    "t7": build_t7,
}
SOURCED: Mapping[str, Callable[..., Table]] = {"t6": build_t6, "t8": build_t8}
"""Tables that read files beside the metrics."""
