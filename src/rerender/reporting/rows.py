"""Metric rows: one measured value a row, with everything needed to find the run behind it.

A job writes the rows of one run to `metrics.json` (a JSON list, one row a line, under 1 MB) or those of many runs to
`metrics.parquet`; `aggregate` joins all of them into one `metrics.parquet`. The schema is checked on write and on read. A value is a finite
float64 in `unit`, or null with a `reason` ("blocked (weights)", "no foreground", …).
`view` and `step` are null for the number that tables print: the best state, averaged over views.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from rerender.core.errors import UserError
from rerender.core.files import atomic_path, write_text

if TYPE_CHECKING:
    import polars as pl

Better = Literal["higher", "lower", "none"]
Assets = Literal["original", "mirror", "standin"]
BETTER: tuple[str, ...] = get_args(Better)
ASSETS: tuple[str, ...] = get_args(Assets)
MAX_BYTES = 1_000_000
"""Snakemake compares inputs under 1 MB by checksum, so metric files stay below it."""


class SchemaError(UserError):
    """A metric row, or a file of them, that breaks the schema."""


@dataclass(frozen=True, kw_only=True)
class MetricRow:
    """One value and its address. Field order is column order."""

    paper: str
    experiment: str
    scene: str
    envmap: str
    method: str
    representation: str
    variant: str = "default"
    seed: int
    view: int | None = None
    step: int | None = None
    metric: str
    value: float | None
    unit: str = ""
    better: Better = "none"
    n: int = 1
    tier: str
    backend: str
    device: str
    run_id: str
    code: str
    stack: str
    reason: str | None = None
    assets: Assets

    def __post_init__(self) -> None:
        problems = problems_of(asdict(self))
        if problems:
            raise SchemaError(
                f"metric row '{self.metric}': {'; '.join(problems)}", "Correct the row's fields."
            )


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(MetricRow))
KEY: tuple[str, ...] = (*COLUMNS[: COLUMNS.index("metric") + 1], "tier")
"""The columns that name a value; no two rows may agree in all of them."""

_INTEGERS = frozenset({"seed", "n"})
_OPTIONAL_INTEGERS = frozenset({"view", "step"})
_MAY_BE_EMPTY = frozenset({"unit"})


@dataclass(frozen=True)
class Metric:
    """What a metric name stands for: table heading, unit, and which way is better."""

    title: str
    unit: str = ""
    better: Better = "none"


METRICS: Mapping[str, Metric] = {
    "mae": Metric("MAE", "", "lower"),
    "mse": Metric("MSE", "", "lower"),
    "psnr": Metric("PSNR", "dB", "higher"),
    "ssim": Metric("SSIM", "", "higher"),
    "nlpd": Metric("NLPD", "", "lower"),
    "lpips": Metric("LPIPS", "", "lower"),
    "chamfer_l1": Metric("Chamfer", "scene units", "lower"),
    "chamfer_l2sq": Metric("Chamfer (squared)", "scene units²", "lower"),
    "chamfer_start": Metric("Chamfer at start", "scene units", "none"),
    "chamfer_ratio": Metric("Chamfer, start / final", "×", "higher"),
    "hausdorff": Metric("Hausdorff", "scene units", "lower"),
    "hausdorff95": Metric("Hausdorff 95 %", "scene units", "lower"),
    "normal_consistency": Metric("Normal consistency", "", "higher"),
    "silhouette_iou": Metric("Silhouette IoU", "", "higher"),
    "f_score": Metric("F-score", "", "higher"),
    "volume": Metric("Volume", "scene units³"),
    "vertices": Metric("Vertices"),
    "faces": Metric("Faces"),
    "texture_psnr": Metric("Texture PSNR", "dB", "higher"),
    "texture_rmse": Metric("Texture RMSE", "", "lower"),
    "bsdf_slice_error": Metric("BSDF slices, log RMSE", "", "lower"),
    "loss_first": Metric("First loss"),
    "loss_best": Metric("Best loss"),
    "loss_last": Metric("Last loss"),
    "best_iteration": Metric("Best iteration"),
    "iterations": Metric("Iterations"),
    "wall_s": Metric("Wall time", "s", "lower"),
    "cpu_s": Metric("CPU time", "s", "lower"),
    "peak_memory_mb": Metric("Peak memory", "MB", "lower"),
    "stop_reason": Metric("Stopped because"),
}
_FAMILIES: Mapping[str, Metric] = {
    "similarity": Metric("Similarity", "", "higher"),
    "similarity_start": Metric("Similarity of the start"),
    "similarity_ceiling": Metric("Noise ceiling of the similarity"),
    "similarity_normalised": Metric("Normalised similarity", "", "higher"),
    "rsa_tau": Metric("RSA: Kendall's τ", "", "higher"),
    "rsa_tau_start": Metric("RSA of the start: Kendall's τ"),
    "rsa_p": Metric("RSA: p"),
    "class_probability": Metric("Probability of its class", "", "higher"),
    "class_probability_start": Metric("Probability of its class, start"),
    "class_probability_target": Metric("Probability of its class, target"),
    "pca_explained": Metric("Variance explained by component"),
    "abs_error": Metric("Absolute error", "", "lower"),
    "value": Metric("Recovered value"),
    "start": Metric("Start value"),
    "truth": Metric("True value"),
}


def describe_metric(name: str) -> Metric:
    """Return title, unit and direction of a metric; `family/member` and `…_masked` names are understood."""
    family, slash, member = name.partition("/")
    if slash and family in _FAMILIES:
        known = _FAMILIES[family]
        return Metric(f"{known.title}: {member}", known.unit, known.better)
    base = name.removesuffix("_masked")
    if base in METRICS:
        known = METRICS[base]
        return known if base == name else Metric(f"{known.title} (masked)", known.unit, known.better)
    return Metric(name)


@dataclass(frozen=True, kw_only=True)
class RowContext:
    """The columns that all rows of one run share. `row` adds the measured part."""

    paper: str
    experiment: str
    scene: str
    envmap: str
    method: str
    representation: str
    variant: str = "default"
    seed: int
    tier: str
    backend: str
    device: str
    run_id: str
    code: str
    stack: str
    assets: Assets

    def row(
        self,
        metric: str,
        value: float | None,
        *,
        reason: str | None = None,
        n: int = 1,
        view: int | None = None,
        step: int | None = None,
        unit: str | None = None,
        better: Better | None = None,
    ) -> MetricRow:
        """Make one row; unit and direction come from `describe_metric` unless given."""
        known = describe_metric(metric)
        return MetricRow(
            **asdict(self),
            metric=metric,
            value=None if value is None else float(value),
            reason=reason,
            n=n,
            view=view,
            step=step,
            unit=known.unit if unit is None else unit,
            better=known.better if better is None else better,
        )


def problems_of(row: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with one row given as a mapping; an empty list means that it is valid."""
    missing = [name for name in COLUMNS if name not in row]
    unknown = [name for name in row if name not in COLUMNS]
    problems = [f"missing column {name}" for name in missing] + [f"unknown column {name}" for name in unknown]
    if problems:
        return problems
    for name in COLUMNS:
        problems.extend(_field_problems(name, row[name]))
    if row["value"] is None and not row["reason"]:
        problems.append("value is null without a reason")
    return problems


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _field_problems(name: str, value: Any) -> list[str]:
    """Check one field against its type and range."""
    if name == "value":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and math.isfinite(value)):
            return [f"value is {value!r}; it must be a finite number, or null with a reason"]
    elif name in _INTEGERS or name in _OPTIONAL_INTEGERS:
        if not (_is_int(value) or (value is None and name in _OPTIONAL_INTEGERS)):
            return [f"{name} is {value!r}; it must be an integer"]
        if name == "n" and value < 1:
            return [f"n is {value}; it must be at least 1"]
    elif name == "reason":
        if value is not None and not isinstance(value, str):
            return [f"reason is {value!r}; it must be text or null"]
    elif not isinstance(value, str) or (not value and name not in _MAY_BE_EMPTY):
        return [f"{name} is {value!r}; it must be text"]
    elif name == "better" and value not in BETTER:
        return [f"better is '{value}'; allowed: {', '.join(BETTER)}"]
    elif name == "assets" and value not in ASSETS:
        return [f"assets is '{value}'; allowed: {', '.join(ASSETS)}"]
    return []


