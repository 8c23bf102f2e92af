"""Published tables: one claim a printed number, and the number of a cell by its names."""

from __future__ import annotations

from pathlib import Path

import pytest

from rerender.core.errors import UserError
from rerender.reporting.claims import load_all_claims, load_claims
from rerender.reporting.published import Tables, load_published, published_by_run, published_value

TABLE = """
paper: envmaps
tables:
  - id: table1
    title: Table 1
    source: {document: d, place: Table 1, page: 4, reading: stated}
    where: {experiment: shift, scene: ball}
    tiers: [paper]
    tolerance: {match: 0.1, close: 0.2}
    columns:
      - {id: psnr, title: PSNR, metric: env/psnr, unit: dB, direction: higher}
      - {id: lpips, title: LPIPS, metric: env/lpips, direction: lower, rounding: 0.005, needs: [weights]}
    rows:
      - {id: pixels, title: Pixels, where: {representation: pixels}, values: [8.5, 0.64]}
      - {id: ours, title: Ours, where: {representation: siren}, values: [14.5, null]}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "envmaps.yaml"
    path.write_text(TABLE)
    return path


@pytest.fixture
def tables(path: Path) -> Tables:
    return load_published(path)


def refused(path: Path, old: str, new: str) -> str:
    assert old in TABLE
    path.write_text(TABLE.replace(old, new))
    with pytest.raises(UserError) as caught:
        load_claims(path)
    return str(caught.value)


def test_every_printed_number_is_a_claim(path: Path) -> None:
    claims = load_all_claims(path.parent)
    assert [claim.id for claim in claims] == [
        "envmaps.table1.pixels.psnr",
        "envmaps.table1.pixels.lpips",
        "envmaps.table1.ours.psnr",
    ]
    first, second, _ = claims
    assert first.statement == "Table 1, Pixels: PSNR is 8.5 dB."
    assert second.statement == "Table 1, Pixels: LPIPS is 0.64."
    assert first.kind == "value" and first.artefact == "table1" and first.direction == "higher"
    assert first.published is not None and second.published is not None
    assert (first.published.value, first.published.unit, first.published.spread) == (8.5, "dB", None)
    assert second.published.spread == 0.005
    assert (first.needs, second.needs) == ((), ("weights",))
    assert first.tiers == ("paper",) and first.tolerance.match == 0.1
    assert first.source.page == 4
    assert first.select is not None and first.select.metric == "env/psnr"
    assert first.select.where == {
        "experiment": ("shift",),
        "scene": ("ball",),
        "representation": ("pixels",),
    }


def test_tables_and_claims_stand_side_by_side(path: Path) -> None:
    path.write_text(
        TABLE
        + "claims:\n  - id: envmaps.more\n    artefact: table1\n    kind: target\n    statement: s\n"
        + "    operationalisation: o\n    source: {document: r, place: p, reading: ours}\n"
        + "    select: {metric: env/psnr}\n    bound: {relation: '>', value: 1}\n"
    )
    assert [claim.id for claim in load_claims(path).entries][-1] == "envmaps.more"
    assert len(load_claims(path).entries) == 4


def test_values_by_cell(tables: Tables) -> None:
    assert published_value(tables, "table1", "ours", "psnr") == 14.5
    assert published_value(tables, "table1", "pixels", "env/lpips") == 0.64
    assert published_value(tables, "table1", "ours", "lpips") is None


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (("table2", "ours", "psnr"), "unknown published table 'table2'"),
        (("table1", "our", "psnr"), "Did you mean 'ours'"),
        (("table1", "ours", "env/pnsr"), "unknown column of table1 'env/pnsr'"),
    ],
)
def test_unknown_cells_are_refused(tables: Tables, cell: tuple[str, str, str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        published_value(tables, *cell)


def test_values_by_run(tables: Tables) -> None:
    assert (
        published_by_run(tables, "table1", "env/psnr", scene="ball", representation="siren", seed=3) == 14.5
    )
    assert published_by_run(tables, "table1", "psnr", scene="cube", representation="siren") is None
    assert published_by_run(tables, "table1", "psnr", scene="ball", representation="other") is None
    with pytest.raises(UserError, match=r"several rows of table1 .* pixels, ours"):
        published_by_run(tables, "table1", "psnr", scene="ball")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[8.5, 0.64]", "[8.5]", "'tables[table1]': row 'pixels' has 1 values for 2 columns"),
        (
            "{representation: siren}",
            "{scene: cube}",
            "row 'ours' and the table both say scene",
        ),
        ("id: ours", "id: pixels", "several claims are called envmaps.table1.pixels.psnr"),
        ("title: PSNR", "titel: PSNR", "Did you mean 'title'?"),
        ("id: ours", "id: Our run", "should match pattern"),
        (
            "metric: env/psnr",
            "metric: 'x/{model}'",
            "'tables[table1].columns[psnr].metric': '{model}' is no column",
        ),
    ],
)
def test_wrong_tables_are_refused(path: Path, old: str, new: str, told: str) -> None:
    assert told in refused(path, old, new)


def test_a_file_without_any_claim_is_refused(path: Path) -> None:
    path.write_text("paper: envmaps\n")
    with pytest.raises(UserError, match="there are no claims"):
        load_claims(path)
