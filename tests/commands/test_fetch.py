from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from tests.catalogue.ledgers import line, put, sha, write_ledger
from tests.catalogue.webserver import Site, serve

from rerender.catalogue.ledger import read_ledger
from rerender.commands import fetch
from rerender.core.errors import UserError

GOOD = b"v 0 0 0\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder, as the current one."""
    project = tmp_path / "deep" / "project"
    project.mkdir(parents=True)
    monkeypatch.chdir(project)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return project


def call(*words: str) -> int:
    parser = argparse.ArgumentParser()
    fetch.add_parser(parser.add_subparsers())
    args = parser.parse_args(["fetch", *words])
    assert args.run is fetch.run
    return fetch.run(args)


def ledger(folder: Path, site: Site, **cells: str) -> None:
    facts = {"sha256": sha(GOOD), "bytes": str(len(GOOD)), **cells}
    write_ledger(
        folder / "config/assets.tsv",
        line(id="bunny", urls=site.url("bunny.obj"), **facts),
        line(id="net", kind="weights", file="net.pth", urls=site.url("net.pth")),
        line(id="lost", kind="weights", status="gone", urls="-"),
    )


def test_files_are_fetched_by_id_and_by_kind(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(bunny_obj=GOOD, net_pth=b"weights") as site:
        ledger(folder, site)
        assert call("bunny", "weights") == 0
        assert call("bunny") == 0
        assert [name for name, _ in site.asked] == ["bunny.obj", "net.pth"]
    assert (folder / "resources/raw/meshes/bunny.obj").read_bytes() == GOOD
    assert (folder / "resources/raw/weights/net.pth").read_bytes() == b"weights"
    assert "bunny: fetched" in capsys.readouterr().out


def test_one_failure_does_not_stop_the_others_and_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve(net_pth=b"weights") as site:
        ledger(folder, site)
        assert call("bunny", "net") == 1
    output = capsys.readouterr()
    assert (
        "answered 404" in output.err and "not at hand: bunny" in output.err and "net: fetched" in output.out
    )


def test_a_dry_run_says_what_and_how_much_and_fetches_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve(bunny_obj=GOOD) as site:
        ledger(folder, site, bytes=str(5 * 2**20), sha256="unverified")
        put(folder / "resources/raw/weights/net.pth", b"weights")
        assert call("bunny", "net", "--dry-run") == 0
        assert site.asked == []
    output = capsys.readouterr().out
    assert "5.0 MiB" in output and "bunny.obj" in output and "at hand (fetched)" in output
    assert "to download: 5.0 MiB" in output


def test_a_file_in_a_mirror_is_not_downloaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder / "mirror/meshes/bunny.obj", GOOD)
    monkeypatch.setenv("RERENDER_ASSET_MIRROR", str(folder / "mirror"))
    with serve(bunny_obj=GOOD) as site:
        ledger(folder, site)
        assert call("bunny") == 0
        assert site.asked == []


def test_an_unknown_id_is_refused_before_anything_is_fetched(folder: Path) -> None:
    with serve(bunny_obj=GOOD) as site:
        ledger(folder, site)
        with pytest.raises(UserError, match="Did you mean 'bunny'"):
            call("net", "buny")
        assert site.asked == []


def test_without_ids_everything_that_the_registry_uses_is_meant(root: Path) -> None:
    assets = read_ledger(root / "config/assets.tsv")
    chosen = {asset.id for asset in fetch.select([], assets)}
    assert {
        "suzanne",
        "mrd_dragon",
        "venice_sunset",
        "gradient",
        "dinov2_vitb14",
        "mrd_material_plane",
    } <= chosen
    assert not {"bob", "horse", "dragon_standin"} & chosen
    assert [asset.id for asset in fetch.select(["archive", "mrd_assets"], assets)] == ["mrd_assets"]


def test_progress_tells_share_speed_and_time_left() -> None:
    text = fetch.progress_text("a.hdr", 3 * 2**20, 12 * 2**20, gained=2 * 2**20, seconds=2.0)
    assert text == "a.hdr: 25% of 12.0 MiB, 1.0 MiB/s, 9 s left"
    assert "2 min 30 s left" in fetch.progress_text("a", 2**20, 151 * 2**20, gained=2**20, seconds=1.0)
    assert fetch.progress_text("a", 2**20, None, gained=0, seconds=0.0) == "a: 1.0 MiB, -"


def test_the_meter_ends_with_a_whole_line(capsys: pytest.CaptureFixture[str]) -> None:
    meter = fetch.Meter("a.hdr")
    meter(1, 4)
    meter(4, 4)
    assert capsys.readouterr().err.count("\n") == 1