def polars_schema() -> dict[str, pl.DataType]:
    """Return the column types of `metrics.parquet`."""
    import polars as pl

    def column(name: str) -> pl.DataType:
        if name == "value":
            return pl.Float64()
        return pl.Int64() if name in _INTEGERS | _OPTIONAL_INTEGERS else pl.String()

    return {name: column(name) for name in COLUMNS}


def write_rows(path: Path | str, rows: Sequence[MetricRow]) -> None:
    """Write rows to `metrics.json`, atomically and in a fixed order.

    Raises `SchemaError` when there are none, when two rows name the same value, or above 1 MB.
    """
    if not rows:
        raise SchemaError(
            f"no metric rows to write to {path}", "A run without values must say why in a row's reason."
        )
    records = sorted((asdict(row) for row in rows), key=_order)
    _refuse_repeats(records, str(path))
    lines = ",\n".join(json.dumps(record, ensure_ascii=False, allow_nan=False) for record in records)
    text = f"[\n{lines}\n]\n"
    if len(text.encode()) >= MAX_BYTES:
        raise SchemaError(
            f"{len(rows)} metric rows make {path} {len(text.encode()) / 1e6:.1f} MB",
            "Rows of one run must stay below 1 MB: keep per-view and per-step series in trace.parquet.",
        )
    write_text(path, text)


