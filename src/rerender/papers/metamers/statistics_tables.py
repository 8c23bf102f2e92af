"""Tables T5 and T6 of the metamers paper (fact sheet, section 8.3): representational similarity, tests against the baseline."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rerender.core.seeds import SeedStream
from rerender.papers.metamers.by_view import PIXELS, Quantity, paired, read_views, similarity_under
from rerender.papers.metamers.results import FAMILIES, Results
from rerender.papers.metamers.runfiles import BASELINES, Expected, Family
from rerender.papers.metamers.table_parts import RUNS, common_caption
from rerender.reporting import captions
from rerender.reporting.captions import Names
from rerender.reporting.statistics import Comparison, compare_pairs, ecdf_distance, holm
from rerender.reporting.tables import NOT_APPLICABLE, Cell, Column, Row, Table, blocked_cell

if TYPE_CHECKING:
    import polars as pl

COMPONENTS = 3

# ---------------------------------------------------------------- T5

T5_COLUMNS = (
    Column("rsa_tau", "Kendall's τ", better="higher"),
    Column("rsa_p", "median p", digits=".2g"),
    Column("rsa_tau_start", "τ of the start"),
    Column("rsa_tau_baseline", "τ of the pixel fit"),
    *(Column(f"pca_explained_{k}", f"PC {k}") for k in range(1, COMPONENTS + 1)),
    Column("pca_explained", "PC 1–3"),
)


def build_t5(results: Results, names: Names) -> Table:
    """Representational similarity and principal components by model, each in the latents of the model itself."""
    rows = [
        Row(
            labels=(family, names.model(model)),
            ids=(family, model),
            cells=_t5_cells(results, family, model),
            group=family,
            compared=False,
        )
        for family in FAMILIES
        for model in results.models(family)
    ]
    caption = captions.sentences(
        "How the model that was optimised for represents the views of the result, compared with those of the target. "
        "Dissimilarity of two views: one minus the Pearson correlation of their latents. τ: Kendall's τ-b of the "
        "dissimilarities of all pairs of views, 1 where they have the same order; p against independent pairs (pairs "
        "share views, so it is descriptive only; four views of a material are six pairs). Beside it, under the same model, τ of the start and of what the pixel "
        "baseline (MAE for shapes, dual buffer for materials) found. PC: share of variance of the latents of all "
        "observed steps, target included, that the first principal components explain. A model's latent is all that "
        "its loss compares, for pixel objectives the image itself; – marks models that give no similarity or whose latent "
        "has more than a million numbers. Values are mean ± one sample standard deviation over runs.",
        common_caption(results, names, FAMILIES),
    )
    titles = ("Family", "Optimised for")
    title = "T5. Representational similarity and principal components by model."
    return Table("t5", title, caption, ("family", "model"), titles, T5_COLUMNS, tuple(rows), RUNS)


def _t5_cells(results: Results, family: Family, model: str) -> tuple[Cell, ...]:
    """Return the cells of one model."""
    runs = results.runs(family, model=model)
    tau = results.optional_cell(runs, f"rsa_tau/{model}")
    ps = [p for run in runs if (p := results.value(run, f"rsa_p/{model}")) is not None]
    median = Cell(statistics.median(ps), n=len(ps)) if ps else Cell(note=tau.note)
    baseline = results.runs(family, model=BASELINES[family])
    shares = [results.optional_cell(runs, f"pca_explained/{number}") for number in range(1, COMPONENTS + 1)]
    found = [share.value for share in shares if share.value is not None]
    return (
        tau,
        median,
        results.optional_cell(runs, f"rsa_tau_start/{model}"),
        results.optional_cell(baseline, f"rsa_tau/{model}") if tau.value is not None else Cell(note=tau.note),
        *shares,
        Cell(sum(found), n=shares[0].n) if found else shares[0],
    )


# ---------------------------------------------------------------- T6


T6_COLUMNS = (
    Column("difference", "Difference"),
    Column("ecdf_distance", "ECDF distance"),
    Column("effect", "d_z", digits=".2f"),
    Column("p", "p (permutation)", digits=".2g"),
    Column("p_holm", "p (Holm)", digits=".2g"),
    Column("bf10", "BF10", digits=".3g"),
    Column("bf_greater", "BF+0", digits=".3g"),
)


def build_t6(results: Results, names: Names, *, files: Iterable[Path]) -> Table:
    """Test each model against the pixel baseline: similarity under the model, and pixel error, over paired runs."""
    views = read_views(files)
    asked = [
        (family, model, quantity)
        for family in FAMILIES
        for model in results.models(family)
        if model != BASELINES[family]
        for quantity in (similarity_under(model), PIXELS)
    ]
    found = [_test(results, views, *one) for one in asked]
    corrected = holm([test.p if test else None for test, _ in found])
    rows = [
        Row(
            labels=(family, names.model(model), quantity.title),
            ids=(family, model, quantity.id),
            cells=_t6_cells(results, family, model, test, distance, p),
            group=f"{family}/{model}",
            compared=False,
        )
        for (family, model, quantity), (test, distance), p in zip(asked, found, corrected, strict=True)
    ]
    caption = captions.sentences(
        "Does optimising for a model give what fitting pixels gives? Runs of each model and of the pixel baseline (MAE for "
        "shapes, dual buffer for materials) are paired by scene, light and seed; differences are model − baseline of means "
        "over the views of the optimisation with fresh noise, on scales that scenes share: similarity is normalised as in T4 "
        "(0 start, 1 target again), pixel error (MAE) is relative to that of the start. ECDF distance: largest vertical distance "
        "(Kolmogorov–Smirnov) between the distributions of all single views, see F5. d_z: mean difference over its standard "
        "deviation. p: two-sided, random signs of the differences (exact up to 12 pairs, else 9999 draws); Holm's "
        "correction is over all rows. BF10: JZS Bayes factor of a paired t-test, Cauchy prior of scale 0.707; BF+0: its positive "
        "half only. Above 1 speaks for a difference, above 10 strongly, below 1 against one. Pairs are runs: seeds of a scene are "
        "not independent scenes, so the tests speak of these scenes and lights.",
        common_caption(results, names, FAMILIES),
    )
    keys, titles = ("family", "model", "quantity"), ("Family", "Optimised for", "Compared")
    title = "T6. Tests against the pixel baseline."
    return Table("t6", title, caption, keys, titles, T6_COLUMNS, tuple(rows), "Pairs")


def _test(
    results: Results, views: pl.DataFrame | None, family: Family, model: str, quantity: Quantity
) -> tuple[Comparison | None, float | None]:
    """Return the test of paired means, and the distance of the distributions of single views."""
    mine, other = paired(views, results.places(family), (model, BASELINES[family]), quantity)
    if not mine:
        return None, None
    differences = [statistics.fmean(a) - statistics.fmean(b) for a, b in zip(mine, other, strict=True)]
    seed = SeedStream(("metamers", "permutation", family, model, quantity.id)).seed(0)
    distance = ecdf_distance(*([value for run in side for value in run] for side in (mine, other)))
    return compare_pairs(differences, seed=seed), distance


def _t6_cells(
    results: Results,
    family: Family,
    model: str,
    test: Comparison | None,
    distance: float | None,
    p_holm: float | None,
) -> tuple[Cell, ...]:
    """Return the cells of one row, or why it is empty."""
    if test is None:
        return (_no_test(results, results.runs(family, model=model)),) * len(T6_COLUMNS)
    values = (test.mean, distance, test.effect, test.p, p_holm, test.bf10, test.bf_greater)
    return tuple(
        Cell(note=test.note or NOT_APPLICABLE) if value is None else Cell(value, n=test.n) for value in values
    )


def _no_test(results: Results, runs: Sequence[Expected]) -> Cell:
    """Say why a model has no pairs: blocked, not run, or no judge of its own."""
    if runs and runs[0].blocked:
        return blocked_cell(runs[0].blocked)
    return Cell(note=NOT_APPLICABLE) if any(run in results.values for run in runs) else Cell(note="not run")
