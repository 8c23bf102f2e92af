"""Small ledgers and mirrors for the tests of the catalogue."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rerender.catalogue.ledger import COLUMNS, Asset, read_ledger
from rerender.catalogue.resolve import AssetSettings


def line(**cells: str) -> str:
    """One line of a ledger; columns that are not given get usual values."""
    row = {
        "kind": "mesh",
        "file": f"{cells['id']}.obj",
        "urls": f"https://example.org/{cells['id']}.obj",
        "sha256": "unverified",
        "bytes": "-",
        "licence": "CC0-1.0",
        "redistributable": "yes",
        "paper": "metamers",
        "status": "ok",
        "standin": "-",
        "note": "-",
        **cells,
    }
    return "\t".join(row[column] for column in COLUMNS)


def write_ledger(path: Path, *lines: str) -> Path:
    """Write a ledger with the right header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["\t".join(COLUMNS), *lines]) + "\n", encoding="utf-8")
    return path


def asset(path: Path, **cells: str) -> Asset:
    """One asset, through a ledger at `path`."""
    return read_ledger(write_ledger(path, line(**cells)))[cells["id"]]


def places(folder: Path, *, mirror: bool = False, allow_standins: bool = True) -> AssetSettings:
    """Settings below a test's folder."""
    mirrors = (folder / "mirror",) if mirror else ()
    return AssetSettings(mirrors, folder / "raw", allow_standins, folder / "config" / "assets.tsv")


def sha(content: bytes) -> str:
    """SHA-256 as hex."""
    return hashlib.sha256(content).hexdigest()


def put(path: Path, content: bytes) -> Path:
    """Write a file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
