"""`rerender verify`: are finished runs intact, and made by today's code, libraries and parameters?"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rerender.config import TIER_NAMES, read_config
from rerender.core.errors import UserError
from rerender.provenance.verify import ParametersNow, report, verify

if TYPE_CHECKING:
    from rerender.workflow.session import Session

RESULTS = Path("results")
SETTINGS = "settings"
"""The part of a manifest's parameters that the configuration decides."""


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
    """Return a function from a manifest to the parameters that the configuration asks for now.

    It returns None for what the configuration does not decide: other stages, scenes that are gone, and
    folders that are not of the form `…/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}`.
    """
    session = functools.cache(_session)

    def look_up(path: Path, manifest: Mapping[str, Any]) -> Any:
        parts = path.resolve().parts[-8:-1]
        recorded = manifest["parameters"]
        if len(parts) < 7 or parts[1:3] != ("metamers", "runs") or SETTINGS not in recorded:
            return None
        from rerender.workflow.metamers import optimise_params

        try:
            settings = optimise_params(session(), parts[0], parts[3])
        except UserError:
            return None
        return {**recorded, SETTINGS: settings}

    return look_up


def _session() -> Session:
    """Read the configuration of the workflow in this folder."""
    from rerender.workflow.session import Session

    return Session(read_config().model_dump())
