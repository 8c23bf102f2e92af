"""Downloading assets: the only module that touches the network.

Plain `urllib`: resuming a partial file, which the usual helper libraries do not offer, is most of the work anyway. A
download goes to `<file>.part`, is resumed with a Range request, checked for size and hash, and then renamed.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rerender.catalogue.ledger import NOT_DOWNLOADABLE, Asset
from rerender.catalogue.resolve import AssetSettings, record_path, recorded_hash, verify
from rerender.core.errors import UserError
from rerender.core.files import explain_os_error, sha256_file, write_text

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes in all, if known."""

_CHUNK = 1 << 18
_HEADERS = {"User-Agent": "rerender-fetch/1 (research reproduction)", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class Policy:
    """How patient a download is. The pause doubles from `pause_s` after every failed attempt."""

    attempts: int = 5
    timeout_s: float = 30.0
    pause_s: float = 1.0
    sleep: Callable[[float], None] = time.sleep


class _TryAgainError(Exception):
    """A failure that may pass: the same address is worth another attempt."""


class _GiveUpError(Exception):
    """A failure that will stay: the next address is tried."""


def fetch(
    asset: Asset, settings: AssetSettings, *, policy: Policy | None = None, progress: Progress | None = None
) -> Path:
    """Download one asset to its place below `settings.raw`, unless it is there; return the path.

    Tries the addresses in order, each several times, resuming what is there. Raises `UserError` when none gives the
    right bytes. The first hash of an asset without a known one is recorded beside it, and later fetches must agree.
    """
    policy = policy or Policy()
    target = settings.raw / asset.relative_path
    if _is_right(asset, target, settings):
        return target
    if not asset.urls or asset.status in NOT_DOWNLOADABLE:
        raise UserError(
            f"the asset '{asset.id}' cannot be downloaded: {asset.status}. {asset.note}".rstrip(),
            f"Get it by hand and put it into a mirror as {asset.relative_path}.",
        )
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _exclusive(part):
            if _is_right(asset, target, settings):  # another process was faster
                return target
            _check_space(asset, part)
            _from_any(asset, part, target, policy, progress)
    except OSError as error:
        raise explain_os_error(error, target) from error
    return target


def _is_right(asset: Asset, target: Path, settings: AssetSettings) -> bool:
    """Whether the file is there and right; a corrupt one is deleted, to be fetched again."""
    if not target.is_file():
        return False
    try:
        verify(asset, target, "fetched", settings)
    except UserError:
        return False
    return True


def _from_any(asset: Asset, part: Path, target: Path, policy: Policy, progress: Progress | None) -> None:
    reasons = []
    for url in asset.urls:
        try:
            _from_one(asset, url, part, target, policy, progress)
            return
        except _GiveUpError as error:
            reasons.append(f"{url}\n    {error}")
    kept = part.stat().st_size if part.is_file() else 0
    raise UserError(
        f"cannot fetch '{asset.id}':\n  " + "\n  ".join(reasons),
        f"Check the network{f' ({kept} bytes are kept and will be resumed)' if kept else ''} and type "
        f"`rerender fetch {asset.id}` again, or put the file into a mirror as {asset.relative_path}.",
    )


def _from_one(
    asset: Asset, url: str, part: Path, target: Path, policy: Policy, progress: Progress | None
) -> None:
    """Download from one address, with retries, and move the checked file into place."""
    for attempt in range(policy.attempts):
        fresh = part.stat().st_size == 0
        try:
            _transfer(asset, url, part, policy.timeout_s, progress)
            problem = _accept(asset, part, target)
            if problem is None:
                return
            # a resumed file may be a mixture of two versions: one fresh attempt is worth it
            raise _GiveUpError(problem) if fresh else _TryAgainError(problem)
        except _TryAgainError as error:
            if attempt + 1 == policy.attempts:
                raise _GiveUpError(f"{error} ({policy.attempts} attempts)") from error
            policy.sleep(policy.pause_s * 2**attempt)


def _transfer(asset: Asset, url: str, part: Path, timeout_s: float, progress: Progress | None) -> None:
    """Bring `part` up to the whole file, continuing where it ends if that is safe."""
    start, validator = _resumable(asset, url, part)
    if start and start == asset.bytes:
        return
    headers = dict(_HEADERS)
    if start:
        headers["Range"] = f"bytes={start}-"
        if validator:
            headers["If-Range"] = validator
    with _connection(), _open(url, headers, timeout_s, part) as response:
        if start and not _continues(response, start):
            start = 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else asset.bytes
        _note_origin(part, url, response)
        have = start
        with open(part, "r+b") as handle:
            handle.truncate(start)
            handle.seek(start)
            while chunk := response.read(_CHUNK):
                handle.write(chunk)
                have += len(chunk)
                if progress is not None:
                    progress(have, total)
                if asset.bytes is not None and have > asset.bytes:
                    break  # not the file that we want; the check says so
        if total is not None and have < total:
            raise _TryAgainError(f"the transfer stopped after {have} of {total} bytes")


@contextlib.contextmanager
def _connection() -> Iterator[None]:
    """Sort the ways in which a connection fails into those worth another attempt and the others."""
    try:
        yield
    except urllib.error.HTTPError as error:
        text = f"the server answered {error.code} {error.reason}"
        if error.code >= 500 or error.code in (408, 416, 429):
            raise _TryAgainError(text) from error
        raise _GiveUpError(text) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, socket.gaierror):
            raise _GiveUpError(
                f"the name cannot be resolved: no network? ({error.reason.strerror})"
            ) from error
        if isinstance(error.reason, OSError) and error.reason.errno in (
            errno.ENETUNREACH,
            errno.EHOSTUNREACH,
        ):
            raise _GiveUpError("the network cannot be reached") from error
        raise _TryAgainError(f"the connection failed: {error.reason}") from error
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise _TryAgainError(f"the connection broke: {error or type(error).__name__}") from error


