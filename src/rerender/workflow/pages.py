"""Markdown tables as HTML pages for the Snakemake report, which shows HTML but not Markdown.

Understands what our own writers produce: headings, paragraphs, pipe tables, lists, bold, italics and code.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from rerender.core.files import write_text

_STYLE = """\
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem; color: #222; background: #fff; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #888; }
tr:hover td { background: #f4f6fa; }
code { background: #f2f2f2; padding: 0 .2em; border-radius: 3px; }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #1b1b1b; } th, td { border-color: #444; }
  tr:hover td { background: #262a31; } code { background: #2a2a2a; }
}
"""


def write_page(out: Path | str, markdown: Path | str) -> None:
    """Write the Markdown file as a self-contained HTML page."""
    write_text(out, page(Path(markdown).read_text(encoding="utf-8"), title=Path(out).stem))


def page(markdown: str, title: str) -> str:
    """Return a Markdown text as an HTML page."""
    body = "\n".join(_blocks(markdown.splitlines()))
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    return f"<!doctype html>\n<html><head>{head}</head>\n<body>\n{body}\n</body></html>\n"


def _kind(line: str) -> str:
    if not line.strip():
        return "blank"
    if line.startswith("#"):
        return "heading"
    if line.startswith("|"):
        return "table"
    return "list" if line.startswith(("* ", "- ", "  ")) else "text"


def _blocks(lines: Iterable[str]) -> Iterator[str]:
    """Yield one HTML element a block of lines of one kind."""
    for kind, block in groupby(lines, _kind):
        content = list(block)
        if kind == "heading":
            for line in content:
                level = len(line) - len(line.lstrip("#"))
                yield f"<h{level}>{_inline(line.lstrip('# '))}</h{level}>"
        elif kind == "table":
            yield from _table(content)
        elif kind == "list":
            yield from _list(content)
        elif kind == "text":
            yield f"<p>{_inline(' '.join(content))}</p>"


def _table(lines: list[str]) -> Iterator[str]:
    rows = [_cells(line) for line in lines if not re.fullmatch(r"[|:\- ]+", line)]
    yield "<table>"
    for number, row in enumerate(rows):
        tag = "td" if number else "th"
        yield "<tr>" + "".join(f"<{tag}>{_inline(cell)}</{tag}>" for cell in row) + "</tr>"
    yield "</table>"


def _cells(line: str) -> list[str]:
    parts = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    return [part.strip().replace("\\|", "|") for part in parts]


def _list(lines: list[str]) -> Iterator[str]:
    items: list[str] = []
    for line in lines:
        if line.startswith(("* ", "- ")):
            items.append(line[2:])
        elif items:
            items[-1] += " " + line.strip()
    yield "<ul>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + "</ul>"


def _inline(text: str) -> str:
    escaped = html.escape(text, quote=False)
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    escaped = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escaped)
    return re.sub(r"(?<![\w*])\*([^\s*](?:[^*]*[^\s*])?)\*(?![\w*])", r"<em>\1</em>", escaped)
