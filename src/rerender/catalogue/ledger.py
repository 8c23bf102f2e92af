"""The asset ledger `config/assets.tsv`: every file that an experiment may need, where it is, and what it may be used for.

Columns: id, kind, file, urls (blank-separated, or `archive:<id>` for a member of an archive), sha256 (64 digits, a
known beginning such as `0676ba61*`, or `unverified`), bytes, licence, redistributable, paper, status, standin, note.
`-` stands for "none" or "unknown". This module is light: the Snakefile reads the ledger while it is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

from rerender.core.errors import UserError, unknown_name

Kind = Literal["mesh", "envmap", "texture", "bsdf", "weights", "archive", "member", "procedural"]
Status = Literal["ok", "gone", "gated", "local", "substitute"]
Word = TypeVar("Word", bound=str)

COLUMNS = (
    "id", "kind", "file", "urls", "sha256", "bytes", "licence", "redistributable", "paper", "status", "standin", "note",
)  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
STATUSES: tuple[Status, ...] = get_args(Status)
NOT_DOWNLOADABLE: tuple[Status, ...] = ("gone", "gated", "local")

# Folder of each kind below a mirror and below the folder of fetched files.
FOLDERS: Mapping[str, str] = {
    "mesh": "meshes",
    "envmap": "envmaps",
    "texture": "textures",
    "bsdf": "bsdfs",
    "weights": "weights",
    "archive": "archives",
}
SKY = "sky"  # a stand-in that the renderer bakes: the analytic sky of the envmap's spec


@dataclass(frozen=True)
class Asset:
    """One line of the ledger. `sha256` is None when no checksum is known, and ends in `*` when only its start is."""

    id: str
    kind: Kind
    file: str | None
    urls: tuple[str, ...]
    sha256: str | None
    bytes: int | None
    licence: str
    redistributable: bool
    paper: tuple[str, ...]
    status: Status
    standin: str | None
    note: str

    @property
    def archive(self) -> str | None:
        """For a member: the id of the archive that holds it."""
        return self.urls[0].removeprefix("archive:") if self.kind == "member" else None

    @property
    def relative_path(self) -> str:
        """Where the file lies below a mirror: `<kind folder>/<file>`."""
        if self.kind not in FOLDERS or self.file is None:
            raise ValueError(f"a {self.kind} asset has no place of its own in a mirror")
        return f"{FOLDERS[self.kind]}/{self.file}"

    @property
    def is_unsure(self) -> bool:
        """Whether the whole checksum is unknown, so that the first one seen is recorded."""
        return self.sha256 is None or self.sha256.endswith("*")

    def matches(self, sha256: str) -> bool:
        """Whether a hash agrees with what is known of the right one."""
        if self.sha256 is None:
            return True
        if self.sha256.endswith("*"):
            return sha256.startswith(self.sha256[:-1])
        return sha256 == self.sha256


def read_ledger(path: Path | str) -> dict[str, Asset]:
    """Read and check the ledger; raises `UserError` naming the file, line, column and what is allowed."""
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise UserError(f"there is no asset ledger {path}", "Run from the project's root folder.") from error
    header = tuple(lines[0].split("\t")) if lines else ()
    if header != COLUMNS:
        raise UserError(
            f"{path}, line 1: the columns are {header}", f"They must be, tab-separated: {', '.join(COLUMNS)}."
        )
    assets: dict[str, Asset] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            asset = _parse(line.split("\t"))
            if asset.id in assets:
                raise ValueError(f"id '{asset.id}' occurs twice")
        except ValueError as error:
            raise UserError(
                f"{path}, line {number}: {error}", "Mend the line; docs/assets.md explains the columns."
            ) from error
        assets[asset.id] = asset
    _check_references(path, assets)
    return assets


def get_asset(assets: Mapping[str, Asset], asset_id: str) -> Asset:
    """Return one asset; `UserError` naming the closest ids if there is none."""
    if asset_id not in assets:
        raise unknown_name("asset", asset_id, assets)
    return assets[asset_id]


def _parse(cells: list[str]) -> Asset:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"{len(cells)} columns instead of {len(COLUMNS)}")
    row = dict(zip(COLUMNS, (cell.strip() for cell in cells), strict=True))
    for column in ("id", "kind", "licence", "redistributable", "status"):
        if row[column] in ("", "-"):
            raise ValueError(f"{column} is missing")
    asset = Asset(
        id=_matching(row, "id", r"[a-z0-9][a-z0-9_]*", "lower-case letters, digits and _"),
        kind=_one_of(row, "kind", KINDS),
        file=_none(row["file"]),
        urls=tuple((_none(row["urls"]) or "").split()),
        sha256=_sha256(row),
        bytes=_number(row),
        licence=row["licence"],
        redistributable=_one_of(row, "redistributable", ("yes", "no")) == "yes",
        paper=tuple(part.strip() for part in (_none(row["paper"]) or "").split(",") if part.strip()),
        status=_one_of(row, "status", STATUSES),
        standin=_none(row["standin"]),
        note=_none(row["note"]) or "",
    )
    _check_kind(asset)
    return asset


def _check_kind(asset: Asset) -> None:
    """Check that the columns fit the kind of the asset."""
    if asset.kind == "procedural":
        if asset.file or asset.urls:
            raise ValueError("a procedural asset has no file and no urls")
        return
    if asset.file is None:
        raise ValueError("file is missing")
    parts = asset.file.split("/")
    if asset.file.startswith("/") or "\\" in asset.file or ".." in parts or "" in parts:
        raise ValueError(f"file '{asset.file}' must be a relative path without '..'")
    if asset.kind == "member":
        if len(asset.urls) != 1 or not asset.urls[0].startswith("archive:"):
            raise ValueError("the urls of a member must be archive:<id of the archive>")
        return
    if asset.status == "ok" and not asset.urls:
        raise ValueError("urls is missing, but the status is ok")
    for url in asset.urls:
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"url '{url}' must start with https://")


def _check_references(path: Path, assets: Mapping[str, Asset]) -> None:
    for asset in assets.values():
        if asset.archive is not None and (
            asset.archive not in assets or assets[asset.archive].kind != "archive"
        ):
            archives = [other.id for other in assets.values() if other.kind == "archive"]
            raise unknown_name("archive", asset.archive, archives, f"It is named by '{asset.id}' in {path}.")
        if asset.standin not in (None, SKY) and asset.standin not in _procedural(assets.values()):
            raise unknown_name(
                "stand-in",
                asset.standin,
                [*_procedural(assets.values()), SKY],
                f"It is named by '{asset.id}' in {path}.",
            )


def _procedural(assets: Iterable[Asset]) -> list[str]:
    return [asset.id for asset in assets if asset.kind == "procedural"]


def _none(cell: str) -> str | None:
    return None if cell in ("", "-") else cell


def _matching(row: Mapping[str, str], column: str, pattern: str, allowed: str) -> str:
    if not re.fullmatch(pattern, row[column]):
        raise ValueError(f"{column} '{row[column]}' may only have {allowed}")
    return row[column]


def _one_of(row: Mapping[str, str], column: str, allowed: tuple[Word, ...]) -> Word:
    for value in allowed:
        if row[column] == value:
            return value
    raise ValueError(str(unknown_name(column, row[column], allowed)).replace("\n ", ";"))


def _sha256(row: Mapping[str, str]) -> str | None:
    value = row["sha256"]
    if value in ("unverified", "-", ""):
        return None
    if not re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{8,63}\*", value):
        raise ValueError(
            f"sha256 '{value}' must be 64 lower-case hex digits, 8 or more of them and a *, or 'unverified'"
        )
    return value


def _number(row: Mapping[str, str]) -> int | None:
    value = _none(row["bytes"])
    if value is not None and not value.isdigit():
        raise ValueError(f"bytes '{value}' must be a whole number or -")
    return None if value is None else int(value)
