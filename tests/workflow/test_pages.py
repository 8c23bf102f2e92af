"""Markdown tables as pages for the report."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from rerender.workflow.pages import page, write_page

TEXT = """# Verdicts (smoke)

Two claims: 1 *match*, 1 **differs**. A < B & C, 2 * 3 * 4.

| Claim | Why |
|:---|---:|
| `a.b` | 1 \\| 2 |
| c | **bold** |

* one
  Checked: more of one
* two
"""


class Reader(HTMLParser):
    """Collects the elements and their text, and checks that they nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.found.append((self.open[-1], data))


def read(text: str) -> list[tuple[str, str]]:
    reader = Reader()
    reader.feed(page(text, "t"))
    assert not reader.open
    return reader.found


def test_blocks_and_inline_marks() -> None:
    found = read(TEXT)
    for element in [
        ("h1", "Verdicts (smoke)"),
        ("em", "match"),
        ("strong", "differs"),
        ("th", "Claim"),
        ("code", "a.b"),
        ("td", "1 | 2"),
        ("li", "one Checked: more of one"),
        ("li", "two"),
    ]:
        assert element in found


def test_text_is_escaped_and_plain_stars_stay() -> None:
    words = " ".join(text for _, text in read(TEXT))
    assert "A < B & C, 2 * 3 * 4." in words


def test_a_table_keeps_its_rows_and_drops_the_rule() -> None:
    html = page(TEXT, "t")
    assert html.count("<tr>") == 3
    assert "---" not in html


def test_a_file_becomes_a_self_contained_page(tmp_path: Path) -> None:
    (tmp_path / "t1.md").write_text(TEXT)
    write_page(tmp_path / "t1.html", tmp_path / "t1.md")
    text = (tmp_path / "t1.html").read_text()
    assert text.startswith("<!doctype html>")
    assert "<title>t1</title>" in text
    assert "http" not in text
