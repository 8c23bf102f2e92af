"""From an asset id to a verified local file, or to its stand-in.

Order: the mirrors, then what was fetched, then (if allowed) the procedural stand-in. Nothing here touches the network.
Every file is checked against the ledger before it is used; hashes are remembered by path, size and time.
`is_at_hand` only looks and is cheap enough for the Snakefile.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rerender.catalogue.ledger import NOT_DOWNLOADABLE, SKY, Asset, get_asset, read_ledger
from rerender.core.errors import Blocked, UserError

Source = Literal["mirror", "fetched", "standin", "procedural"]

MIRROR_VARIABLE = "RERENDER_ASSET_MIRROR"


@dataclass(frozen=True)
class AssetSettings:
    """Where assets are looked for. `raw` holds fetched files, in the layout of a mirror: `<kind folder>/<file>`."""

    mirrors: tuple[Path, ...] = ()
    raw: Path = Path("resources/raw")
    allow_standins: bool = True
    ledger: Path = Path("config/assets.tsv")


@dataclass(frozen=True)
class Resolved:
    """A usable asset: a verified file, or, with `path` None, the name of the stand-in to generate."""

    asset: Asset
    source: Source
    path: Path | None = None
    sha256: str | None = None
    standin: str | None = None
    description: str = field(default="")


def asset_settings(
    mirror: Path | str | None = None,
    *,
    allow_standins: bool = True,
    raw: Path | str = "resources/raw",
    ledger: Path | str = "config/assets.tsv",
    environ: Mapping[str, str] | None = None,
) -> AssetSettings:
    """Build settings from the configured mirror and the one in `RERENDER_ASSET_MIRROR`, searched in that order.

    Raises `UserError` when a mirror is named that is not a folder.
    """
    variable = (os.environ if environ is None else environ).get(MIRROR_VARIABLE, "")
    mirrors: list[Path] = []
    for name, origin in ((mirror, "assets: mirror: in the configuration"), (variable, MIRROR_VARIABLE)):
        if name is None or not str(name).strip():
            continue
        folder = Path(name).expanduser()
        if not folder.is_dir():
            raise UserError(
                f"the asset mirror '{name}' is not a folder", f"It comes from {origin}: correct or unset it."
            )
        if folder not in mirrors:
            mirrors.append(folder)
    return AssetSettings(tuple(mirrors), Path(raw), allow_standins, Path(ledger))


def load_ledger(settings: AssetSettings) -> dict[str, Asset]:
    """Read the ledger that the settings name."""
    return read_ledger(settings.ledger)


def locate(assets: Mapping[str, Asset], asset_id: str, settings: AssetSettings) -> tuple[Path, Source] | None:
    """Return the unverified place of an asset's file (for a member: of its archive) and its source, or None."""
    asset = get_asset(assets, asset_id)
    if asset.kind == "procedural":
        return None
    if asset.archive is not None:
        return locate(assets, asset.archive, settings)
    for mirror in settings.mirrors:
        if (mirror / asset.relative_path).is_file():
            return mirror / asset.relative_path, "mirror"
    fetched = settings.raw / asset.relative_path
    return (fetched, "fetched") if fetched.is_file() else None


def is_at_hand(assets: Mapping[str, Asset], asset_id: str, settings: AssetSettings) -> bool:
    """Whether the real file of an asset is in a mirror or was fetched; does not open it."""
    return locate(assets, asset_id, settings) is not None


def resolve(asset_id: str, settings: AssetSettings, assets: Mapping[str, Asset] | None = None) -> Resolved:
    """Return a verified file for an asset, or its stand-in where that is allowed.

    Unpacks the archive of a member when needed. Raises `UserError` when a file is corrupt (a fetched one is deleted,
    a mirror's never) and when nothing is at hand; `Blocked` when weights are missing.
    """
    assets = load_ledger(settings) if assets is None else assets
    asset = get_asset(assets, asset_id)
    if asset.kind == "procedural":
        return Resolved(asset, "procedural", standin=asset.id, description=f"generated: {asset.note}")
    place = locate(assets, asset_id, settings)
    if place is not None:
        path, source = place
        holder = asset if asset.archive is None else assets[asset.archive]
        found = verify(holder, path, source, settings)
        if asset.archive is not None:
            path = _member(asset, path, found, settings)
            found = file_hash(path, settings)
        return Resolved(asset, source, path, found, description=f"{source}: {path.name}")
    if settings.allow_standins and asset.standin is not None:
        what = "analytic sky" if asset.standin == SKY else asset.standin
        return Resolved(
            asset, "standin", standin=asset.standin, description=f"stand-in: {what} for {asset.id}"
        )
    raise missing(asset)


