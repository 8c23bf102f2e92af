"""Claims: what a paper says, or what we ask of ourselves, in a form that metric rows can answer.

`config/claims/<paper>.yaml` lists them (docs/claims.md explains each key). A claim is checked in one of three
ways: a published number (`published`), a bound (`bound`), or a comparison of two measurements (`comparison`).
A whole published table is written once, under `tables`, and becomes one claim of kind value for each of its cells.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from rerender.core.errors import UserError
from rerender.reporting.yamlfile import explain, read_yaml

Kind = Literal["value", "plot", "qualitative", "order", "target"]
"""A printed number; a number read off a plot; words; an order of methods; or rerender's own target."""

Reading = Literal["stated", "inferred", "ours"]
"""Whether the source says so, we conclude so from code or context, or we ask so of ourselves."""

Relation = Literal[">", ">=", "<", "<="]
Take = Literal["mean", "median", "min", "max", "sd", "range"]
Axis = Literal["experiment", "scene", "envmap", "method", "representation", "variant", "seed", "view", "step"]
AXES: tuple[str, ...] = get_args(Axis)
Tier = Literal["smoke", "laptop", "paper"]

TEMPLATE = re.compile(r"\{(\w+)\}")
"""A column name in braces inside a metric name."""


def _known_columns(metric: str) -> str:
    """Refuse a name in braces that is not a column."""
    for name in TEMPLATE.findall(metric):
        if name not in AXES:
            raise ValueError(f"'{{{name}}}' is no column; allowed: {', '.join(AXES)}")
    return metric


class Frozen(BaseModel):
    """An immutable entry; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Frozen):
    """Where a claim comes from."""

    document: str
    place: str = Field(description="abstract, Table 2, Figure 5, a file name, …")
    page: int | None = None
    reading: Reading


class Published(Frozen):
    """The number that the paper printed."""

    value: float
    spread: float | None = Field(None, ge=0, description="as printed; says in `statement` what it is")
    unit: str = ""


class Reduction(Frozen):
    """One step of aggregation: `take` of the values that differ only in `over`."""

    over: tuple[Axis, ...] = Field(min_length=1)
    take: Take


class Among(Frozen):
    """Keep only the runs of which another metric passes a bound."""

    metric: str
    relation: Relation
    value: float

    _columns = field_validator("metric")(_known_columns)


class Selector(Frozen):
    """Which metric rows to take, and how they become one number a group.

    `metric` and `among.metric` may hold column names in braces: `similarity/{method}` is each run's
    similarity under its own model. Rows of single views and steps, and of variants other than `default`, are left out
    unless `where` asks for them. What `reduce` leaves is averaged.
    """

    metric: str
    where: dict[Axis, tuple[str | int, ...]] = Field(default_factory=dict)
    among: Among | None = None
    reduce: tuple[Reduction, ...] = ()

    @field_validator("where", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {key: item if isinstance(item, list | tuple) else [item] for key, item in value.items()}

    _columns = field_validator("metric")(_known_columns)

    def wanted(self, axis: str) -> tuple[str | int, ...]:
        """Return the values that `where` asks for in a column; empty if any will do."""
        return {str(name): values for name, values in self.where.items()}.get(axis, ())


class Bound(Frozen):
    """The measured number must be on one side of `value`; `close` and `trend` are looser bounds."""

    relation: Relation
    value: float
    close: float | None = None
    trend: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Bound:
        steps = [step for step in (self.value, self.close, self.trend) if step is not None]
        if steps != sorted(steps, reverse=self.relation in (">", ">=")):
            raise ValueError("`close` must be looser than `value`, and `trend` looser than `close`")
        return self


class Comparison(Frozen):
    """`left` must be above (or below) `right`: by `factor` and by `margin`; without them it is a trend."""

    left: Selector
    relation: Literal[">", "<"]
    right: Selector
    factor: float = Field(1.0, ge=1)
    margin: float = Field(0.0, ge=0)


class Tolerance(Frozen):
    """How far from a published value still is a match, and how far is close; relative to the value or not."""

    match: float = Field(0.05, ge=0)
    close: float = Field(0.15, ge=0)
    relative: bool = True


class Claim(Frozen):
    """One claim, its source, and how it is checked."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)+$")]
    artefact: str = Field(description="table or figure id that shows it: t2, f4, …")
    kind: Kind
    statement: str = Field(description="what is claimed, in our words")
    operationalisation: str = Field(
        "", description="how our numbers answer it; kinds value and plot need none"
    )
    source: Source
    tiers: tuple[Tier, ...] = ("laptop", "paper")
    for_each: tuple[Axis, ...] = Field((), description="it must hold in every group of these columns")
    select: Selector | None = None
    published: Published | None = None
    tolerance: Tolerance = Tolerance()
    direction: Literal["higher", "lower"] | None = Field(None, description="which way the number is better")
    bound: Bound | None = None
    comparison: Comparison | None = None
    needs: tuple[str, ...] = Field((), description="what may be missing here: weights, …")
    known_difference: str | None = Field(None, description="anchor in docs/known-differences.md")

    @model_validator(mode="after")
    def _one_check(self) -> Claim:
        if self.kind in ("value", "plot") and self.published is None:
            raise ValueError(f"kind {self.kind} needs `published`")
        if self.kind == "order" and self.comparison is None:
            raise ValueError("kind order needs `comparison`")
        if self.kind in ("qualitative", "target") and (self.bound is None) == (self.comparison is None):
            raise ValueError(f"kind {self.kind} needs either `bound` or `comparison`")
        if self.kind not in ("value", "plot"):
            if self.published is not None:
                raise ValueError(f"kind {self.kind} has no `published`; use kind value or plot")
            if not self.operationalisation:
                raise ValueError(f"kind {self.kind} must say its `operationalisation`")
        if (self.select is None) != (self.published is None and self.bound is None):
            raise ValueError("`select` goes with `published` and `bound`, and only with them")
        if (self.source.reading == "ours") != (self.kind == "target"):
            raise ValueError("kind target is for claims whose source reading is ours, and for no other")
        return self

    @property
    def paper(self) -> str:
        """The first part of the id."""
        return self.id.split(".", 1)[0]

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """Every selector of the claim."""
        pair = (self.comparison.left, self.comparison.right) if self.comparison else ()
        return (*((self.select,) if self.select else ()), *pair)


Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
Where = dict[Axis, str | int]


