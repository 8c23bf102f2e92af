"""Unpacking a downloaded tar archive without trusting it.

Only plain files and folders with relative names below the target are accepted; links, devices, absolute names, `..`
and archives that claim or produce too much are refused before anything reaches the target folder.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from rerender.core.errors import UserError
from rerender.core.files import explain_os_error


@dataclass(frozen=True)
class Limits:
    """How much an archive may unpack to: members, bytes in all, and length of a name."""

    members: int = 100_000
    total_bytes: int = 4 * 1024**3
    name_length: int = 1_000


def extract(archive: Path | str, target: Path | str, limits: Limits | None = None) -> Path:
    """Unpack a tar archive (any compression) into the new folder `target`, whole or not at all.

    An existing `target` is taken as the finished work of an earlier call. Returns `target`; raises `UserError` when
    the archive is damaged or unsafe.
    """
    archive, target = Path(archive), Path(target)
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise explain_os_error(error, target) from error
    try:
        _unpack(archive, work, limits or Limits())
        os.chmod(work, 0o755)  # mkdtemp made it private
        _move_into_place(work, target)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError):
            explained = explain_os_error(error, target)
            if isinstance(explained, UserError):
                raise explained from error
        raise UserError(
            f"the archive {archive} is damaged: {error}",
            "Delete it and fetch it again; nothing was unpacked.",
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _unpack(archive: Path, work: Path, limits: Limits) -> None:
    _check_gzip(archive, limits)
    with tarfile.open(archive, "r:*") as tar:
        total = 0
        for count, member in enumerate(tar, start=1):
            total += member.size
            problem = _problem(member, limits)
            if problem is None and count > limits.members:
                problem = f"it has more than {limits.members} members"
            if problem is None and total > limits.total_bytes:
                problem = f"it unpacks to more than {limits.total_bytes} bytes"
            if problem is not None:
                raise UserError(
                    f"the archive {archive} is unsafe: {problem}",
                    "Nothing was unpacked. Delete it and get it from its official address.",
                )
            # the data filter repeats the checks on names and drops owners, set-id bits and the like;
            # Python 3.11.0 to 3.11.3 do not have it
            options: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            tar.extract(member, work, **options)


def _check_gzip(archive: Path, limits: Limits) -> None:
    """Read a gzip stream to its end, which checks its length and CRC: tar itself takes a cut-off end for the end."""
    with open(archive, "rb") as handle:
        if handle.read(2) != b"\x1f\x8b":
            return
    total = 0
    slack = 1024 * limits.members + 2**20  # headers and padding
    with gzip.open(archive) as stream:
        while chunk := stream.read(1 << 20):
            total += len(chunk)
            if total > limits.total_bytes + slack:
                raise UserError(
                    f"the archive {archive} is unsafe: it unpacks to more than {limits.total_bytes} bytes",
                    "Nothing was unpacked. Delete it and get it from its official address.",
                )


def _problem(member: tarfile.TarInfo, limits: Limits) -> str | None:
    """Return why a member must not be unpacked, or None."""
    name = member.name
    shown = name if len(name) <= 80 else f"{name[:77]}..."
    if member.islnk() or member.issym():
        return f"the member '{shown}' is a link to '{member.linkname[:80]}'"
    if not (member.isfile() or member.isdir()):
        return f"the member '{shown}' is neither a file nor a folder"
    if len(name) > limits.name_length:
        return f"the name '{shown}' is too long"
    path = PurePosixPath(name)
    if path.is_absolute() or (len(name) > 1 and name[1] == ":") or "\\" in name or "\0" in name:
        return f"the member '{shown}' has an absolute or odd name"
    if ".." in path.parts:
        return f"the member '{shown}' leads out of the folder"
    return None


def _move_into_place(work: Path, target: Path) -> None:
    try:
        os.rename(work, target)
    except OSError:
        if not target.is_dir():  # otherwise another process has just finished the same work
            raise
