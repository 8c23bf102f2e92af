"""Is this machine ready? A list of checks, LLVM first, each with what was found and how to mend it.

A failure means that a run would not work; a warning, that it would be slower, different or incomplete.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rerender.core.errors import UserError

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """One line of the report; `fix` is empty where nothing needs mending."""

    name: str
    status: Status
    found: str
    fix: str = ""


AssetChecks = Callable[[], Sequence[Check]]


def diagnose(root: Path, *, assets: AssetChecks | None = None) -> list[Check]:
    """Run every check for the project folder `root`, LLVM first.

    `assets` reports on the asset catalogue, which lies above this layer. A check that itself breaks is
    reported as a failure and does not hide the others.
    """
    from rerender.runtime import checks

    steps: list[tuple[str, Callable[[], Sequence[Check]]]] = [
        ("LLVM", lambda: [checks.llvm_library()]),
        ("Python", lambda: [checks.python()]),
        ("packages", lambda: [checks.packages(root / "constraints.txt")]),
        ("device", lambda: [checks.render_device()]),
        ("hash grids", lambda: [checks.hash_grids()]),
        ("cores, memory", lambda: [checks.cores_and_memory()]),
        ("folders", lambda: [checks.folder(root / name) for name in ("results", "resources")]),
        ("disk", lambda: [checks.disk(root)]),
        ("kernel cache", lambda: [checks.kernel_cache()]),
        ("video", lambda: [checks.video_encoder()]),
        ("workflow", lambda: [checks.workflow_folder(root), checks.locks(root)]),
        ("Chromium", lambda: [checks.browser()]),
    ]
    if assets is not None:
        steps.append(("settings", assets))
    return [check for name, step in steps for check in _guarded(name, step)]


def _guarded(name: str, step: Callable[[], Sequence[Check]]) -> Sequence[Check]:
    try:
        return step()
    except UserError as error:
        return [Check(name, "fail", error.message, error.hint)]
    except Exception as error:  # a broken machine breaks in unforeseen ways; the report must go on
        return [
            Check(name, "fail", f"the check broke: {type(error).__name__}: {error}", "Please report this.")
        ]


def render(checks: Sequence[Check]) -> str:
    """Lay the checks out as aligned lines, each fix on a line of its own, and a closing line."""
    width = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        lines.append(f"{check.status:<4}  {check.name:<{width}}  {check.found}")
        if check.fix:
            lines.append(f"{'':<4}  {'':<{width}}  fix: {check.fix}")
    counts = {status: sum(check.status == status for check in checks) for status in ("fail", "warn")}
    verdict = "ready" if not counts["fail"] else "not ready"
    return "\n".join(
        [*lines, f"{verdict}: {counts['fail']} failed, {counts['warn']} warned, {len(checks)} checked"]
    )


def exit_code(checks: Sequence[Check]) -> int:
    """Return 1 if any check failed, else 0."""
    return int(any(check.status == "fail" for check in checks))
