"""`rerender list`: what can be named in an experiment, what can be made, and what is blocked here and why."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rerender.config import read_config
from rerender.core.errors import unknown_name
from rerender.options import TIER_NAMES

if TYPE_CHECKING:
    from rerender.workflow.session import Session

Lines = Iterator[str]


def add_parser(subparsers: Any) -> None:
    """Add `list` to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "list",
        help="print scenes, envmaps, models, and the tables, figures and videos that can be made",
        epilog="Example: rerender list models; rerender list figures --tier smoke",
    )
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"{', '.join(SECTIONS)}; none: all but runs")
    parser.add_argument(
        "--tier", choices=TIER_NAMES, help="tier of the artefacts (default: the configured one)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the sections; return 0."""
    from rerender.workflow.session import Session

    for name in arguments.what:
        if name not in SECTIONS:
            raise unknown_name("section", name, SECTIONS, "Type for example: rerender list models")
    config = read_config()
    session = Session(config.model_dump())
    tier = arguments.tier or config.tier
    wanted = arguments.what or [name for name in SECTIONS if name != "runs"]
    for number, name in enumerate(wanted):
        print(("\n" if number else "") + "\n".join(SECTIONS[name](session, tier)))
    return 0


def _scenes(session: Session, tier: str) -> Lines:
    from rerender.catalogue import registry

    settings = session.metamers(tier)
    chosen = {*settings.geometry.scenes, *settings.material.scenes}
    yield f"scenes (* in the tier {tier})"
    rows = []
    for name, spec in registry.scenes().items():
        found = session.mesh(name)
        rows.append(
            (
                _star(name in chosen) + name,
                spec.family,
                spec.title,
                f"mesh: {found['source']} {found['asset']}",
            )
        )
    yield from _columns(rows)


def _envmaps(session: Session, tier: str) -> Lines:
    from rerender.catalogue import registry

    chosen = session.metamers(tier).geometry.envmaps
    yield f"envmaps (* in the tier {tier})"
    rows = []
    for name, light in registry.envmaps().items():
        found = session.source(*light.assets) if light.assets else {"source": "no file needed", "asset": ""}
        rows.append(
            (
                _star(name in chosen) + name,
                "/".join(light.families),
                light.title,
                f"{found['source']} {found['asset']}",
            )
        )
    yield from _columns(rows)


def _models(session: Session, tier: str) -> Lines:
    from rerender.catalogue import registry

    settings = session.metamers(tier)
    chosen = {*settings.geometry.models, *settings.material.models}
    yield f"models (* in the tier {tier})"
    rows = []
    for name, spec in registry.vision_models().items():
        reason = session.blocked(name)
        state = "ready" if reason is None else f"blocked ({reason}): rerender fetch {' '.join(spec.weights)}"
        rows.append((_star(name in chosen) + name, "/".join(spec.families), spec.title, state))
    yield from _columns(rows)


def _artefacts(kind: str, paths: Callable[[Session, str], Iterable[str]]) -> Callable[[Session, str], Lines]:
    """Return a section that lists files and says whether they are there."""

    def section(session: Session, tier: str) -> Lines:
        yield f"{kind} ({tier})"
        files = [Path(path.replace("<results>", "results")) for path in paths(session, tier)]
        yield from _columns(
            [("  " + ("present" if path.is_file() else "absent"), str(path)) for path in files]
        )

    return section


def _tables(session: Session, tier: str) -> Iterable[str]:
    from rerender.workflow import envmaps, materials, metamers, physics, viewpoints

    paths = (
        *metamers.tables(tier),
        *envmaps.tables(session, tier),
        *physics.tables(tier),
        *viewpoints.tables(session, tier),
        *materials.tables(session, tier),
    )
    return [
        *(path for path in paths if path.endswith(".md")),
        f"<results>/{tier}/verdicts.md",
    ]


def _figures(session: Session, tier: str) -> Iterable[str]:
    from rerender.workflow import envmaps, materials, metamers, physics, viewpoints

    paths = (
        *metamers.figures(tier),
        *envmaps.figures(session, tier),
        *physics.figures(tier),
        *viewpoints.figures(session, tier),
        *materials.figures(session, tier),
    )
    return [path for path in paths if path.endswith(".png")]


def _videos(session: Session, tier: str) -> Iterable[str]:
    from rerender.workflow import envmaps, materials, metamers, physics, viewpoints

    found = (
        *metamers.mosaics(session, tier),
        *envmaps.videos(session, tier),
        *physics.videos(tier),
        *viewpoints.videos(session, tier),
        *materials.videos(session, tier),
    )
    return [path for path in found if path.endswith(".mp4")]


def _runs(session: Session, tier: str) -> Lines:
    """List every cell of the grid, the blocked ones with their reason."""
    from rerender.workflow import envmaps, materials, metamers, physics, viewpoints

    yield f"runs ({tier})"
    rows = []
    for cell in session.cells(tier):
        path = Path(metamers.run_file(tier, cell, "fit.json").replace("<results>", "results"))
        state = f"blocked ({cell.blocked})" if cell.blocked else "present" if path.is_file() else "absent"
        rows.append(("  " + state, str(path.parent)))
    searches = viewpoints.run_files(session, tier, "metrics.json")
    for file in [
        *(envmaps.run_file(tier, job, "metrics.json") for job in envmaps.jobs(session, tier)),
        *(physics.run_file(tier, job, "metrics.json") for job in physics.jobs(session, tier)),
        *searches,
        *materials.run_files(session, tier, "metrics.json"),
    ]:
        path = Path(file.replace("<results>", "results"))
        rows.append(("  present" if path.is_file() else "  absent", str(path.parent)))
    yield from _columns(rows)


SECTIONS: Mapping[str, Callable[[Session, str], Lines]] = {
    "scenes": _scenes,
    "envmaps": _envmaps,
    "models": _models,
    "tables": _artefacts("tables", _tables),
    "figures": _artefacts("figures", _figures),
    "videos": _artefacts("videos", _videos),
    "runs": _runs,
}


def _star(chosen: bool) -> str:
    return "* " if chosen else "  "


def _columns(rows: Sequence[Sequence[str]]) -> Lines:
    """Yield rows with their cells under each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
