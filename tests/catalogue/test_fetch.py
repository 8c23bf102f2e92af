from __future__ import annotations

import errno
import socket
import threading
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.catalogue.ledgers import line, places, put, sha, write_ledger
from tests.catalogue.webserver import Site, serve

from rerender.catalogue.fetch import Policy, fetch
from rerender.catalogue.ledger import Asset, read_ledger
from rerender.core.errors import UserError

CONTENT = np.random.default_rng(0).bytes(700_000)
QUICK = Policy(attempts=3, timeout_s=5.0, pause_s=0.0, sleep=lambda seconds: None)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def site() -> Iterator[Site]:
    with serve(bunny_obj=CONTENT) as running:
        yield running


def bunny(folder: Path, *urls: str, **cells: str) -> Asset:
    facts = {"sha256": sha(CONTENT), "bytes": str(len(CONTENT)), "urls": " ".join(urls), **cells}
    return read_ledger(write_ledger(folder / "config/assets.tsv", line(id="bunny", **facts)))["bunny"]


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if ".part" in path.name)


def test_a_file_is_fetched_checked_and_put_in_its_place(tmp_path: Path, site: Site) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch(
        bunny(tmp_path, site.url("bunny.obj")),
        places(tmp_path),
        policy=QUICK,
        progress=lambda *a: seen.append(a),
    )
    assert path == tmp_path / "raw/meshes/bunny.obj" and path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT)) and len(seen) > 1
    assert leftovers(tmp_path) == [] and not path.with_name("bunny.obj.sha256").exists()


def test_a_file_that_is_there_is_not_fetched_again_and_a_corrupt_one_is(tmp_path: Path, site: Site) -> None:
    asset = bunny(tmp_path, site.url("bunny.obj"))
    fetch(asset, places(tmp_path), policy=QUICK)
    fetch(asset, places(tmp_path), policy=QUICK)
    assert len(site.asked) == 1
    put(tmp_path / "raw/meshes/bunny.obj", b"rotten")
    assert fetch(asset, places(tmp_path), policy=QUICK).read_bytes() == CONTENT
    assert len(site.asked) == 2


def test_a_broken_transfer_is_resumed_where_it_stopped(tmp_path: Path, site: Site) -> None:
    site.cut_after = [300_000]
    path = fetch(bunny(tmp_path, site.url("bunny.obj")), places(tmp_path), policy=QUICK)
    assert path.read_bytes() == CONTENT
    assert site.asked == [("bunny.obj", ""), ("bunny.obj", "bytes=300000-")]


def test_a_later_call_resumes_what_an_earlier_one_left(tmp_path: Path, site: Site) -> None:
    asset = bunny(tmp_path, site.url("bunny.obj"))
    site.cut_after = [200_000]
    with pytest.raises(UserError, match="the transfer stopped after 200000 of 700000 bytes") as caught:
        fetch(asset, places(tmp_path), policy=Policy(attempts=1))
    assert "200000 bytes are kept and will be resumed" in str(caught.value)
    assert not (tmp_path / "raw/meshes/bunny.obj").exists()
    assert fetch(asset, places(tmp_path), policy=QUICK).read_bytes() == CONTENT
    assert site.asked[-1] == ("bunny.obj", "bytes=200000-")


def test_a_server_without_ranges_sends_everything_again(tmp_path: Path, site: Site) -> None:
    site.ranges = False
    site.cut_after = [300_000]
    assert (
        fetch(bunny(tmp_path, site.url("bunny.obj")), places(tmp_path), policy=QUICK).read_bytes() == CONTENT
    )


def test_wrong_content_is_deleted_and_reported_with_both_hashes(tmp_path: Path, site: Site) -> None:
    wrong = CONTENT[:-1] + b"!"
    site.files["bunny.obj"] = wrong
    with pytest.raises(UserError) as caught:
        fetch(bunny(tmp_path, site.url("bunny.obj")), places(tmp_path), policy=QUICK)
    assert sha(CONTENT) in str(caught.value) and sha(wrong) in str(caught.value)
    assert len(site.asked) == 1  # the same address would only send the same again
    assert not (tmp_path / "raw/meshes/bunny.obj").exists() and leftovers(tmp_path) == []


def test_a_wrong_beginning_is_thrown_away_and_the_whole_file_fetched(tmp_path: Path, site: Site) -> None:
    put(tmp_path / "raw/meshes/bunny.obj.part", b"x" * 1000)
    assert (
        fetch(bunny(tmp_path, site.url("bunny.obj")), places(tmp_path), policy=QUICK).read_bytes() == CONTENT
    )
    assert site.asked == [("bunny.obj", "bytes=1000-"), ("bunny.obj", "")]


def test_a_beginning_longer_than_the_file_is_thrown_away(tmp_path: Path, site: Site) -> None:
    put(tmp_path / "raw/meshes/bunny.obj.part", CONTENT + b"more")
    assert (
        fetch(bunny(tmp_path, site.url("bunny.obj")), places(tmp_path), policy=QUICK).read_bytes() == CONTENT
    )
    put(tmp_path / "b/raw/meshes/bunny.obj.part", CONTENT + b"more")
    unsized = bunny(tmp_path / "b", site.url("bunny.obj"), bytes="-")
    assert (
        fetch(unsized, places(tmp_path / "b"), policy=QUICK).read_bytes() == CONTENT
    )  # through a 416 answer


def test_addresses_are_tried_in_order(tmp_path: Path, site: Site) -> None:
    asset = bunny(tmp_path, site.url("gone.obj"), site.url("bunny.obj"))
    assert fetch(asset, places(tmp_path), policy=QUICK).read_bytes() == CONTENT
    assert [name for name, _ in site.asked] == ["gone.obj", "bunny.obj"]


