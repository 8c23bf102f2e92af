"""From metric rows to the one number a group that a claim asks about: filter, aggregate, interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from rerender.core.errors import UserError
from rerender.reporting.claims import AXES, TEMPLATE, Among, Reduction, Relation, Selector

if TYPE_CHECKING:
    import polars as pl

Group = tuple[str | int | None, ...]
RUN = tuple(axis for axis in AXES if axis not in ("view", "step"))
"""The columns that tell runs apart."""


@dataclass(frozen=True)
class Measured:
    """One number: mean of the values left after aggregation, and its 95 % t-interval if there are several.

    `n` counts the runs behind it. Where there is no number, `missing` says why.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    missing: str = ""
    unit: str = ""
    run_ids: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()


def measure(
    rows: pl.DataFrame, selector: Selector, for_each: Sequence[str], blocked: Mapping[str, str]
) -> dict[Group, Measured]:
    """Return one number for each group of `for_each` values, in order.

    `rows` are the metric rows of one paper and tier. Groups are those with rows and those that the
    selector's `where` names; `blocked` maps a vision model to the reason why it cannot run here.
    """
    import polars as pl

    chosen = _filtered(rows, selector)
    found: dict[Group, pl.DataFrame] = {(): chosen}
    if for_each:
        found = dict(chosen.partition_by(for_each, as_dict=True, maintain_order=True))
    measured = {}
    if chosen.is_empty() and not all(map(selector.wanted, for_each)):
        return {(): Measured(None, missing=_why(chosen, selector, {}, blocked))}
    for group in dict.fromkeys([*_expected(selector, for_each), *sorted(found, key=repr)]):
        part = found.get(group, chosen.clear())
        values = part.filter(pl.col("value").is_not_null())
        if values.is_empty():
            named = dict(zip(for_each, group, strict=True))
            measured[group] = Measured(None, missing=_why(part, selector, named, blocked))
        else:
            measured[group] = _aggregated(values, selector.reduce)
    return measured


@dataclass(frozen=True)
class Paired:
    """Mean of left minus right over runs that differ in nothing but what is compared, and its 95 % t-interval.

    `ordered` of the `n` pairs are in the order asked for.
    """

    difference: float
    low: float
    high: float
    n: int
    ordered: int


def paired(rows: pl.DataFrame, left: Selector, relation: Relation, right: Selector) -> Paired | None:
    """Return the paired difference of two selections over all groups; None with fewer than two pairs.

    A pair has the same scene, light, seed and so on; of what is compared, such as the representation, each side
    takes its mean. Differences between scenes or lights do not widen the interval.
    """
    import polars as pl

    from rerender.reporting.tables import mean_cell, t_interval

    compared = {axis for axis in AXES if left.wanted(axis) != right.wanted(axis)}
    reduced = {axis for side in (left, right) for step in side.reduce for axis in step.over}
    keys = [axis for axis in AXES if axis not in compared | reduced]
    means = []
    for side in (left, right):
        frame = _filtered(rows, side).filter(pl.col("value").is_not_null()).select(*AXES, "value")
        means.append(_reduced(frame, side.reduce).group_by(keys).agg(pl.col("value").mean()))
    joined = means[0].join(means[1], on=keys, nulls_equal=True)
    differences = (joined["value"] - joined["value_right"]).to_list()
    cell = mean_cell(differences)
    half = t_interval(cell)
    if cell.value is None or half is None:
        return None
    ordered = sum(holds(difference, relation, 0.0) for difference in differences)
    return Paired(cell.value, cell.value - half, cell.value + half, cell.n, ordered)


def holds(value: float, relation: Relation, bound: float) -> bool:
    """Evaluate `value relation bound`."""
    return {
        ">": value > bound,
        ">=": value >= bound,
        "<": value < bound,
        "<=": value <= bound,
    }[relation]


def _metric_is(metric: str) -> pl.Expr:
    """Match the metric column against a name that may hold columns in braces."""
    import polars as pl

    pattern = TEMPLATE.sub("{}", metric)
    columns = [pl.col(name).cast(pl.String) for name in TEMPLATE.findall(metric)]
    wanted = pl.format(pattern, *columns) if columns else pl.lit(metric)
    return pl.col("metric") == wanted


