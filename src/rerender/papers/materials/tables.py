"""The tables of materials: textures by region, all runs, ablation, learned light, cost, hash levels, metric caveat, losses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rerender.core.errors import unknown_name
from rerender.papers.materials.grid import Job, jobs
from rerender.papers.materials.methods import METHODS
from rerender.papers.materials.results import Results, Stage, results_of
from rerender.papers.materials.settings import MaterialsSettings
from rerender.papers.materials.textures import REGION_TITLES
from rerender.reporting import captions
from rerender.reporting.captions import Names
from rerender.reporting.published import Tables, load_published, published_by_run, published_value
from rerender.reporting.rows import read_metrics
from rerender.reporting.tables import NOT_APPLICABLE, Cell, Column, Row, Table, mark_best, write_table

STAGES: Mapping[Stage, str] = {"field": "coarse", "texture": "fine"}
REGIONS = ("all", "dark_shiny", "glossy", "metal", "matt")
"""Regions of the table of textures; the others are in the metric rows."""
LEAST_SHARE = 0.01
"""Regions with a smaller share of the points are left out there."""

CHANNELS = (
    Column("albedo", "Albedo", "", "lower"),
    Column("roughness", "Roughness", "", "lower"),
    Column("metallic", "Metallic", "", "lower"),
    Column("normal", "Normal", "deg", "lower", ".1f"),
    Column("false_rough", "Falsely rough", "%", "lower", ".0f"),
    Column("false_metal", "Falsely metal", "%", "lower", ".0f"),
)
RUNS = (
    Column("psnr_masked", "PSNR, object", "dB", "higher", ".1f"),
    Column("heldout_psnr_masked", "held out", "dB", "higher", ".1f"),
    Column("relit_psnr_masked", "relit", "dB", "higher", ".1f"),
    Column("albedo/all", "Albedo", "", "lower"),
    Column("roughness/all", "Roughness", "", "lower"),
    Column("metallic/all", "Metallic", "", "lower"),
    Column("roughness/focus", "Roughness, dark", "", "lower"),
    Column("metallic/focus", "Metallic, dark", "", "lower"),
    Column("false_rough/focus", "Falsely rough, dark", "%", "lower", ".0f"),
    Column("false_metal/focus", "Falsely metal, dark", "%", "lower", ".0f"),
)
PERCENT = ("false_rough", "false_metal")
FOCUS: Mapping[str, str] = {"grey_ball": "glossy", "duck": "glossy"}
"""The region where the failure would show: dark and shiny; scenes without one have their shiny body."""


def focus(scene: str) -> str:
    """Return the region of a scene where the failure would show."""
    return FOCUS.get(scene, "dark_shiny")


def make_table(
    table_id: str,
    metrics: Path | str,
    published: Path | str,
    out_stem: Path | str,
    *,
    tier: str,
    settings: MaterialsSettings,
    names: Names | None = None,
) -> Table:
    """Make a table of `BUILDERS` from `metrics.parquet` and the claims file `published`; write four formats."""
    results = results_of(read_metrics(metrics), tier)
    table = mark_best(build(table_id, results, settings, load_published(published), names or Names()))
    write_table(table, out_stem)
    return table


def build(
    table_id: str, results: Results, settings: MaterialsSettings, published: Tables, names: Names
) -> Table:
    """Return a table of `BUILDERS`; those of `BESIDE` show the published numbers as well."""
    if table_id in BESIDE:
        return BESIDE[table_id](results, settings, names, published)
    if table_id not in BUILDERS:
        raise unknown_name("materials table", table_id, [*BUILDERS, *BESIDE])
    return BUILDERS[table_id](results, settings, names)


def build_textures(results: Results, settings: MaterialsSettings, names: Names) -> Table:
    """Return a row a scene, region, stage and method of the experiment `known`."""
    rows = []
    for scene, region, stage, job in _places(results, settings):
        cells = tuple(_number(results, job, f"{column.key}/{region}", stage) for column in CHANNELS)
        share = results.of(job, f"share/{region}", stage)
        size = f"{100 * next(iter(share.values())):.0f} %" if share else "–"
        labels = (names.scene(scene), REGION_TITLES[region], size, STAGES[stage], METHODS[job.method].title)
        ids = (scene, region, size, STAGES[stage], job.method)
        rows.append(Row(labels, cells, group=f"{scene}/{region}/{stage}", ids=ids))
    return Table(
        "textures",
        "Recovered materials against the true ones, on the surface.",
        captions.sentences(
            "Mean absolute errors over points drawn uniformly on the surface, the same for all methods; mean ± one sample standard "
            "deviation over seeds (95 % t-intervals are in the CSV). Albedo is linear, roughness perceptual. Falsely rough: found above 0.5 "
            "where the truth is at most 0.3; falsely metal: found above 0.5 where the truth is at most 0.5. Dark and shiny: albedo below 0.12, "
            "roughness at most 0.3, no metal.",
            _closing(results, settings, names, ["known"]),
        ),
        ("scene", "region", "share", "stage", "method"),
        ("Scene", "Region", "Share", "Stage", "Method"),
        CHANNELS,
        tuple(rows),
        "Seeds",
    )


def _places(results: Results, settings: MaterialsSettings) -> Iterable[tuple[str, str, Stage, Job]]:
    """Yield scene, region, stage and job in printing order, regions with (nearly) no points left out."""
    known = [job for job in jobs(settings) if job.experiment == "known"]
    for scene in dict.fromkeys(job.scene for job in known):
        here = [job for job in known if job.scene == scene]
        for region in REGIONS:
            for stage in STAGES:
                shares = (results.of(job, f"share/{region}", stage).values() for job in here)
                if any(share >= LEAST_SHARE for part in shares for share in part):
                    yield from ((scene, region, stage, job) for job in here)


def build_runs(results: Results, settings: MaterialsSettings, names: Names) -> Table:
    """Return a row an experiment, scene and method, after the coarse stage."""
    shown = [job for job in jobs(settings) if not job.experiment.startswith("levels_")]
    return _runs_table(
        results,
        settings,
        names,
        shown,
        "runs",
        "All experiments.",
        "Known: known light, targets by the renderer that is fitted. Roughness: the cow with another one. Learned: the light is fitted as well. "
        "Named for a sky or the workshop: known light, that one. "
        "Perturbed: normals with a smooth random error that decays. Sparse: fitted to a part of the pixels. Late: a candidate of ours for the best of both, on every scene. Mitsuba: targets by path tracing.",
    )


def build_ablation(results: Results, settings: MaterialsSettings, names: Names) -> Table:
    """Return every method on the scenes of the experiment `ablation`, with the two that it varies."""
    scenes = settings.experiments["ablation"].scenes if "ablation" in settings.experiments else ()
    every = jobs(settings)
    shown = [
        job
        for scene in scenes
        for job in every
        if job.scene == scene and job.experiment in ("known", "ablation", "normals")
    ]
    return _runs_table(
        results,
        settings,
        names,
        shown,
        "ablation",
        "What makes the difference: networks, schedules, losses, gradients, normals.",
        "One thing is changed at a time. One network's loss is the paper's baseline, relMSE.",
    )


def _runs_table(
    results: Results,
    settings: MaterialsSettings,
    names: Names,
    shown: Sequence[Job],
    table: str,
    title: str,
    text: str,
) -> Table:
    rows = []
    for job in shown:
        place = focus(job.scene)
        cells = tuple(
            _number(results, job, column.key.replace("/focus", f"/{place}"), "field") for column in RUNS
        )
        labels = (job.experiment, names.scene(job.scene), METHODS[job.method].title)
        group = job.scene if table == "ablation" else f"{job.experiment}/{job.scene}"
        rows.append(Row(labels, cells, group=group, ids=(job.experiment, job.scene, job.method)))
    return Table(
        table,
        title,
        captions.sentences(
            text,
            "After the coarse stage; mean ± one sample standard deviation over seeds. PSNR is of sRGB values on the object: training views, views that "
            "no fit saw, and those under another light. Albedo, roughness, metallic: mean absolute errors on the surface; dark: of "
            "its dark and shiny part (of the shiny part, for the grey ball and the duck).",
            _closing(results, settings, names, [job.experiment for job in shown]),
        ),
        ("experiment", "scene", "method"),
        ("Experiment", "Scene", "Method"),
        RUNS,
        tuple(rows),
        "Seeds",
    )


BEYOND = tuple(
    Column(f"over_better/{key}", title, "×", "lower", ".2f")
    for key, title in (
        ("albedo", "Albedo"),
        ("roughness", "Roughness"),
        ("metallic", "Metallic"),
        ("normal", "Normal"),
    )
)


def build_beyond(results: Results, settings: MaterialsSettings, names: Names) -> Table:
    """Return a row a scene of the experiment `late`: its errors over those of the better of the two methods."""
    shown = [job for job in jobs(settings) if job.experiment == "late"]
    rows = [
        Row(
            (names.scene(job.scene), METHODS[job.method].title),
            tuple(_number(results, job, column.key, "field") for column in BEYOND),
            group=job.scene,
            ids=(job.scene, job.method),
        )
        for job in shown
    ]
    return Table(
        "beyond",
        "Can one method be as good as the better of the two everywhere?",
        captions.sentences(
            "Mean absolute error over the whole surface after the coarse stage, divided by the mean error of that method of the "
            "two which is better in this scene and channel: up to 1 is not worse. Mean ± one sample standard deviation over seeds (95 % "
            "t-intervals are in the CSV). With normals from half time, those of the known surface are kept until then.",
            _closing(results, settings, names, ["known", "late"]),
        ),
        ("scene", "method"),
        ("Scene", "Method"),
        BEYOND,
        tuple(rows),
        "Seeds",
    )


LIGHT = (
    Column("light_log_l1", "Light, log L1", "", "lower"),
    Column("light_correlation", "correlation", "", "higher"),
    Column("light_scale", "scale", "", "none"),
    Column("albedo_scaled/all", "Albedo, scaled", "", "lower"),
    Column("roughness/focus", "Roughness, dark", "", "lower"),
    Column("metallic/focus", "Metallic, dark", "", "lower"),
    Column("psnr_masked", "PSNR, object", "dB", "higher", ".1f"),
)


def build_light(results: Results, settings: MaterialsSettings, names: Names) -> Table:
    """Return a row a scene and method of the experiments whose light is learned."""
    shown = [job for job in jobs(settings) if settings.experiments[job.experiment].lighting == "learned"]
    rows = []
    for job in shown:
        keys = [column.key.replace("/focus", f"/{focus(job.scene)}") for column in LIGHT]
        cells = tuple(_number(results, job, key, "field") for key in keys)
        rows.append(
            Row(
                (names.scene(job.scene), METHODS[job.method].title),
                cells,
                group=f"{job.experiment}/{job.scene}",
                ids=(job.scene, job.method),
            )
        )
    return Table(
        "light",
        "Materials and light together.",
        captions.sentences(
            "The light begins as grey 0.5. It is compared with the true one after one factor, fitted by least squares (scale): mean "
            "|ln(1 + x) - ln(1 + y)| over directions, weighted by solid angle, and the correlation of the logarithms. Albedo is "
            "compared after one factor a colour channel.",
            _closing(results, settings, names, [job.experiment for job in shown]),
        ),
        ("scene", "method"),
        ("Scene", "Method"),
        LIGHT,
        tuple(rows),
        "Seeds",
    )


COST = (
    Column("step_cpu_s", "Coarse step", "CPU-s", "lower", ".4f"),
    Column("fine_step_cpu_s", "Fine step", "CPU-s", "lower", ".4f"),
    Column("cpu_s", "Coarse stage", "CPU-s", "lower", ".1f"),
    Column("fine_cpu_s", "Fine stage", "CPU-s", "lower", ".1f"),
    Column("parameters", "Weights", "10³", "lower", ".0f"),
    Column("ratio", "Coarse, over one network", "×", "none", ".2f", "published"),
    Column("fine_ratio", "Fine, over one network", "×", "none", ".2f", "published"),
)


def build_cost(results: Results, settings: MaterialsSettings, names: Names, published: Tables) -> Table:
    """Return a row a scene and method of the experiment `known`: what the stages cost, and over the single network."""
    shown = [job for job in jobs(settings) if job.experiment == "known"]
    printed = {
        stage: _seconds(published, "two", stage) / _seconds(published, "joint", stage) for stage in _PARTS
    }
    rows = [
        Row(
            (job.experiment, names.scene(job.scene), METHODS[job.method].title),
            _cost_cells(results, job, printed),
            group=f"{job.experiment}/{job.scene}",
            ids=(job.experiment, job.scene, job.method),
        )
        for job in shown
    ]
    return Table(
        "cost",
        "What the two branches cost.",
        captions.sentences(
            "CPU seconds of the process during the steps alone: no imports, no captures, no prefiltering. In parentheses: the published ratio "
            f"of two branches, from {_seconds(published, 'joint', 'field'):g} s and {_seconds(published, 'two', 'field'):g} s for 1000 coarse "
            f"steps, {_seconds(published, 'joint', 'texture'):g} s and {_seconds(published, 'two', 'texture'):g} s for the fine stage, on an RTX "
            "5090 with geometry. Ratios carry over, seconds do not.",
            _closing(results, settings, names, [job.experiment for job in shown]),
        ),
        ("experiment", "scene", "method"),
        ("Experiment", "Scene", "Method"),
        COST,
        tuple(rows),
        "Seeds",
    )


_PARTS: tuple[Stage, ...] = ("field", "texture")


def _seconds(published: Tables, method: str, stage: Stage, levels: int = 16) -> float:
    """Return the printed seconds of a stage. Raises `UserError` where the ledger has none."""
    found = published_value(published, "levels", f"{method}_{levels}_{STAGES[stage]}", "seconds")
    assert found is not None
    return found


def _cost_cells(results: Results, job: Job, printed: Mapping[Stage, float]) -> tuple[Cell, ...]:
    base = replace(job, method="joint")
    weights = results.cell(job, "parameters")
    thousands = Cell(value=weights.value / 1e3, n=weights.n) if weights.value is not None else weights
    ratios = [_over(results, job, base, stage) for stage in _PARTS]
    if job.method == "two":
        ratios = [replace(cell, beside=printed[stage]) for cell, stage in zip(ratios, _PARTS, strict=True)]
    return (
        results.cell(job, "step_cpu_s"),
        results.cell(job, "step_cpu_s", "texture", NOT_APPLICABLE),
        results.cell(job, "cpu_s"),
        results.cell(job, "cpu_s", "texture", NOT_APPLICABLE),
        thousands,
        *ratios,
    )


def _over(results: Results, job: Job, base: Job, stage: Stage = "field") -> Cell:
    """Return the CPU time of a job's step over that of another job's."""
    mine, theirs = (results.cell(one, "step_cpu_s", stage, NOT_APPLICABLE) for one in (job, base))
    if mine.value is None or not theirs.value:
        return Cell(note=NOT_APPLICABLE)
    return Cell(value=mine.value / theirs.value, n=mine.n)


LEVELS = (
    Column("step_cpu_s", "Coarse step", "CPU-s", "lower", ".4f"),
    Column("fine_step_cpu_s", "Fine step", "CPU-s", "lower", ".4f"),
    Column("share", "Coarse, over most levels", "×", "none", ".2f", "published"),
    Column("roughness", "Roughness", "", "lower"),
    Column("roughness_focus", "dark", "", "lower"),
    Column("metallic_focus", "Metallic, dark", "", "lower"),
    Column("fine_roughness", "Roughness, fine", "", "lower"),
    Column("psnr", "PSNR, object", "dB", "higher", ".1f"),
)


def build_levels(results: Results, settings: MaterialsSettings, names: Names, published: Tables) -> Table:
    """Return a row a number of hash levels and method."""
    shown = [job for job in jobs(settings) if job.experiment.startswith("levels_")]
    most = max((_level(settings, job) for job in shown), default=0)
    rows = []
    for job in shown:
        level, place = _level(settings, job), focus(job.scene)
        share = _over(results, job, replace(job, experiment=f"levels_{most}"))
        if job.method == "two" and most == 16:
            share = replace(share, beside=_level_share(published, level))
        cells = (
            results.cell(job, "step_cpu_s"),
            results.cell(job, "step_cpu_s", "texture", NOT_APPLICABLE),
            share,
            results.cell(job, "roughness/all"),
            results.cell(job, f"roughness/{place}"),
            results.cell(job, f"metallic/{place}"),
            results.cell(job, "roughness/all", "texture", NOT_APPLICABLE),
            results.cell(job, "psnr_masked"),
        )
        rows.append(
            Row(
                (str(level), METHODS[job.method].title), cells, group=job.method, ids=(str(level), job.method)
            )
        )
    rows.sort(key=lambda row: (row.ids[1], int(row.ids[0])))
    return Table(
        "levels",
        "How many nested grids are needed.",
        captions.sentences(
            "The finest resolution stays when levels are dropped. Times are CPU seconds of a step. In parentheses: the published share of two "
            "branches, over 16 levels, on an RTX 5090 with geometry.",
            _closing(results, settings, names, [job.experiment for job in shown]),
        ),
        ("levels", "method"),
        ("Levels", "Method"),
        LEVELS,
        tuple(rows),
        "Seeds",
    )


def _level_share(published: Tables, level: int) -> float | None:
    """Return the printed coarse seconds of some levels over those of 16, or None where nothing was printed."""
    asked = {"method": "two", "representation": "field"}
    mine = published_by_run(published, "levels", "cpu_s", experiment=f"levels_{level}", **asked)
    return None if mine is None else mine / _seconds(published, "two", "field")


def _level(settings: MaterialsSettings, job: Job) -> int:
    return settings.experiments[job.experiment].levels or settings.hash.levels


METRIC = (
    Column("psnr", "PSNR", "dB", "higher", ".2f"),
    Column("mse", "MSE", "10⁻⁴", "lower", ".2f"),
    Column("psnr_masked", "PSNR, object", "dB", "higher", ".2f"),
    Column("relit_psnr_masked", "relit", "dB", "higher", ".2f"),
    Column("roughness", "Roughness, dark", "", "lower"),
    Column("metallic", "Metallic, dark", "", "lower"),
    Column("disagree", "Order", "", "none"),
)


def build_metric(results: Results, settings: MaterialsSettings, names: Names, published: Tables) -> Table:
    """Return a row a scene, seed and method: image metrics beside texture errors of the same runs; and the published pair."""
    known = [job for job in jobs(settings) if job.experiment == "known"]
    rows = []
    for scene in dict.fromkeys(job.scene for job in known):
        pair = {job.method: job for job in known if job.scene == scene}
        if not {"joint", "two"} <= pair.keys():
            continue
        for seed in results.of(pair["joint"], "psnr"):
            told = order_of(results, pair["joint"], pair["two"], seed)
            for method in ("joint", "two"):
                cells = _metric_cells(results, pair[method], seed, told if method == "two" else "")
                labels = (names.scene(scene), str(seed), METHODS[method].title)
                rows.append(Row(labels, cells, group=f"{scene}/{seed}", ids=(scene, str(seed), method)))
    rows += [_printed_pair(published, method) for method in ("joint", "two")]
    return Table(
        "metric",
        "Image metrics can rank the worse material first.",
        captions.sentences(
            "PSNR and MSE are those of the released code: sRGB values of views from a turntable, black background included. Order: whether "
            "they agree with the texture errors of the dark and shiny part (of the shiny part, for the grey ball and the duck) about which method "
            "is better. Of the published pair the two branches have the better texture; of which object it is, is not said.",
            _closing(results, settings, names, ["known"]),
        ),
        ("scene", "seed", "method"),
        ("Scene", "Seed", "Method"),
        METRIC,
        tuple(rows),
    )


def _printed_pair(published: Tables, method: str) -> Row:
    """Return the row of the published pair that is of a method."""
    psnr, mse = (published_value(published, "metric", method, name) for name in ("psnr", "mse"))
    cells = [Cell(note=NOT_APPLICABLE)] * len(METRIC)
    if psnr is not None and mse is not None:
        cells[:2] = [Cell(value=psnr, n=1), Cell(value=1e4 * mse, n=1)]
    return Row(
        ("Published", "–", METHODS[method].title),
        tuple(cells),
        group="published",
        ids=("published", "", method),
    )


def _metric_cells(results: Results, job: Job, seed: int, told: str) -> tuple[Cell, ...]:
    place = focus(job.scene)
    keys = ("psnr", "mse", "psnr_masked", "relit_psnr_masked", f"roughness/{place}", f"metallic/{place}")
    values = [results.of(job, key).get(seed) for key in keys]
    scales = (1.0, 1e4, 1.0, 1.0, 1.0, 1.0)
    cells = [
        Cell(value=value * scale, n=1) if value is not None else Cell(note=NOT_APPLICABLE)
        for value, scale in zip(values, scales, strict=True)
    ]
    return (*cells, Cell(text=told))


def order_of(results: Results, joint: Job, two: Job, seed: int) -> str:
    """Say whether PSNR and the texture errors of a pair agree about which method is better: `agree`, `disagree` or `mixed`."""
    place = focus(joint.scene)

    def gain(metric: str) -> float:
        return results.of(two, metric)[seed] - results.of(joint, metric)[seed]

    image = gain("psnr") > 0
    textures = {gain(f"{channel}/{place}") < 0 for channel in ("roughness", "metallic")}
    if len(textures) > 1:
        return "mixed"
    return "agree" if textures == {image} else "disagree"


LOSSES = (
    Column("coarse", "Coarse"),
    Column("fine", "Fine"),
    Column("schedule", "Rates"),
)
FORMULAS: Mapping[str, str] = {
    "mse": "(x-y)²",
    "relmse": "(x-y)²/(x²+y²+0.1)",
    "smape": "|x-y|/(|x|+|y|+0.01)",
    "logl1": "|T(x)-T(y)|, T = sRGB(ln(1+x))",
    "logl2": "(T(x)-T(y))²",
}


def build_losses(results: Results, settings: MaterialsSettings, names: Names) -> Table:
    """Return a row a method and branch: the losses in both stages, and the schedules."""
    rows = []
    for name in ("joint", "two"):
        for branch, letter in zip(METHODS[name].branches, ("A", "B"), strict=False):
            mixes = (branch.coarse, branch.fine)
            texts = [" + ".join(f"{weight:g} {loss}" for loss, weight in mix) for mix in mixes]
            cells = (
                *(Cell(text=text) for text in texts),
                Cell(text=f"{branch.coarse_schedule}, {branch.fine_schedule}"),
            )
            channels = captions.join_words(branch.channels)
            title = METHODS[name].title if name == "joint" else f"{METHODS[name].title}: {letter}"
            rows.append(Row((title, channels), cells, ids=(f"{name}.{letter}", channels)))
    formulas = "; ".join(f"{name}: {text}" for name, text in FORMULAS.items())
    return Table(
        "losses",
        "Losses and schedules.",
        captions.sentences(
            f"Each is a mean over pixels and channels of {formulas}. For the duck the two losses of branch A change places. The mask's term is "
            "constant while geometry is known. Schedules are drawn in the figure of rates."
        ),
        ("branch", "channels"),
        ("Branch", "Channels"),
        LOSSES,
        tuple(rows),
    )


def _number(results: Results, job: Job, metric: str, stage: Stage) -> Cell:
    """Return a metric's cell; shares as per cent."""
    cell = results.cell(job, metric, stage, NOT_APPLICABLE)
    if metric.startswith(PERCENT) and cell.value is not None:
        return Cell(
            value=100.0 * cell.value,
            sd=None if cell.sd is None else 100.0 * cell.sd,
            n=cell.n,
            median=None if cell.median is None else 100.0 * cell.median,
        )
    return cell