def test_passing_server_errors_are_retried_with_growing_pauses(tmp_path: Path, site: Site) -> None:
    pauses: list[float] = []
    site.errors = [503, 429]
    policy = Policy(attempts=3, pause_s=1.0, sleep=pauses.append)
    assert (
        fetch(bunny(tmp_path, site.url("bunny.obj")), places(tmp_path), policy=policy).read_bytes() == CONTENT
    )
    assert pauses == [1.0, 2.0]


def test_when_nothing_works_every_address_and_reason_is_named(tmp_path: Path, site: Site) -> None:
    site.errors = [404, 500, 500, 500]
    with pytest.raises(UserError) as caught:
        fetch(bunny(tmp_path, site.url("a.obj"), site.url("b.obj")), places(tmp_path), policy=QUICK)
    text = str(caught.value)
    assert "a.obj" in text and "answered 404" in text and "b.obj" in text and "answered 500" in text
    assert "(3 attempts)" in text and "into a mirror as meshes/bunny.obj" in text
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        (socket.gaierror(-3, "Temporary failure in name resolution"), "no network"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "network cannot be reached"),
    ],
)
def test_offline_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: OSError, message: str
) -> None:
    calls = []

    def offline(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        raise urllib.error.URLError(reason)

    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(UserError, match=message):
        fetch(bunny(tmp_path, "https://example.org/bunny.obj"), places(tmp_path), policy=QUICK)
    assert len(calls) == 1


def test_a_refused_connection_is_retried_then_reported(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(UserError, match="connection failed"):
        fetch(bunny(tmp_path, f"http://127.0.0.1:{port}/bunny.obj"), places(tmp_path), policy=QUICK)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "a Git LFS pointer"),
        (b"<!DOCTYPE html><html>please log in</html>", "a web page"),
    ],
)
def test_frequent_wrong_answers_are_named(tmp_path: Path, site: Site, content: bytes, what: str) -> None:
    site.files["bunny.obj"] = content
    with pytest.raises(UserError, match=what):
        fetch(bunny(tmp_path, site.url("bunny.obj"), bytes="-"), places(tmp_path), policy=QUICK)


def test_an_unverified_file_is_recorded_and_a_later_change_is_noticed(tmp_path: Path, site: Site) -> None:
    asset = bunny(tmp_path, site.url("bunny.obj"), sha256="unverified", bytes="-")
    path = fetch(asset, places(tmp_path), policy=QUICK)
    record = path.with_name("bunny.obj.sha256")
    assert record.read_text().split()[0] == sha(CONTENT)
    path.unlink()
    site.files["bunny.obj"] = b"a new version"
    with pytest.raises(UserError, match="it changed since it was first fetched") as caught:
        fetch(asset, places(tmp_path), policy=QUICK)
    assert sha(CONTENT) in str(caught.value) and str(record) in str(caught.value)
    record.unlink()  # what the message advises
    assert fetch(asset, places(tmp_path), policy=QUICK).read_bytes() == b"a new version"


def test_the_known_beginning_of_a_hash_is_checked_and_the_whole_recorded(tmp_path: Path, site: Site) -> None:
    asset = bunny(tmp_path, site.url("bunny.obj"), sha256=sha(CONTENT)[:8] + "*", bytes="-")
    path = fetch(asset, places(tmp_path), policy=QUICK)
    assert path.with_name("bunny.obj.sha256").read_text().split()[0] == sha(CONTENT)
    other = bunny(tmp_path / "b", site.url("bunny.obj"), sha256="00000000*", bytes="-")
    with pytest.raises(UserError, match="wrong content"):
        fetch(other, places(tmp_path / "b"), policy=QUICK)


def test_without_a_known_hash_two_versions_are_never_joined(tmp_path: Path, site: Site) -> None:
    asset = bunny(tmp_path, site.url("bunny.obj"), sha256="unverified", bytes="-")
    site.cut_after = [100_000]
    with pytest.raises(UserError):
        fetch(asset, places(tmp_path), policy=Policy(attempts=1))
    newer = CONTENT[::-1]
    site.files["bunny.obj"], site.etag = newer, '"v2"'
    assert fetch(asset, places(tmp_path), policy=QUICK).read_bytes() == newer
    # and where the server has no versions at all, nothing is resumed
    (tmp_path / "raw/meshes/bunny.obj").unlink()
    (tmp_path / "raw/meshes/bunny.obj.sha256").unlink()
    site.etag, site.cut_after = "", [100_000]
    assert fetch(asset, places(tmp_path), policy=QUICK).read_bytes() == newer
    assert site.asked[-1] == ("bunny.obj", "")


def test_two_fetches_at_once_give_one_good_file(tmp_path: Path, site: Site) -> None:
    asset = bunny(tmp_path, site.url("bunny.obj"))
    failures: list[BaseException] = []

    def work() -> None:
        try:
            fetch(asset, places(tmp_path), policy=QUICK)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert (tmp_path / "raw/meshes/bunny.obj").read_bytes() == CONTENT and leftovers(tmp_path) == []
    assert len(site.asked) == 1


@pytest.mark.parametrize("status", ["gone", "gated", "local"])
def test_what_cannot_be_downloaded_says_so(tmp_path: Path, status: str) -> None:
    asset = bunny(tmp_path, "https://example.org/bunny.obj" if status != "local" else "-", status=status)
    with pytest.raises(UserError, match=f"cannot be downloaded: {status}"):
        fetch(asset, places(tmp_path), policy=QUICK)


def test_too_little_space_is_said_before_the_transfer(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="needs 700000 more bytes"):
        fetch(bunny(tmp_path, site.url("bunny.obj")), places(tmp_path), policy=QUICK)
    assert site.asked == [] and leftovers(tmp_path) == []
