"""Tables 1 to 3 of ∇Sim: errors of estimated parameters by approach, ours with the published value beside it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rerender.core.errors import unknown_name
from rerender.papers.physics.grid import (
    CLOTH_VELOCITY,
    CONVNET,
    LAME,
    PARTICLE_MASS,
    PROJECTIVE,
    RIGID_CONTACT,
    RIGID_MASS,
    Expected,
    shapes_of,
)
from rerender.papers.physics.settings import PhysicsSettings
from rerender.papers.physics.specs import DEFAULT_ONLY
from rerender.reporting import captions
from rerender.reporting.captions import Names
from rerender.reporting.published import Tables, load_published, published_by_run
from rerender.reporting.rows import read_metrics
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

VARIANT_TITLES: Mapping[str, str] = {
    "default": "8-bit frames",
    "ideal": "frames as rendered",
    "noise": "frames with noise",
    "fine": "truth with half the step",
    "flat": "8-bit frames, no prior",
    "far": "8-bit frames, guess from the domain",
    "frictionless": "8-bit frames, no friction known",
    "inelastic": "8-bit frames, average elasticity taken as known",
    "raytraced": "8-bit frames by Mitsuba",
    "projective": "8-bit frames by Mitsuba, estimate too",
}
NOT_ESTIMATED: Mapping[str, tuple[str, ...]] = {"frictionless": ("/kf", "/mu"), "inelastic": ("/ke", "/kd")}
SEARCHES = ("gradsim", "diffphysics", "blackbox")
ONE_FOR_ALL = ("average", "random", "diffphysics")
"""Methods that see no frames: one row for all variants."""

Values = Mapping[Expected, Mapping[str, float | None]]


@dataclass(frozen=True)
class Measure:
    """A column: its metric, and whether it is the median of the runs instead of their mean."""

    metric: str
    column: Column
    median: bool = False
    experiment: str = ""
    """The experiment that it is of, if not the layout's."""
    published: str = ""
    """Where the printed values are, if not under the table's own name."""


@dataclass(frozen=True)
class Layout:
    """What a table of estimates shows: an experiment, its columns, its rows in the paper's order, and its caption."""

    experiment: str
    title: str
    measures: tuple[Measure, ...]
    methods: tuple[str, ...]
    caption: Callable[[PhysicsSettings], str]


def _error(name: str, title: str) -> tuple[Measure, ...]:
    """Return the columns of one parameter's relative error: mean, median, and that of the first guess."""
    metric, key = f"rel_error/{name}", f"rel_error_{name}"
    start = Column(f"{key}_start", f"{title}, first guess", "", "none", ".2e")
    return (
        Measure(metric, Column(key, title, "", "lower", ".2e", "published")),
        Measure(metric, Column(f"{key}_med", f"{title}, median", "", "lower", ".2e"), median=True),
        Measure(f"rel_error_start/{name}", start),
    )


def _field(experiment: str, name: str, title: str) -> tuple[Measure, ...]:
    """Return the columns of the mean relative error of a field, and that of the first guess."""
    error, _, start = _error(name, title)
    error = replace(error, experiment=experiment, published="table3_particles")
    return error, replace(start, experiment=experiment)


_EVALUATIONS = Measure("evaluations", Column("evaluations", "Evaluations", "", "none", ".0f"))
_SECONDS = Measure("evaluation_s", Column("evaluation_s", "An evaluation", "s", "none", ".2g"))


def _network_sentence(settings: PhysicsSettings, videos: int) -> str:
    own = settings.convnet
    trunk = "EfficientNet-b0" if own.trunk == "efficientnet_b0" else "a network of four convolutions"
    return (
        f"ConvNet: {trunk}, trained here on {videos} other objects, frames of {own.size} × {own.size} pixels."
    )


def _projective_sentence(settings: PhysicsSettings) -> str:
    part = settings.rigid_mass
    if PROJECTIVE not in part.variants:
        return ""
    search, shapes = part.projective.search, len(shapes_of(part, PROJECTIVE))
    return (
        f"Estimates by Mitsuba's projective integrator: the first {shapes} shapes, {settings.raster.projective_spp} samples a pixel, "
        f"{search.iterations} steps of Adam and {search.finish} of L-BFGS."
    )


