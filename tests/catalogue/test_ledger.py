from __future__ import annotations

from pathlib import Path

import pytest
from tests.catalogue.ledgers import asset, line, write_ledger

from rerender.catalogue.ledger import COLUMNS, get_asset, read_ledger
from rerender.core.errors import UserError

STANDIN = line(id="clay", kind="procedural", file="-", urls="-", sha256="-", note="made here")


def test_the_projects_ledger_is_valid_and_complete(root: Path) -> None:
    assets = read_ledger(root / "config" / "assets.tsv")
    bunny = assets["stanford_bunny"]
    assert bunny.bytes == 2408417 and bunny.sha256 is not None and len(bunny.sha256) == 64
    assert bunny.relative_path == "meshes/stanford-bunny.obj"
    archive = assets["mrd_assets"]
    assert archive.bytes == 193977295
    assert archive.sha256 == "e6fb5092dc5b80a59f62b3d1bd5eafd3289147ddc50d05ab535c172b56afe254"
    assert assets["mrd_dragon"].archive == "mrd_assets"
    assert len(assets["evening_road_01_puresky"].urls) == 2
    assert all(url.startswith("https://") for a in assets.values() for url in a.urls if a.kind != "member")


def test_the_projects_ledger_agrees_with_the_mirror(root: Path, asset_mirror: Path) -> None:
    from rerender.core.files import sha256_file

    assets = read_ledger(root / "config" / "assets.tsv")
    known = {a.relative_path: a for a in assets.values() if a.kind in ("mesh", "texture", "envmap")}
    files = [path for path in asset_mirror.rglob("*") if path.is_file() and path.suffix != ".md"]
    assert files
    for path in files:
        entry = known[str(path.relative_to(asset_mirror))]
        assert (entry.bytes, entry.sha256) == (path.stat().st_size, sha256_file(path)), entry.id


def test_a_hash_may_be_whole_a_beginning_or_unknown(tmp_path: Path) -> None:
    whole = asset(tmp_path / "a.tsv", id="a", sha256="ab" * 32)
    assert whole.matches("ab" * 32) and not whole.matches("ab" * 31 + "cd") and not whole.is_unsure
    start = asset(tmp_path / "b.tsv", id="b", sha256="0676ba61*")
    assert (
        start.matches("0676ba61" + "0" * 56) and not start.matches("1676ba61" + "0" * 56) and start.is_unsure
    )
    unknown = asset(tmp_path / "c.tsv", id="c")
    assert unknown.matches("anything") and unknown.is_unsure and unknown.sha256 is None


def test_comments_and_empty_lines_are_skipped(tmp_path: Path) -> None:
    assets = read_ledger(write_ledger(tmp_path / "a.tsv", "# mine", "", line(id="a")))
    assert list(assets) == ["a"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"kind": "meshes"}, "unknown kind 'meshes'; Did you mean 'mesh'"),
        ({"status": "okay"}, "unknown status 'okay'"),
        ({"redistributable": "perhaps"}, "unknown redistributable"),
        ({"sha256": "XYZ"}, "sha256 'XYZ' must be 64"),
        ({"sha256": "AB" * 32}, "lower-case"),
        ({"bytes": "2 MB"}, "bytes '2 MB'"),
        ({"id": "My Mesh"}, "id 'My Mesh' may only have"),
        ({"file": "../secret.obj"}, "without '..'"),
        ({"file": "/etc/passwd"}, "relative path"),
        ({"file": "-"}, "file is missing"),
        ({"urls": "-"}, "urls is missing, but the status is ok"),
        ({"urls": "ftp://example.org/a"}, "must start with https://"),
        ({"licence": "-"}, "licence is missing"),
        ({"kind": "member", "urls": "https://example.org"}, "must be archive:<id"),
        ({"kind": "procedural"}, "has no file and no urls"),
        ({"kind": "member", "urls": "archive:none"}, "unknown archive 'none'"),
        ({"standin": "mud"}, "unknown stand-in 'mud'"),
    ],
)
def test_a_wrong_cell_is_refused_saying_which_and_why(
    tmp_path: Path, cells: dict[str, str], message: str
) -> None:
    path = write_ledger(tmp_path / "assets.tsv", STANDIN, line(**{"id": "thing", **cells}))
    with pytest.raises(UserError) as caught:
        read_ledger(path)
    assert message in str(caught.value)
    assert "assets.tsv" in str(caught.value)


def test_duplicates_unknown_columns_and_short_lines_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 3: id 'a' occurs twice"):
        read_ledger(write_ledger(tmp_path / "a.tsv", line(id="a"), line(id="a")))
    (tmp_path / "b.tsv").write_text("\t".join([*COLUMNS, "colour"]) + "\n")
    with pytest.raises(UserError, match="the columns are"):
        read_ledger(tmp_path / "b.tsv")
    with pytest.raises(UserError, match="line 2: 3 columns instead of 12"):
        read_ledger(write_ledger(tmp_path / "c.tsv", "a\tb\tc"))
    with pytest.raises(UserError, match="there is no asset ledger"):
        read_ledger(tmp_path / "none.tsv")


def test_an_unknown_asset_gets_the_closest_first(tmp_path: Path) -> None:
    assets = read_ledger(write_ledger(tmp_path / "a.tsv", line(id="bunny"), line(id="horse")))
    with pytest.raises(UserError, match="Did you mean 'bunny'"):
        get_asset(assets, "buny")
