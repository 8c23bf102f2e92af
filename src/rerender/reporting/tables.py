"""One writer for publication tables: `.parquet`, `.csv`, `.md` and `.tex` with the same numbers.

A `Table` is rows of labels and cells. A cell is a mean with its spread and count, or text, or the reason
why there is no value. Parquet and CSV hold full precision (columns `key`, `key_sd`, `key_ci95`, `key_median`, `key_note`, …);
Markdown and LaTeX (booktabs, nothing else) hold what a paper prints: rounded, mean ± SD, best in bold.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rerender.core.files import atomic_path, write_text
from rerender.reporting.captions import blocked_text
from rerender.reporting.rows import Better

if TYPE_CHECKING:
    import pandas as pd

ARROWS: Mapping[str, str] = {"higher": "↑", "lower": "↓", "none": ""}
NOT_APPLICABLE = "not applicable"
SUFFIXES = (".parquet", ".csv", ".md", ".tex")


@dataclass(frozen=True)
class Cell:
    """A number (mean of `n`, sample standard deviation `sd`, median), or `text`, or a `note` why there is neither.

    `beside` is a second number printed in parentheses, such as a raw value beside a normalised one.
    """

    value: float | None = None
    sd: float | None = None
    n: int = 0
    beside: float | None = None
    text: str | None = None
    note: str | None = None
    best: bool = False
    median: float | None = None


@dataclass(frozen=True)
class Column:
    """A column of cells: `key` in data files, `title` [unit] and arrow in print, and how it is rounded."""

    key: str
    title: str
    unit: str = ""
    better: Better = "none"
    digits: str = ".3f"
    beside: str = ""

    @property
    def heading(self) -> str:
        """Return title, unit and arrow as printed."""
        unit = f" [{self.unit}]" if self.unit else ""
        arrow = f" {ARROWS[self.better]}" if ARROWS[self.better] else ""
        return f"{self.title}{unit}{arrow}"


@dataclass(frozen=True)
class Row:
    """Printed labels, one cell a column, and the group: rows of one group are compared with each other.

    `ids` are the labels of the data files; empty means the same as `labels`.
    """

    labels: tuple[str, ...]
    cells: tuple[Cell, ...]
    group: str = ""
    ids: tuple[str, ...] = ()
    compared: bool = True


@dataclass(frozen=True)
class Table:
    """A publication table. `label_keys` name the label columns in data files, `label_titles` in print.

    With a `count_title` the table shows how many runs each row is a mean of; data files call that `n`.
    """

    id: str
    title: str
    caption: str
    label_keys: tuple[str, ...]
    label_titles: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    count_title: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.labels) != len(self.label_keys) or len(row.cells) != len(self.columns):
                raise ValueError(f"table {self.id}: row {row.labels} does not fit the columns")


def mean_cell(values: Iterable[float | None], notes: Iterable[str | None] = ()) -> Cell:
    """Average the values that exist; where none does, keep the first reason."""
    numbers = [float(value) for value in values if value is not None]
    if not numbers:
        return Cell(note=next((note for note in notes if note), "not run"))
    if len(numbers) == 1:
        return Cell(value=numbers[0], n=1)
    spread, median = statistics.stdev(numbers), statistics.median(numbers)
    return Cell(value=statistics.fmean(numbers), sd=spread, median=median, n=len(numbers))


def t_interval(cell: Cell, level: float = 0.95) -> float | None:
    """Return the half-width of the t-interval of the mean, or None with fewer than two values."""
    from scipy.stats import t

    if cell.sd is None or cell.n < 2:
        return None
    return float(t.ppf(0.5 + level / 2, cell.n - 1)) * cell.sd / math.sqrt(cell.n)


def format_number(value: float, digits: str) -> str:
    """Round for print: `digits` is a format such as `.3f`; a negative zero loses its sign."""
    text = format(value, digits)
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def cell_text(cell: Cell, column: Column, row_n: int | None = None) -> str:
    """Return the printed cell; `n` is added where it differs from the row's."""
    if cell.text is not None:
        return cell.text
    if cell.value is None:
        note = cell.note or NOT_APPLICABLE
        text = "–" if note == NOT_APPLICABLE else note
        return text if cell.beside is None else f"{text} ({format_number(cell.beside, column.digits)})"
    text = format_number(cell.value, column.digits)
    if cell.sd is not None:
        text += f" ± {format_number(cell.sd, column.digits)}"
    if cell.beside is not None:
        text += f" ({format_number(cell.beside, column.digits)})"
    if row_n is not None and cell.n != row_n:
        text += f" [n={cell.n}]"
    return text