def _closing(results: Results, settings: MaterialsSettings, names: Names, experiments: Iterable[str]) -> str:
    """Say that geometry is known, the lights, the tier, and which inputs were real."""
    asked = dict.fromkeys(experiments)
    used = [one for name, one in settings.experiments.items() if name in asked]
    lights = captions.join_words(dict.fromkeys(names.envmap(one.envmap) for one in used)) or "none"
    places = {
        (job.scene, job.envmap): results.assets[job.scene, job.envmap]
        for job in jobs(settings)
        if job.experiment in asked and (job.scene, job.envmap) in results.assets
    }
    inputs = captions.assets_sentence(places, names).replace(" (marked *)", "") if places else ""
    return captions.sentences(
        f"Geometry is known and fixed, which the paper learns. Light: {lights}.",
        captions.tier_sentence(results.tier),
        inputs,
    )


BUILDERS: Mapping[str, Callable[[Results, MaterialsSettings, Names], Table]] = {
    "textures": build_textures,
    "runs": build_runs,
    "ablation": build_ablation,
    "light": build_light,
    "losses": build_losses,
    "beyond": build_beyond,
}
BESIDE: Mapping[str, Callable[[Results, MaterialsSettings, Names, Tables], Table]] = {
    "cost": build_cost,
    "levels": build_levels,
    "metric": build_metric,
}
"""Those that show published numbers beside ours."""