def _filtered(rows: pl.DataFrame, selector: Selector) -> pl.DataFrame:
    """Apply a selector's metric, conditions and `among`."""
    import polars as pl

    chosen = rows.filter(_metric_is(selector.metric))
    conditions: dict[str, tuple[str | int, ...]] = {"variant": ("default",)}
    conditions.update({str(axis): values for axis, values in selector.where.items()})
    for axis, values in conditions.items():
        numeric = axis in ("seed", "view", "step")
        wrong = [value for value in values if isinstance(value, int) != numeric]
        if wrong:
            raise UserError(f"claims: {axis} {wrong[0]!r} is not {'a number' if numeric else 'a text'}")
        chosen = chosen.filter(pl.col(axis).is_in(list(values)))
    for axis in ("view", "step"):
        if axis not in conditions:
            chosen = chosen.filter(pl.col(axis).is_null())
    if selector.among is not None:
        chosen = chosen.join(_runs_among(rows, selector.among), on=RUN, how="semi")
    return chosen


def _runs_among(rows: pl.DataFrame, among: Among) -> pl.DataFrame:
    """Return the run columns of the runs whose other metric passes the bound."""
    import polars as pl

    value = pl.col("value")
    passes = {
        ">": value > among.value,
        ">=": value >= among.value,
        "<": value < among.value,
        "<=": value <= among.value,
    }[among.relation]
    summary = pl.col("view").is_null() & pl.col("step").is_null()
    return rows.filter(_metric_is(among.metric) & summary & passes).select(RUN)


def _expected(selector: Selector, for_each: Sequence[str]) -> Iterable[Group]:
    """Return the groups that `where` names in full, whether or not they ran."""
    lists = [selector.wanted(axis) for axis in for_each]
    return product(*lists) if for_each and all(lists) else ()


def _aggregated(values: pl.DataFrame, reductions: Sequence[Reduction]) -> Measured:
    """Apply the reductions in order, then average what is left."""
    from rerender.reporting.tables import mean_cell, t_interval

    told = {
        "n": values.select("run_id", "seed").n_unique(),  # a job may run several seeds
        "unit": values["unit"][0],
        "run_ids": tuple(sorted(values["run_id"].unique())),
        "assets": tuple(sorted(values["assets"].unique())),
        "backends": tuple(sorted(values["backend"].unique())),
    }
    frame = _reduced(values.select(*AXES, "value"), reductions)
    if frame.is_empty():
        over = " and ".join(axis for reduction in reductions for axis in reduction.over)
        return Measured(None, missing=f"not run: fewer than two values of {over}", **told)
    cell = mean_cell(frame["value"].to_list())
    half = t_interval(cell)
    mean = cell.value
    if mean is None or half is None:
        return Measured(mean, **told)
    return Measured(mean, mean - half, mean + half, **told)


def _reduced(frame: pl.DataFrame, reductions: Sequence[Reduction]) -> pl.DataFrame:
    """Apply the reductions to axes and values in order; what has too few values is left out."""
    import polars as pl

    for reduction in reductions:
        keys = [name for name in frame.columns if name not in (*reduction.over, "value")]
        taken = _taken(reduction)
        frame = frame.group_by(keys, maintain_order=True).agg(taken) if keys else frame.select(taken)
        frame = frame.filter(pl.col("value").is_not_null())
    return frame


def _taken(reduction: Reduction) -> pl.Expr:
    """Return the aggregate of one reduction; a spread of fewer than two values is null."""
    import polars as pl

    value = pl.col("value")
    spread = pl.when(pl.len() > 1).then(value.max() - value.min())
    return {
        "mean": value.mean(),
        "median": value.median(),
        "min": value.min(),
        "max": value.max(),
        "sd": value.std(),
        "range": spread,
    }[reduction.take].alias("value")


def _why(
    part: pl.DataFrame, selector: Selector, group: Mapping[str, str | int | None], blocked: Mapping[str, str]
) -> str:
    """Say why a group has no value: the rows' own reason, a blocked model, or not run."""
    from rerender.reporting.captions import blocked_text

    reasons = [reason for reason in part["reason"].to_list() if reason]
    if reasons:
        return str(reasons[0])
    judge = selector.metric.rpartition("/")[2]
    if judge in blocked:
        return blocked_text(blocked[judge])
    methods = [group["method"]] if "method" in group else list(selector.wanted("method"))
    if methods and all(method in blocked for method in methods):
        return blocked_text(blocked[str(methods[0])])
    return "not run"