def row_count(row: Row) -> int | None:
    """Return the largest `n` of the row's cells, or None when no cell has a number."""
    return max((cell.n for cell in row.cells if cell.value is not None), default=None)


def mark_best(table: Table) -> Table:
    """Mark the best value of each column within each group; values that print alike share the mark.

    Rows that are not `compared` (references) neither win nor lose. A single value is not marked.
    """
    rows = [list(row.cells) for row in table.rows]
    for index, column in enumerate(table.columns):
        if column.better == "none":
            continue
        for group in {row.group for row in table.rows}:
            found = [
                (number, row.cells[index])
                for number, row in enumerate(table.rows)
                if row.group == group and row.compared and row.cells[index].value is not None
            ]
            for number in _winners(found, column):
                rows[number][index] = replace(rows[number][index], best=True)
    marked = tuple(replace(row, cells=tuple(cells)) for row, cells in zip(table.rows, rows, strict=True))
    return replace(table, rows=marked)


def _winners(found: Sequence[tuple[int, Cell]], column: Column) -> list[int]:
    """Return the row numbers of the best values, none when fewer than two are compared or all print alike."""
    values = [(number, cell.value) for number, cell in found if cell.value is not None]
    if len(values) < 2:
        return []
    pick = max if column.better == "higher" else min
    best = format_number(pick(value for _, value in values), column.digits)
    winners = [number for number, value in values if format_number(value, column.digits) == best]
    return winners if len(winners) < len(values) else []


def shared_note(row: Row) -> str | None:
    """Return the reason that all cells of a row share, if there is one."""
    notes = {cell.note for cell in row.cells}
    return notes.pop() if len(notes) == 1 else None


def data_columns(table: Table) -> dict[str, list[Any]]:
    """Return the table as columns of plain values at full precision, for Parquet and CSV.

    `note` is the reason why a whole row is empty, `key_note` why a single cell is. `key_n` exists where a
    column has cells that are means of fewer values than their row.
    """
    columns: dict[str, list[Any]] = {
        key: [(row.ids or row.labels)[index] for row in table.rows]
        for index, key in enumerate(table.label_keys)
    }
    if table.count_title:
        columns["n"] = [row_count(row) or 0 for row in table.rows]
    for index, column in enumerate(table.columns):
        columns.update(_data_of(column, [(row, row.cells[index]) for row in table.rows], table))
    notes = [shared_note(row) for row in table.rows]
    return columns | ({"note": notes} if any(notes) else {})


def _data_of(column: Column, cells: Sequence[tuple[Row, Cell]], table: Table) -> dict[str, list[Any]]:
    """Return value, spread, interval, median, number beside, count and reason; leave out what no cell has."""
    if any(cell.text is not None for _, cell in cells):
        return {column.key: [cell.text for _, cell in cells]}
    found: dict[str, list[Any]] = {column.key: [cell.value for _, cell in cells]}
    if any(cell.sd is not None for _, cell in cells):
        found[f"{column.key}_sd"] = [cell.sd for _, cell in cells]
        found[f"{column.key}_ci95"] = [t_interval(cell) for _, cell in cells]
        found[f"{column.key}_median"] = [cell.median for _, cell in cells]
    if column.beside:
        found[f"{column.key}_{column.beside}"] = [cell.beside for _, cell in cells]
    if any(cell.value is not None and cell.n != row_count(row) for row, cell in cells):
        found[f"{column.key}_n"] = [cell.n for _, cell in cells]
    notes = [None if shared_note(row) else cell.note for row, cell in cells]
    return found | ({f"{column.key}_note": notes} if any(notes) else {})


def headings(table: Table) -> list[str]:
    """Return the printed headings of all columns."""
    count = [table.count_title] if table.count_title else []
    return [*table.label_titles, *count, *(column.heading for column in table.columns)]


def print_frame(table: Table) -> pd.DataFrame:
    """Return the printed texts as a pandas table, without marks of the best."""
    import pandas as pd

    texts = []
    for row in table.rows:
        number = row_count(row)
        count = [str(number or "–")] if table.count_title else []
        cells = [
            cell_text(cell, column, number) for cell, column in zip(row.cells, table.columns, strict=True)
        ]
        texts.append([*row.labels, *count, *cells])
    return pd.DataFrame(texts, columns=headings(table))