class TableColumn(Frozen):
    """A column of a published table, and the metric that answers it."""

    id: Name
    title: str
    metric: str
    unit: str = ""
    direction: Literal["higher", "lower"] | None = None
    rounding: float | None = Field(None, ge=0, description="half a unit of the last digit that was printed")
    needs: tuple[str, ...] = ()

    _columns = field_validator("metric")(_known_columns)


class TableRow(Frozen):
    """A row of a published table: its title there, which of our runs it is, and its numbers (null: not printed)."""

    id: Name
    title: str
    where: Where
    values: tuple[float | None, ...]


class PublishedTable(Frozen):
    """A published table. `where` holds for all of its rows."""

    id: Name = Field(description="as in the paper, and as our artefact: table1, …")
    title: str
    source: Source
    where: Where = Field(default_factory=dict)
    tiers: tuple[Tier, ...] = ("laptop", "paper")
    tolerance: Tolerance = Tolerance()
    known_difference: str | None = None
    columns: tuple[TableColumn, ...] = Field(min_length=1)
    rows: tuple[TableRow, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rectangular(self) -> PublishedTable:
        for row in self.rows:
            if len(row.values) != len(self.columns):
                raise ValueError(
                    f"row '{row.id}' has {len(row.values)} values for {len(self.columns)} columns"
                )
            twice = sorted(str(axis) for axis in row.where.keys() & self.where.keys())
            if twice:
                raise ValueError(f"row '{row.id}' and the table both say {', '.join(twice)}")
        return self

    def cells(self) -> Iterator[tuple[TableRow, TableColumn, float]]:
        """Yield the printed numbers, row by row."""
        for row in self.rows:
            for column, value in zip(self.columns, row.values, strict=True):
                if value is not None:
                    yield row, column, value

    def claims(self, paper: str) -> tuple[Claim, ...]:
        """Return one claim a printed number, called `<paper>.<table>.<row>.<column>`."""
        return tuple(self._claim(paper, *cell) for cell in self.cells())

    def _claim(self, paper: str, row: TableRow, column: TableColumn, value: float) -> Claim:
        """Return the claim of one cell."""
        where = {axis: (item,) for axis, item in {**self.where, **row.where}.items()}
        return Claim(
            id=f"{paper}.{self.id}.{row.id}.{column.id}",
            artefact=self.id,
            kind="value",
            statement=f"{self.title}, {row.title}: {column.title} is {value:.10g}{column.unit and ' '}{column.unit}.",
            source=self.source,
            tiers=self.tiers,
            select=Selector(metric=column.metric, where=where),
            published=Published(value=value, spread=column.rounding, unit=column.unit),
            tolerance=self.tolerance,
            direction=column.direction,
            needs=column.needs,
            known_difference=self.known_difference,
        )


class ClaimFile(Frozen):
    """The content of one file."""

    paper: str
    note: str = ""
    claims: tuple[Claim, ...] = ()
    tables: tuple[PublishedTable, ...] = ()

    @property
    def entries(self) -> tuple[Claim, ...]:
        """Every claim: those of the tables' cells, then the others."""
        cells = (claim for table in self.tables for claim in table.claims(self.paper))
        return (*cells, *self.claims)

    @model_validator(mode="after")
    def _consistent(self) -> ClaimFile:
        entries = self.entries
        if not entries:
            raise ValueError("there are no claims")
        counts = Counter(claim.id for claim in entries)
        repeated = sorted(name for name, count in counts.items() if count > 1)
        if repeated:
            raise ValueError(f"several claims are called {', '.join(repeated)}")
        foreign = [claim.id for claim in entries if claim.paper != self.paper]
        if foreign:
            raise ValueError(f"ids must begin with '{self.paper}.': {', '.join(foreign)}")
        return self


def load_claims(path: Path | str) -> ClaimFile:
    """Read one file of claims. Raises `UserError` that names every wrong key and value."""
    raw = read_yaml(Path(path))
    try:
        return ClaimFile.model_validate(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        told = "\n".join(explain(dict(problem), ClaimFile, raw) for problem in problems)
        raise UserError(f"{path}:\n{told}", "docs/claims.md explains each key.") from None


def load_all_claims(folder: Path | str) -> tuple[Claim, ...]:
    """Read every `*.yaml` of a folder, in name order."""
    paths = sorted(Path(folder).glob("*.yaml"))
    if not paths:
        raise UserError(
            f"no claims in {folder}", "A file of claims is called <paper>.yaml; see docs/claims.md."
        )
    return tuple(claim for path in paths for claim in load_claims(path).entries)


def claims_about(claims: tuple[Claim, ...], **columns: str | int | None) -> list[Claim]:
    """Return the claims for which a run with these column values counts, for example `scene="suzanne"`.

    `paper` is matched against the id; a column that a selector leaves open, or a value of None, matches.
    """
    paper = columns.pop("paper", None)

    def concerns(selector: Selector) -> bool:
        return all(
            value is None or value in (selector.wanted(name) or (value,)) for name, value in columns.items()
        )

    return [c for c in claims if paper in (None, c.paper) and any(map(concerns, c.selectors))]
