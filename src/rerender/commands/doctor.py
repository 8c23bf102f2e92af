"""`rerender doctor`: is this machine ready, and what is missing? LLVM first, because an old one aborts the process."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rerender.runtime.doctor import Check, diagnose, exit_code, render

if TYPE_CHECKING:
    from rerender.workflow.session import Session

REAL = ("mirror", "fetched")


def add_parser(subparsers: Any) -> None:
    """Add the sub-command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "doctor",
        help="is this machine ready? every line that is not ok says how to mend it",
        description="Check this machine and this project folder. Exits with 1 if anything would not work.",
    )
    parser.add_argument(
        "--slurm", action="store_true", help="check profiles/slurm/site.yaml against the cluster instead"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one line a check, and return 1 if any failed."""
    if args.slurm:
        from rerender.runtime.slurm_checks import slurm_checks

        checks = slurm_checks(Path())
    else:
        checks = diagnose(Path(), assets=asset_checks)
    print(render(checks))
    return exit_code(checks)


def asset_checks() -> Sequence[Check]:
    """Check the configuration of the current folder, and which assets of its tier are real, and which stand-ins."""
    from rerender.config import read_config
    from rerender.workflow.session import Session

    config = read_config()
    session = Session(config.model_dump())
    return [configuration(session), *assets_of(session)]


def configuration(session: Session) -> Check:
    """The tier that is asked for, whose settings were checked on the way."""
    tier = session.config.tier
    session.metamers(tier)
    return Check("settings", "ok", f"tier {tier}, variant {session.config.variant}")


def assets_of(session: Session) -> list[Check]:
    """Where the tier's meshes, lights and textures come from, and which models lack their weights."""
    used = sources(session)
    standins = [role for role, used_one in used.items() if used_one["source"] not in REAL]
    mirrors = ", ".join(map(str, session.places.mirrors)) or "none"
    found = f"{len(used) - len(standins)} of {len(used)} real (mirror: {mirrors})"
    missing = f"{found}; not at hand: {listed(standins)}"
    fix = "Name a mirror in RERENDER_ASSET_MIRROR, or type: rerender fetch"
    if not standins:
        checks = [Check("assets", "ok", found)]
    elif session.config.assets.allow_standins:
        # the normal case offline, and every table says so
        checks = [Check("assets", "ok", f"{missing}: stand-ins are used")]
    else:
        checks = [Check("assets", "fail", missing, f"{fix}; or set assets: allow_standins: true")]
    blocked = sorted(model for model in models(session) if session.blocked(model))
    text = f"blocked without weights: {', '.join(blocked)}" if blocked else "every model has its weights"
    return [*checks, Check("weights", "ok", text)]


def sources(session: Session) -> dict[str, dict[str, str | None]]:
    """Return role -> which asset will be used, for every captured or modelled thing in the tier."""
    from rerender.catalogue import registry
    from rerender.workflow.assets import envmap_params, mesh_params, texture_params

    settings = session.metamers(session.config.tier)
    used: dict[str, dict[str, str | None]] = {}
    for name in dict.fromkeys((*settings.geometry.scenes, *settings.material.scenes)):
        used[f"mesh of {name}"] = mesh_params(session, name)["source"]
        spec = registry.scene(name)
        if spec.texture is not None:
            used[f"texture {spec.texture}"] = texture_params(session, spec.texture)["source"]
        if spec.bsdf_files:
            used[f"material of {name}"] = session.source(*spec.bsdf_files)
    for name in dict.fromkeys((*settings.geometry.envmaps, "builtin")):
        if registry.envmap(name).assets:
            used[f"light {name}"] = envmap_params(session, name)["source"]
    return used


def models(session: Session) -> set[str]:
    """Return the vision models of the configured tier."""
    settings = session.metamers(session.config.tier)
    return {*settings.geometry.models, *settings.material.models}


def listed(names: Iterable[str], most: int = 6) -> str:
    """Join names, the first few of many."""
    all_names = list(names)
    rest = f" and {len(all_names) - most} more" if len(all_names) > most else ""
    return ", ".join(all_names[:most]) + rest