def printed_rows(table: Table) -> list[tuple[Row, list[str], list[str]]]:
    """Return each row with its printed head (labels and count) and its printed cells."""
    head = len(table.label_titles) + bool(table.count_title)
    lines = print_frame(table).itertuples(index=False, name=None)
    return [
        (row, list(texts[:head]), list(texts[head:])) for row, texts in zip(table.rows, lines, strict=True)
    ]


def to_markdown(table: Table) -> str:
    """Return title, table and caption as Markdown. A reason that a whole row shares is written once."""
    titles = headings(table)
    left = len(table.label_titles)
    lines = [_md_line(titles), "|" + " :-- |" * left + " --: |" * (len(titles) - left)]
    for row, head, cells in printed_rows(table):
        if shared_note(row):
            cells = [cells[0], *["″"] * (len(cells) - 1)]
        marked = [f"**{text}**" if cell.best else text for cell, text in zip(row.cells, cells, strict=True)]
        lines.append(_md_line([*head, *marked]))
    return f"**{table.title}**\n\n" + "\n".join(lines) + f"\n\n{table.caption}\n"


def _md_line(texts: Iterable[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"


_LATEX: Mapping[str, str] = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "−": r"$-$",
    "²": r"$^2$",
    "³": r"$^3$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "‖": r"$\|$",
    "η": r"$\eta$",
    "τ": r"$\tau$",
    "Δ": r"$\Delta$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def latex_escape(text: str) -> str:
    """Escape text for LaTeX; arrows and signs become mathematics."""
    return "".join(_LATEX.get(letter, letter) for letter in text)


def to_latex(table: Table) -> str:
    """Return a `table` environment that needs only `\\usepackage{booktabs}`."""
    titles = headings(table)
    left = len(table.label_titles)
    lines = [
        f"% {table.id}: needs \\usepackage{{booktabs}}",
        "\\begin{table}",
        "\\centering",
        "\\scriptsize",
        "\\setlength{\\tabcolsep}{3pt}",
        f"\\caption{{\\textbf{{{latex_escape(table.title)}}} {latex_escape(table.caption)}}}",
        f"\\label{{tab:{table.id}}}",
        f"\\begin{{tabular}}{{{'l' * left}{'r' * (len(titles) - left)}}}",
        "\\toprule",
        _latex_line(map(latex_escape, titles)),
        "\\midrule",
    ]
    group = table.rows[0].group if table.rows else ""
    for row, head, cells in printed_rows(table):
        if row.group != group:
            group = row.group
            lines.append("\\midrule")
        lines.append(_latex_line([*map(latex_escape, head), *_latex_cells(row, cells)]))
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", "\\end{table}", ""])


def _latex_line(texts: Iterable[str]) -> str:
    return " & ".join(texts) + r" \\"


def _latex_cells(row: Row, texts: Sequence[str]) -> list[str]:
    """Return the cells of a row; a reason that all of them share is written once, across them."""
    escaped = [latex_escape(text) for text in texts]
    if shared_note(row):
        return [rf"\multicolumn{{{len(escaped)}}}{{c}}{{{escaped[0]}}}"]
    return [
        rf"\textbf{{{text}}}" if cell.best else text for cell, text in zip(row.cells, escaped, strict=True)
    ]


def write_table(table: Table, out_stem: Path | str) -> tuple[Path, ...]:
    """Write all formats beside each other; `out_stem` is the path without a suffix. Each file is atomic."""
    import pandas as pd
    import polars as pl

    paths = tuple(Path(f"{out_stem}{suffix}") for suffix in SUFFIXES)
    columns = data_columns(table)
    with atomic_path(paths[0]) as partial:
        pl.DataFrame(columns, strict=False, infer_schema_length=None).write_parquet(partial)
    write_text(paths[1], pd.DataFrame(columns).to_csv(index=False, lineterminator="\n"))
    write_text(paths[2], to_markdown(table))
    write_text(paths[3], to_latex(table))
    return paths


def blocked_cell(reason: str) -> Cell:
    """Return a cell that says `blocked (<reason>)`."""
    return Cell(note=blocked_text(reason))
