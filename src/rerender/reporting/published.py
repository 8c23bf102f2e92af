"""Published tables as numbers, for "ours beside the paper's". They are written once, in `config/claims/<paper>.yaml`.

tables = load_published("config/claims/envmaps.yaml")
published_value(tables, "table1", "siren", "env_psnr")     # 14.56471
published_value(tables, "table1", "siren", "env/psnr")     # the same: a column by its metric
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rerender.core.errors import UserError, unknown_name
from rerender.reporting.claims import PublishedTable, TableColumn, TableRow, load_claims

Tables = Mapping[str, PublishedTable]
"""Published tables by id."""


def load_published(path: Path | str) -> Tables:
    """Read the published tables of one paper's file of claims."""
    return {table.id: table for table in load_claims(path).tables}


def published_value(tables: Tables, table: str, row: str, column: str) -> float | None:
    """Return the printed number of one cell, or None where the paper left it empty.

    `row` is a row's id, `column` a column's id or its metric. Unknown names raise `UserError`.
    """
    found = _table(tables, table)
    return _row(found, row).values[found.columns.index(_column(found, column))]


def published_by_run(tables: Tables, table: str, column: str, **where: str | int) -> float | None:
    """Return the printed number that answers runs with these columns, or None where the paper has none.

    For example `published_by_run(tables, "table3", "env/psnr", scene="bunny_r050", representation="siren")`.
    A name that neither the row nor the table fixes, such as a seed, is left out of the comparison.
    """
    found = _table(tables, table)
    index = found.columns.index(_column(found, column))
    matching = [row for row in found.rows if _answers(found, row, where)]
    if len(matching) > 1:
        rows = ", ".join(row.id for row in matching)
        raise UserError(f"several rows of {table} answer {where}: {rows}", "Name more columns.")
    return matching[0].values[index] if matching else None


def _answers(table: PublishedTable, row: TableRow, where: Mapping[str, str | int]) -> bool:
    fixed = {str(axis): value for axis, value in {**table.where, **row.where}.items()}
    return all(fixed.get(axis, value) == value for axis, value in where.items())


def _table(tables: Tables, name: str) -> PublishedTable:
    if name not in tables:
        raise unknown_name("published table", name, tables)
    return tables[name]


def _row(table: PublishedTable, name: str) -> TableRow:
    rows = {row.id: row for row in table.rows}
    if name not in rows:
        raise unknown_name(f"row of {table.id}", name, rows)
    return rows[name]


def _column(table: PublishedTable, name: str) -> TableColumn:
    for column in table.columns:
        if name in (column.id, column.metric):
            return column
    raise unknown_name(f"column of {table.id}", name, [column.id for column in table.columns])
