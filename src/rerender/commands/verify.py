"""`rerender verify`: are finished runs intact, and made by today's code, libraries and parameters?"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rerender.config import read_config
from rerender.core.errors import UserError
from rerender.options import TIER_NAMES

if TYPE_CHECKING:
    from rerender.provenance.verify import ParametersNow
    from rerender.workflow.session import Session

RESULTS = Path("results")


def add_parser(subparsers: Any) -> None:
    """Add the sub-command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "verify",
        help="compare every manifest with the files, the code, the libraries and the configuration",
        description="Compare every manifest with the present. Exits with 1 if any run has a problem.",
    )
    parser.add_argument("paths", nargs="*", type=Path, help="runs or folders of runs (default: results)")
    parser.add_argument("--tier", choices=TIER_NAMES, help="only the runs of one tier")
    parser.add_argument(
        "--files-only",
        action="store_true",
        help="check the files only, not code, libraries and configuration",
    )
    parser.add_argument("--quiet", action="store_true", help="list only the runs that have a problem")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one line a run and a summary; return 1 if any run has a problem."""
    from rerender.provenance.verify import report, verify

    paths: list[Path] = args.paths or [RESULTS / args.tier if args.tier else RESULTS]
    checked = verify(
        paths,
        parameters_now=None if args.files_only else parameters_now(),
        files_only=args.files_only,
    )
    if args.tier and args.paths:
        checked = [one for one in checked if args.tier in one.folder.parts]
    print(report(checked, quiet=args.quiet))
    return 1 if any(one.problems for one in checked) else 0


def parameters_now() -> ParametersNow:
    """Return a function from a manifest to the parameters that the configuration and the registry give now.

    Only what the manifest records is compared, since new settings come with new code. It returns None for
    what is not of the form `…/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}`.
    """
    session = functools.cache(_session)

    def look_up(path: Path, manifest: Mapping[str, Any]) -> Any:
        parts = path.resolve().parts[-8:-1]
        if len(parts) < 7 or parts[1:3] != ("metamers", "runs"):
            return None
        try:
            now = _metamers_run(session(), tier=parts[0], scene=parts[3], envmap=parts[4])
        except UserError:
            return None
        return _recorded_part(manifest["parameters"], now)

    return look_up


def _metamers_run(session: Session, *, tier: str, scene: str, envmap: str) -> dict[str, Any]:
    """Return the parameters of one metamers run, under the names that its manifest uses."""
    from rerender.workflow.metamers import optimise_params, scene_value

    value = scene_value(session, scene, envmap)
    return {
        "settings": optimise_params(session, tier, scene),
        "target": asdict(value["scene"]),
        "light": asdict(value["envmap"]),
        "variant": session.config.variant,
    }


def _recorded_part(recorded: Any, now: Any) -> Any:
    """Return `recorded` with the present value of everything that `now` knows."""
    if not (isinstance(recorded, Mapping) and isinstance(now, Mapping)):
        return now
    return {key: _recorded_part(value, now[key]) if key in now else value for key, value in recorded.items()}


def _session() -> Session:
    """Read the configuration of the workflow in this folder."""
    from rerender.workflow.session import Session

    return Session(read_config().model_dump())
