from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
from tests.catalogue.ledgers import line, places, put, sha, write_ledger

from rerender.catalogue.resolve import (
    MIRROR_VARIABLE,
    asset_settings,
    file_hash,
    is_at_hand,
    load_ledger,
    locate,
    resolve,
)
from rerender.core.errors import Blocked, UserError

GOOD = b"v 0 0 0\n"
CLAY = line(id="clay", kind="procedural", file="-", urls="-", sha256="-", note="made here")


def bunny_ledger(folder: Path, **cells: str) -> Path:
    facts = {"sha256": sha(GOOD), "bytes": str(len(GOOD)), "standin": "clay", **cells}
    return write_ledger(folder / "config" / "assets.tsv", CLAY, line(id="bunny", **facts))


def test_a_mirror_comes_before_a_fetched_file_and_that_before_a_standin(tmp_path: Path) -> None:
    bunny_ledger(tmp_path)
    settings = places(tmp_path, mirror=True)
    found = resolve("bunny", settings)
    assert (found.source, found.path, found.standin, found.sha256) == ("standin", None, "clay", None)
    fetched = put(tmp_path / "raw/meshes/bunny.obj", GOOD)
    found = resolve("bunny", settings)
    assert (found.source, found.path, found.sha256) == ("fetched", fetched, sha(GOOD))
    mirrored = put(tmp_path / "mirror/meshes/bunny.obj", GOOD)
    found = resolve("bunny", settings)
    assert (found.source, found.path) == ("mirror", mirrored)


def test_looking_does_not_open_files(tmp_path: Path) -> None:
    bunny_ledger(tmp_path)
    settings = places(tmp_path)
    assets = load_ledger(settings)
    assert not is_at_hand(assets, "bunny", settings) and not is_at_hand(assets, "clay", settings)
    path = put(tmp_path / "raw/meshes/bunny.obj", b"not it")
    assert is_at_hand(assets, "bunny", settings) and locate(assets, "bunny", settings) == (path, "fetched")
    assert not (tmp_path / "raw/checksums.json").exists()


def test_a_corrupt_mirror_file_is_reported_with_both_hashes_and_kept(tmp_path: Path) -> None:
    bunny_ledger(tmp_path)
    path = put(tmp_path / "mirror/meshes/bunny.obj", b"corrupt!")
    with pytest.raises(UserError) as caught:
        resolve("bunny", places(tmp_path, mirror=True))
    assert sha(GOOD) in str(caught.value) and sha(b"corrupt!") in str(caught.value)
    assert "left as it is" in str(caught.value) and path.read_bytes() == b"corrupt!"


def test_a_corrupt_fetched_file_is_deleted_and_reported_with_both_hashes(tmp_path: Path) -> None:
    bunny_ledger(tmp_path)
    path = put(tmp_path / "raw/meshes/bunny.obj", GOOD[:-3])
    with pytest.raises(UserError) as caught:
        resolve("bunny", places(tmp_path))
    assert sha(GOOD) in str(caught.value) and sha(GOOD[:-3]) in str(caught.value)
    assert "rerender fetch bunny" in str(caught.value) and not path.exists()


def test_without_standins_the_error_says_what_to_type(tmp_path: Path) -> None:
    bunny_ledger(tmp_path)
    with pytest.raises(UserError) as caught:
        resolve("bunny", places(tmp_path, allow_standins=False))
    for text in ("rerender fetch bunny", MIRROR_VARIABLE, "meshes/bunny.obj", "allow_standins: true"):
        assert text in str(caught.value)


@pytest.mark.parametrize("status", ["gone", "gated", "local"])
def test_what_cannot_be_downloaded_is_not_advised_to_be(tmp_path: Path, status: str) -> None:
    write_ledger(tmp_path / "config/assets.tsv", line(id="bunny", status=status, urls="-"))
    with pytest.raises(UserError) as caught:
        resolve("bunny", places(tmp_path))
    assert f"cannot be downloaded ({status})" in str(caught.value) and "rerender fetch" not in str(
        caught.value
    )


def test_missing_weights_are_blocked_even_where_standins_are_allowed(tmp_path: Path) -> None:
    write_ledger(tmp_path / "config/assets.tsv", line(id="net", kind="weights", file="net.pth"))
    with pytest.raises(Blocked) as caught:
        resolve("net", places(tmp_path))
    assert caught.value.message == "weights" and "rerender fetch net" in caught.value.hint