def _mass_caption(settings: PhysicsSettings) -> str:
    part = settings.rigid_mass
    return captions.sentences(
        f"{len(part.shapes)} shapes, as often as there are seeds, of masses between {part.mass[0]:g} and {part.mass[1]:g} kg. "
        "Errors are of the total mass: the published absolute column mixes it with the mass of one vertex.",
        f"Frames of {settings.raster.size} × {settings.raster.size} pixels, every {part.frame_every} of {part.fps} a second. "
        f"Searches start from the best of the first guess and {part.scan} masses of the domain: "
        f"{part.search.iterations} steps of Adam and {part.search.finish} of L-BFGS. Without derivatives: {part.blackbox.iterations} updates of a "
        f"Gaussian by {part.blackbox.samples} draws each (the paper's reinforcement learning), from the first guess. "
        "An evaluation: CPU seconds of a loss with its derivative on the machine at hand.",
        _projective_sentence(settings),
        _network_sentence(settings, settings.convnet.mass_videos),
    )


def _lame_caption(settings: PhysicsSettings) -> str:
    part = settings.lame
    return captions.sentences(
        f"{part.instances} beams a seed, mu and lambda between {part.stiffness[0]:g} and {part.stiffness[1]:g} Pa, first guesses within "
        f"a factor exp(±{part.spread:g}). {part.frames} frames of {settings.raster.size} × {settings.raster.size} pixels in {part.seconds:g} s. "
        f"{part.search.iterations} steps of Adam and {part.search.finish} of L-BFGS on the logarithms.",
        f"Soft balls of 125 particles, masses first guessed within a factor exp(±{settings.particle_mass.spread:g}), "
        f"{settings.particle_mass.iterations} steps of Adam; a cloth of 231 particles, {settings.cloth_velocity.iterations} steps, "
        "its errors over the mean speed, its 3D supervision the centre of mass. Both have many solutions: compare with the first guess.",
    )


def _contact_caption(settings: PhysicsSettings) -> str:
    part = settings.rigid_contact
    return captions.sentences(
        f"{len(part.shapes)} shapes, as often as there are seeds, each in {part.launches} launches of {part.seconds:g} s with a known push. "
        f"Densities between {part.density[0]:g} and {part.density[1]:g} kg/m³; kd, ke and kf of a vertex between {part.contact[0]:g} and "
        f"{part.contact[1]:g}, mu between {part.friction[0]:g} and {part.friction[1]:g}. First guesses within a factor "
        f"exp(±{part.spread:g}), other than for Average and Random.",
        f"{part.frames} frames of {settings.raster.size} × {settings.raster.size} pixels a launch. Gauss-Newton over growing parts of "
        f"the motion, at most {part.iterations} steps each, in which the first guess is a weak prior.",
        _network_sentence(settings, settings.convnet.contact_videos),
    )


LAYOUTS: Mapping[str, Layout] = {
    "table1": Layout(
        RIGID_MASS,
        "Table 1. Mass of a rigid body from video.",
        (
            Measure(
                "abs_error/mass", Column("abs_error", "Absolute error", "kg", "lower", ".2e", "published")
            ),
            *_error("mass", "Relative error"),
            _EVALUATIONS,
            _SECONDS,
        ),
        ("average", "random", CONVNET, "blackbox", "diffphysics", "gradsim"),
        _mass_caption,
    ),
    "table2": Layout(
        RIGID_CONTACT,
        "Table 2. Mass, contact and friction of a rigid body from video.",
        (
            *_error("mass", "Error of the mass"),
            *_error("kd", "Error of kd"),
            *_error("ke", "Error of ke"),
            *_error("kf", "Error of kf"),
            *_error("mu", "Error of mu"),
            _EVALUATIONS,
        ),
        ("average", "random", CONVNET, "diffphysics", "gradsim"),
        _contact_caption,
    ),
    "table3": Layout(
        LAME,
        "Table 3. Deformable solids and cloth from video.",
        (
            *_field(PARTICLE_MASS, "particle_mass", "Error of particle masses"),
            *_error("lame_mu", "Error of mu"),
            *_error("lame_lambda", "Error of lambda"),
            *_field(CLOTH_VELOCITY, "velocity", "Error of cloth velocities"),
            _EVALUATIONS,
        ),
        ("random", "diffphysics", "gradsim"),
        _lame_caption,
    ),
}