def missing(asset: Asset) -> UserError:
    """Build the error for an asset that is not at hand and has no allowed stand-in: says what to type."""
    where = f"archives/ of '{asset.archive}'" if asset.archive is not None else asset.relative_path
    place = f"set {MIRROR_VARIABLE} to a folder that has it as {where}."
    if asset.status in NOT_DOWNLOADABLE:
        hint = f"It cannot be downloaded ({asset.status}): {place}"
    else:
        hint = f"Type `rerender fetch {asset.id}`, or {place}"
    if asset.kind == "weights":
        return Blocked("weights", hint)
    if asset.standin is not None:
        hint += (
            f" A procedural stand-in ('{asset.standin}') exists: allow it with assets: allow_standins: true."
        )
    return UserError(f"the {asset.kind} '{asset.id}' is not at hand", hint)


def verify(asset: Asset, path: Path, source: Source, settings: AssetSettings) -> str:
    """Return the SHA-256 of a file after comparing it and its size with the ledger.

    On a mismatch a fetched file is deleted, any other is left alone; the `UserError` has both hashes.
    """
    found = file_hash(path, settings)
    size = path.stat().st_size
    recorded = recorded_hash(path) if asset.is_unsure else None
    if asset.matches(found) and recorded in (None, found) and asset.bytes in (None, size):
        return found
    expected = recorded or asset.sha256
    text = (
        f"the file {path} of asset '{asset.id}' is corrupt or another version\n"
        f"  expected sha256 {expected or 'unknown'}, {asset.bytes if asset.bytes is not None else 'unknown'} bytes\n"
        f"  found    sha256 {found}, {size} bytes"
    )
    if source == "fetched":
        path.unlink(missing_ok=True)
        raise UserError(text, f"It was deleted. Type `rerender fetch {asset.id}` to get it again.")
    raise UserError(text, "It was left as it is. Replace it in the mirror, or remove it there.")


def record_path(path: Path) -> Path:
    """Return where the hash seen at the first fetch of an unverified file is kept."""
    return path.with_name(path.name + ".sha256")


def recorded_hash(path: Path) -> str | None:
    """Return the hash recorded at the first fetch, or None."""
    try:
        words = record_path(path).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        return None
    return words[0] if words else None


def file_hash(path: Path, settings: AssetSettings) -> str:
    """Return the SHA-256 of a file, from memory if its path, size and time are unchanged."""
    stat = path.stat()
    key, stamp = str(path.resolve()), [stat.st_size, stat.st_mtime_ns]
    cache = settings.raw / "checksums.json"
    known = _read_cache(cache)
    entry = known.get(key)
    if isinstance(entry, list) and entry[:2] == stamp and len(entry) == 3:
        return str(entry[2])
    from rerender.core.files import sha256_file, write_json

    found = sha256_file(path)
    with contextlib.suppress(OSError, UserError):  # the memory only saves time
        write_json(cache, {**_read_cache(cache), key: [*stamp, found]})
    return found


def _read_cache(cache: Path) -> dict[str, object]:
    try:
        known = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _member(asset: Asset, archive: Path, archive_hash: str, settings: AssetSettings) -> Path:
    """Return the unpacked file of a member, unpacking its archive the first time."""
    from rerender.catalogue.archive import extract

    assert asset.file is not None
    folder = extract(archive, settings.raw / "unpacked" / f"{asset.archive}-{archive_hash[:12]}")
    path = folder / asset.file
    if not path.is_file():
        raise UserError(
            f"the archive {archive} has no member '{asset.file}' (asset '{asset.id}')",
            "Correct the file column of the ledger, or use another version of the archive.",
        )
    return path
