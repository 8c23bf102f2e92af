"""`rerender fetch`: download assets of the ledger, verified and resumable. The only command that uses the network."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from rerender.catalogue.ledger import FOLDERS, Asset
from rerender.catalogue.resolve import AssetSettings, load_ledger, locate, resolve
from rerender.config import read_config
from rerender.core.errors import UserError, unknown_name
from rerender.options import asset_settings

HELP = "download assets (meshes, environment maps, weights, the paper's archive)"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `fetch` to the command line."""
    parser = subparsers.add_parser(
        "fetch",
        help=HELP,
        description="Download assets into resources/raw, with checksums, resuming what an earlier call left.",
        epilog="Example: rerender fetch venice_sunset weights",
    )
    parser.add_argument(
        "ids",
        nargs="*",
        metavar="ID",
        help=f"asset ids of config/assets.tsv, or kinds ({', '.join(FOLDERS)}); none: everything that scenes, "
        "environment maps and vision models can use",
    )
    parser.add_argument("--dry-run", action="store_true", help="only print what would be downloaded")
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("config/config.yaml"),
        help="configuration (default: config/config.yaml)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command; return 0 if everything asked for is at hand afterwards."""
    places = asset_settings(read_config(args.config))
    assets = load_ledger(places)
    wanted = select(args.ids, assets)
    if args.dry_run:
        print(describe(wanted, assets, places))
        return 0
    failed = [asset.id for asset in wanted if not _fetch_one(asset, assets, places)]
    if failed:
        print(f"not at hand: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def select(ids: Iterable[str], assets: Mapping[str, Asset]) -> list[Asset]:
    """Return the assets that were asked for, each once; ids and kinds may be mixed, none means all that are used."""
    ids = list(ids)
    chosen: list[str] = []
    for name in ids or used(assets):
        if name in assets:
            chosen.append(name)
        elif name in FOLDERS:
            chosen += [
                asset.id
                for asset in assets.values()
                if asset.kind == name and asset.status in ("ok", "substitute")
            ]
        else:
            raise unknown_name("asset", name, [*assets, *FOLDERS])
    return [assets[name] for name in dict.fromkeys(chosen) if assets[name].kind != "procedural"]


def used(assets: Mapping[str, Asset]) -> list[str]:
    """Return the assets that registered scenes, environment maps and vision models can use."""
    from rerender.catalogue import registry

    names: list[str] = []
    for spec in registry.scenes().values():
        names += [choice.asset for choice in spec.meshes]
        names += [*([spec.texture] if spec.texture else []), *spec.bsdf_files]
        names += [spec.ground.mesh] if spec.ground is not None and spec.ground.mesh is not None else []
    for light in registry.envmaps().values():
        names += light.assets
    for model in registry.vision_models().values():
        names += model.weights
    return [name for name in dict.fromkeys(names) if name in assets and assets[name].kind != "procedural"]


def describe(wanted: Iterable[Asset], assets: Mapping[str, Asset], places: AssetSettings) -> str:
    """Say for each asset where it is, or from where it would come and how large it is."""
    lines, total, unknown = [], 0, 0
    counted: set[str] = set()
    for asset in wanted:
        found = locate(assets, asset.id, places)
        holder = asset if asset.archive is None else assets[asset.archive]
        if found is not None:
            lines.append(f"{asset.id:<26} at hand ({found[1]}): {found[0]}")
            continue
        size = "size unknown" if holder.bytes is None else mebibytes(holder.bytes)
        inside = "" if asset.archive is None else f", inside {asset.archive}"
        source = holder.urls[0] if holder.urls else f"no address ({holder.status})"
        lines.append(f"{asset.id:<26} {size}{inside}: {source}")
        if holder.id not in counted:
            counted.add(holder.id)
            total += holder.bytes or 0
            unknown += holder.bytes is None
    more = f" and {unknown} files of unknown size" if unknown else ""
    lines.append(f"to download: {mebibytes(total)}{more}, into {places.raw}")
    return "\n".join(lines)


def mebibytes(size: int) -> str:
    """Write a number of bytes in MiB."""
    return f"{size / 2**20:.1f} MiB"


class Meter:
    """Progress of one download on stderr: one line that is rewritten, or a line every ten seconds in a log file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.started = self.shown = time.monotonic()
        self.first: int | None = None

    def __call__(self, have: int, total: int | None) -> None:
        """Show that `have` of `total` bytes are there."""
        now = time.monotonic()
        self.first = have if self.first is None else self.first
        live = sys.stderr.isatty()
        if now - self.shown < (0.2 if live else 10.0) and have != total:
            return
        self.shown = now
        text = progress_text(self.name, have, total, have - self.first, now - self.started)
        print(
            f"\r{text:<78}" if live else text,
            end="" if live and have != total else "\n",
            file=sys.stderr,
            flush=True,
        )


def progress_text(name: str, have: int, total: int | None, gained: int, seconds: float) -> str:
    """Say how much of a file is there, how fast it comes and how long it will take."""
    rate = gained / seconds if seconds > 0 else 0.0
    speed = f"{rate / 2**20:.1f} MiB/s" if rate else "-"
    if not total:
        return f"{name}: {mebibytes(have)}, {speed}"
    left = f", {_duration((total - have) / rate)} left" if rate and have < total else ""
    return f"{name}: {100 * have // total}% of {mebibytes(total)}, {speed}{left}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _fetch_one(asset: Asset, assets: Mapping[str, Asset], places: AssetSettings) -> bool:
    """Make sure of one asset; print what happened and return whether it is at hand."""
    from rerender.catalogue.fetch import fetch

    holder = asset if asset.archive is None else assets[asset.archive]
    try:
        found = locate(assets, asset.id, places)
        if (
            found is None or found[1] == "fetched"
        ):  # a fetched file is checked, and fetched again if it is corrupt
            fetch(holder, places, progress=Meter(holder.file or holder.id))
        resolved = resolve(asset.id, places, assets)  # checks the file, and unpacks an archive
    except UserError as error:
        print(f"{asset.id}: {error}", file=sys.stderr)
        return False
    print(f"{asset.id}: {resolved.source}, {resolved.path}")
    return True