def make_table(
    table_id: str,
    metrics: Path | str,
    published: Path | str,
    out_stem: Path | str,
    *,
    tier: str,
    settings: PhysicsSettings,
    expected: Iterable[Expected],
    names: Names | None = None,
) -> Table:
    """Make a table of `LAYOUTS` from `metrics.parquet` and the claims file `published`; write four formats."""
    if table_id not in LAYOUTS:
        raise unknown_name("physics table", table_id, LAYOUTS)
    values = values_of(read_metrics(metrics), expected, tier)
    table = mark_best(build(table_id, values, settings, load_published(published), names or Names(), tier))
    write_table(table, out_stem)
    return table


def values_of(frame: pl.DataFrame, expected: Iterable[Expected], tier: str) -> Values:
    """Return the measured values of every expected answer; none where it did not run."""
    import polars as pl

    rows = frame.filter((pl.col("paper") == "physics") & (pl.col("tier") == tier))
    found: dict[Expected, dict[str, float | None]] = {cell: {} for cell in expected}
    for row in rows.iter_rows(named=True):
        cell = Expected(row["experiment"], row["scene"], row["method"], row["variant"], row["seed"])
        if cell in found:
            found[cell][row["metric"]] = row["value"]
    return found


def build(
    table_id: str, values: Values, settings: PhysicsSettings, published: Tables, names: Names, tier: str
) -> Table:
    """Return a table: baselines, 3D supervision, then video by what the frames are."""
    layout = LAYOUTS[table_id]
    part = getattr(settings, layout.experiment)
    rows = [
        _row(table_id, method, variant, values, published, names)
        for method in layout.methods
        if method == CONVNET or method in part.methods
        for variant in (
            part.variants[:1] if method in (*ONE_FOR_ALL, *DEFAULT_ONLY, CONVNET) else part.variants
        )
    ]
    own = {run.seed for run, found in values.items() if found and run.experiment == layout.experiment}
    caption = captions.sentences(
        "Mean ± one sample standard deviation over objects; medians and 95% t-intervals are in the CSV. In parentheses: the value that "
        "the paper printed, beside 8-bit frames, though the paper compared frames as they were rendered.",
        layout.caption(settings),
        "Truth and estimate share simulator and renderer, as in the paper; the rows below 8-bit frames loosen that or tighten it.",
        captions.tier_sentence(tier),
        captions.seeds_sentence(sorted(own)),
    )
    columns = tuple(measure.column for measure in layout.measures)
    keys, titles = ("approach", "target"), ("Approach", "Target")
    return Table(table_id, layout.title, caption, keys, titles, columns, tuple(rows), "Objects")


def _row(table_id: str, method: str, variant: str, values: Values, published: Tables, names: Names) -> Row:
    layout = LAYOUTS[table_id]
    blind = method in ONE_FOR_ALL
    cells = []
    for measure in layout.measures:
        experiment = measure.experiment or layout.experiment
        wanted = (experiment, method, variant)
        runs = [run for run in values if (run.experiment, run.method, run.variant) == wanted]
        cell = _cell(values, runs, measure, method)
        if (measure.experiment and not runs) or (measure.metric.endswith(NOT_ESTIMATED.get(variant, ()))):
            cell = Cell(note=NOT_APPLICABLE)
        if measure.column.beside and variant == "default":
            where = {"experiment": experiment, "method": method}
            source = measure.published or table_id
            cell = replace(cell, beside=published_by_run(published, source, measure.metric, **where))
        cells.append(cell)
    return Row(
        labels=(names.model(method), "–" if blind else VARIANT_TITLES[variant]),
        ids=(method, "" if blind else variant),
        cells=tuple(cells),
        group="all",
    )


def _cell(values: Values, runs: Sequence[Expected], measure: Measure, method: str) -> Cell:
    """Return mean and spread of a metric over runs, or its median alone."""
    searched = measure in (_EVALUATIONS, _SECONDS) or "_start/" in measure.metric
    if (searched and method not in SEARCHES) or (measure is _SECONDS and method == "blackbox"):
        return Cell(note=NOT_APPLICABLE)  # a search without derivatives has none to time
    numbers = [value for run in runs if (value := values[run].get(measure.metric)) is not None]
    if measure.median and numbers:
        return Cell(value=statistics.median(numbers), n=len(numbers))
    return mean_cell(numbers)