def read_rows(paths: Path | str | Iterable[Path | str]) -> pl.DataFrame:
    """Read and check one or more files of rows, `.json` or `.parquet`; return all rows in a fixed order.

    The order of the paths does not matter. Raises `SchemaError` naming file, row and column.
    """
    sources = [paths] if isinstance(paths, str | Path) else list(paths)
    records = [record for source in sources for record in _read_records(Path(source))]
    return _frame(records, "the files together" if len(sources) > 1 else str(sources[0] if sources else ""))


def write_table(path: Path | str, rows: Iterable[MetricRow]) -> None:
    """Write the rows of many runs to a `.parquet`, atomically and in a fixed order.

    Raises `SchemaError` when there are none, or when two rows name the same value.
    """
    frame = _frame([asdict(row) for row in rows], str(path))
    if frame.is_empty():
        raise SchemaError(f"no metric rows to write to {path}")
    with atomic_path(path) as partial:
        frame.write_parquet(partial)


def _frame(records: list[dict[str, Any]], where: str) -> pl.DataFrame:
    """Return checked records as a table in a fixed order."""
    import polars as pl

    records.sort(key=_order)
    _refuse_repeats(records, where)
    columns = {name: [record[name] for record in records] for name in COLUMNS}
    columns["value"] = [None if value is None else float(value) for value in columns["value"]]
    return pl.DataFrame(columns, schema=polars_schema())


def aggregate(paths: Iterable[Path | str], out: Path | str) -> pl.DataFrame:
    """Join files of rows into one `metrics.parquet`; return the table."""
    frame = read_rows(paths)
    with atomic_path(out) as partial:
        frame.write_parquet(partial)
    return frame


def read_metrics(path: Path | str) -> pl.DataFrame:
    """Read `metrics.parquet` and check columns, types, null values and repeats."""
    import polars as pl

    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SchemaError(f"{path} cannot be read: {error}", _again(path)) from error
    wanted = polars_schema()
    if dict(frame.schema) != wanted:
        wrong = sorted(set(frame.schema.items()) ^ set(wanted.items()), key=str)
        raise SchemaError(f"{path} does not have the columns of a metrics table: {wrong}", _again(path))
    silent = frame.filter(pl.col("value").is_null() & (pl.col("reason").fill_null("") == ""))
    infinite = frame.filter(pl.col("value").is_not_null() & ~pl.col("value").is_finite())
    if silent.height or infinite.height:
        raise SchemaError(
            f"{path} has {silent.height} nulls without a reason, {infinite.height} non-finite values",
            _again(path),
        )
    if frame.select(KEY).is_duplicated().any():
        raise SchemaError(f"{path} has several rows for the same value", _again(path))
    return frame


def _read_records(path: Path) -> list[dict[str, Any]]:
    """Read one file of rows and check each of them."""
    if path.suffix == ".parquet":
        return read_metrics(path).to_dicts()
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SchemaError(f"{path} cannot be read as metric rows: {error}", _again(path)) from error
    if not isinstance(records, list):
        raise SchemaError(f"{path} is not a list of metric rows", _again(path))
    for index, record in enumerate(records):
        problems = problems_of(record) if isinstance(record, dict) else ["not a mapping"]
        if problems:
            raise SchemaError(f"{path}, row {index}: {'; '.join(problems)}", _again(path))
    return records


def _again(path: Path | str) -> str:
    return f"Delete {path} and make it again: snakemake {path}"


def _order(record: Mapping[str, Any]) -> tuple[tuple[bool, Any], ...]:
    """Sort key in column order; null sorts after any number."""
    return tuple((record[name] is None, "" if record[name] is None else record[name]) for name in KEY)


def _refuse_repeats(records: Sequence[Mapping[str, Any]], where: str) -> None:
    """Refuse two rows with the same key; `records` are sorted."""
    for before, after in itertools.pairwise(records):
        if all(before[name] == after[name] for name in KEY):
            name = "/".join(str(before[key]) for key in KEY)
            raise SchemaError(
                f"two metric rows name the same value in {where}: {name}", "Write each value once."
            )
