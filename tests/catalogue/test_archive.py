from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rerender.catalogue.archive import Limits, extract
from rerender.core.errors import UserError

LAYOUT = (
    "assets/models/dragon.ply",
    "assets/models/monkey-subdiv.obj",
    "assets/envmap/hallstatt4_hd.hdr",
    "assets/material-scene/envmap.exr",
    "assets/material-scene/meshes/Dragon.ply",
    "assets/material-scene/textures/gradient.jpg",
)


def pack(path: Path, *members: tarfile.TarInfo, content: bytes = b"1234") -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            member.size = len(content) if member.isreg() and member.size == 0 else member.size
            tar.addfile(member, io.BytesIO(content) if member.isreg() else None)
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def test_an_archive_of_the_papers_layout_is_unpacked(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tar.gz", entry("assets", tarfile.DIRTYPE), *(entry(name) for name in LAYOUT))
    target = extract(archive, tmp_path / "out")
    found = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert found == set(LAYOUT)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_an_unpacked_archive_is_not_unpacked_again(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tar.gz", entry("assets/a"))
    target = extract(archive, tmp_path / "out")
    (target / "assets/a").write_text("kept")
    archive.unlink()
    assert (extract(archive, target) / "assets/a").read_text() == "kept"


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (lambda: entry("../evil"), "leads out"),
        (lambda: entry("assets/../../evil"), "leads out"),
        (lambda: entry("/etc/evil"), "absolute"),
        (lambda: entry("C:/evil"), "absolute"),
        (lambda: entry("assets\\..\\evil"), "odd name"),
        (lambda: entry("assets/link", tarfile.SYMTYPE, "/etc/passwd"), "link to '/etc/passwd'"),
        (lambda: entry("assets/link", tarfile.SYMTYPE, "models"), "link to 'models'"),
        (lambda: entry("assets/link", tarfile.LNKTYPE, "assets/first"), "link to"),
        (lambda: entry("assets/device", tarfile.CHRTYPE), "neither a file nor a folder"),
        (lambda: entry("assets/pipe", tarfile.FIFOTYPE), "neither a file nor a folder"),
        (lambda: entry("assets/" + "x" * 2000), "too long"),
    ],
)
def test_hostile_members_are_refused_and_nothing_stays(
    tmp_path: Path, member: Callable[[], tarfile.TarInfo], reason: str
) -> None:
    (tmp_path / "in").mkdir()
    archive = pack(tmp_path / "in/a.tar.gz", entry("assets/first"), member())
    with pytest.raises(UserError, match="is unsafe") as caught:
        extract(archive, tmp_path / "in/out")
    assert reason in str(caught.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar.gz", "in"]


def test_a_link_cannot_be_used_to_write_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    archive = pack(tmp_path / "a.tar.gz", entry("door", tarfile.SYMTYPE, str(outside)), entry("door/evil"))
    with pytest.raises(UserError, match="is unsafe"):
        extract(archive, tmp_path / "out")
    assert list(outside.iterdir()) == []


def test_too_many_members_and_too_many_bytes_are_refused(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tar.gz", *(entry(f"assets/{k}") for k in range(5)))
    with pytest.raises(UserError, match="more than 4 members"):
        extract(archive, tmp_path / "out", Limits(members=4))
    with pytest.raises(UserError, match="more than 19 bytes"):
        extract(archive, tmp_path / "out", Limits(total_bytes=19))
    assert extract(archive, tmp_path / "out", Limits(members=5, total_bytes=20)).is_dir()


def test_truncated_damaged_and_missing_archives_are_explained(tmp_path: Path) -> None:
    import os

    archive = pack(tmp_path / "a.tar.gz", entry("assets/a"), content=os.urandom(50_000))
    whole = archive.read_bytes()
    for content in (
        whole[:-100],
        whole[: len(whole) // 2],
        b"not an archive",
        whole[:2000] + b"x" * 50 + whole[2050:],
    ):
        archive.write_bytes(content)
        with pytest.raises(UserError, match="is damaged"):
            extract(archive, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="is damaged"):
        extract(tmp_path / "none.tar.gz", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]