def _open(url: str, headers: dict[str, str], timeout_s: float, part: Path) -> http.client.HTTPResponse:
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=timeout_s
        )
    except urllib.error.HTTPError as error:
        if error.code == 416:  # what is there is no beginning of that file: start afresh
            _clear(part)
        raise
    return response


def _continues(response: http.client.HTTPResponse, start: int) -> bool:
    """Whether the server sends the rest from `start`, and not the whole file again."""
    return response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")


def _resumable(asset: Asset, url: str, part: Path) -> tuple[int, str]:
    """Return how many bytes of `part` may be kept, and the server's validator for them.

    With a known hash any beginning may be continued, since the whole is checked. Without one, only bytes from the
    same address whose version the server can confirm.
    """
    size = part.stat().st_size if part.is_file() else 0
    if not size or (asset.bytes is not None and size > asset.bytes):
        return 0, ""
    try:
        origin, _, validator = _origin_path(part).read_text(encoding="utf-8").partition("\n")
    except OSError:
        origin, validator = "", ""
    same = origin == url and validator.strip()
    if asset.sha256 is None:
        return (size, validator.strip()) if same else (0, "")
    return size, validator.strip() if same else ""


def _note_origin(part: Path, url: str, response: http.client.HTTPResponse) -> None:
    tag = response.headers.get("ETag", "")
    validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
    write_text(_origin_path(part), f"{url}\n{validator}")


def _origin_path(part: Path) -> Path:
    return part.with_name(part.name + ".origin")


def _accept(asset: Asset, part: Path, target: Path) -> str | None:
    """Compare the finished download with the ledger and rename it; delete a wrong one and return what is wrong."""
    size, found = part.stat().st_size, sha256_file(part)
    earlier = recorded_hash(target) if asset.is_unsure else None
    if asset.bytes not in (None, size) or not asset.matches(found) or earlier not in (None, found):
        what = _looks_like(part)
        _clear(part)
        if earlier not in (None, found):
            what += f" (it changed since it was first fetched; delete {record_path(target)} to accept the new one)"
        return (
            f"wrong content{what}, deleted: expected sha256 {earlier or asset.sha256 or 'unknown'}, "
            f"{asset.bytes if asset.bytes is not None else 'unknown'} bytes; got sha256 {found}, {size} bytes"
        )
    with open(part, "rb") as handle:
        os.fsync(handle.fileno())
    os.replace(part, target)
    _origin_path(part).unlink(missing_ok=True)
    if asset.is_unsure:
        write_text(record_path(target), f"{found}  {target.name}\n")
    return None


def _looks_like(part: Path) -> str:
    """Name two frequent wrong answers: a web page, and a Git LFS pointer."""
    with open(part, "rb") as handle:
        beginning = handle.read(256).lstrip().lower()
    if beginning.startswith(b"version https://git-lfs"):
        return ", a Git LFS pointer instead of the file"
    if beginning.startswith((b"<!doctype html", b"<html")):
        return ", a web page instead of the file"
    return ""


def _clear(part: Path) -> None:
    """Empty the partial file; the lock is held on it, so it stays in place."""
    os.truncate(part, 0)
    _origin_path(part).unlink(missing_ok=True)


def _check_space(asset: Asset, part: Path) -> None:
    if asset.bytes is None:
        return
    needed, free = asset.bytes - part.stat().st_size, shutil.disk_usage(part.parent).free
    if needed > free:
        raise UserError(
            f"'{asset.id}' needs {needed} more bytes in {part.parent}, but only {free} are free",
            "Free some space, or choose another folder for resources.",
        )


@contextlib.contextmanager
def _exclusive(part: Path) -> Iterator[None]:
    """Hold a lock on the partial file, so that two processes never write to it at once; wait for the other."""
    handle = _lock(part)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # an empty remainder tells nothing; after success it is the target
            if part.stat().st_size == 0:
                part.unlink()
        handle.close()


def _lock(part: Path) -> IO[bytes]:
    while True:
        handle = open(part, "ab")  # noqa: SIM115 - the caller closes it
        try:
            import fcntl
        except ImportError:  # no such locks on this system: parallel fetches are the user's to avoid
            return handle
        fcntl.flock(handle, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle.fileno()), part.stat()):
                return handle
        handle.close()  # the other process renamed or removed the file while we waited