def test_an_unverified_file_is_compared_with_the_record_of_its_first_fetch(tmp_path: Path) -> None:
    bunny_ledger(tmp_path, sha256="unverified", bytes="-")
    path = put(tmp_path / "raw/meshes/bunny.obj", GOOD)
    assert resolve("bunny", places(tmp_path)).sha256 == sha(GOOD)
    put(tmp_path / "raw/meshes/bunny.obj.sha256", f"{sha(b'earlier')}  bunny.obj\n".encode())
    with pytest.raises(UserError) as caught:
        resolve("bunny", places(tmp_path))
    assert sha(b"earlier") in str(caught.value) and not path.exists()


def test_hashes_are_remembered_until_size_or_time_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = places(tmp_path)
    path = put(tmp_path / "file", GOOD)
    calls = []

    def counted(name: Path) -> str:
        calls.append(name)
        return sha(Path(name).read_bytes())

    monkeypatch.setattr("rerender.core.files.sha256_file", counted)
    assert file_hash(path, settings) == file_hash(path, settings) == sha(GOOD)
    assert len(calls) == 1
    stat = path.stat()
    path.write_bytes(GOOD[::-1])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))
    assert file_hash(path, settings) == sha(GOOD[::-1])
    assert len(calls) == 2


def test_a_broken_or_unwritable_memory_of_hashes_does_no_harm(tmp_path: Path) -> None:
    path = put(tmp_path / "file", GOOD)
    for content in (b"{", b"[1, 2]", b'{"x": 3}'):
        put(tmp_path / "raw/checksums.json", content)
        assert file_hash(path, places(tmp_path)) == sha(GOOD)
    blocked = places(tmp_path / "file")  # its folder is a file
    assert file_hash(path, blocked) == sha(GOOD)


def archive_ledger(folder: Path, content: bytes, member: str = "assets/models/dragon.ply") -> None:
    write_ledger(
        folder / "config/assets.tsv",
        CLAY,
        line(id="big", kind="archive", file="assets.tar.gz", sha256=sha(content), bytes=str(len(content))),
        line(id="dragon", kind="member", file=member, urls="archive:big", sha256="-", standin="clay"),
    )


def pack(folder: Path) -> bytes:
    put(folder / "src/assets/models/dragon.ply", b"ply")
    put(folder / "src/assets/material-scene/textures/gradient.jpg", b"jpg")
    with tarfile.open(folder / "a.tar.gz", "w:gz") as tar:
        tar.add(folder / "src/assets", "assets")
    return (folder / "a.tar.gz").read_bytes()


def test_a_member_comes_out_of_its_archive(tmp_path: Path) -> None:
    content = pack(tmp_path)
    archive_ledger(tmp_path, content)
    settings = places(tmp_path, mirror=True)
    assert resolve("dragon", settings).source == "standin"
    put(tmp_path / "mirror/archives/assets.tar.gz", content)
    found = resolve("dragon", settings)
    assert found.source == "mirror" and found.path is not None and found.path.read_bytes() == b"ply"
    assert found.sha256 == sha(b"ply")
    assert tmp_path / "raw" in found.path.parents  # nothing is written into a mirror
    assert resolve("dragon", settings).path == found.path


def test_a_member_that_the_archive_lacks_is_explained(tmp_path: Path) -> None:
    content = pack(tmp_path)
    archive_ledger(tmp_path, content, member="assets/models/lion.obj")
    put(tmp_path / "raw/archives/assets.tar.gz", content)
    with pytest.raises(UserError, match="has no member"):
        resolve("dragon", places(tmp_path))


def test_a_truncated_archive_is_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    content = pack(tmp_path)
    archive_ledger(tmp_path, content)
    put(tmp_path / "raw/archives/assets.tar.gz", content[:-5])
    with pytest.raises(UserError, match="corrupt or another version"):
        resolve("dragon", places(tmp_path))
    assert not (tmp_path / "raw/unpacked").exists()


def test_settings_search_the_configured_mirror_then_the_variables(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    environ = {MIRROR_VARIABLE: str(tmp_path / "two")}
    assert asset_settings(tmp_path / "one", environ=environ).mirrors == (tmp_path / "one", tmp_path / "two")
    assert asset_settings(environ=environ).mirrors == (tmp_path / "two",)
    assert asset_settings(tmp_path / "two", environ=environ).mirrors == (tmp_path / "two",)
    assert asset_settings(environ={MIRROR_VARIABLE: ""}).mirrors == ()


def test_a_mirror_that_is_no_folder_is_refused_naming_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=MIRROR_VARIABLE):
        asset_settings(environ={MIRROR_VARIABLE: str(tmp_path / "none")})
    with pytest.raises(UserError, match="configuration"):
        asset_settings(tmp_path / "none", environ={})
