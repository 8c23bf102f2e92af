"""Check the files that a user asks for, before Snakemake looks for a rule: a misspelt name gets its alternatives."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from rerender.catalogue import registry
from rerender.config import TIER_NAMES
from rerender.core.errors import UserError, unknown_name
from rerender.papers.metamers import grid
from rerender.papers.metamers.runfiles import Expected
from rerender.workflow import metamers
from rerender.workflow.session import Session

PAPERS = ("metamers",)
KINDS = {"tables": metamers.TABLES, "figures": metamers.FIGURES}


def check_targets(session: Session, targets: Iterable[str], results: str = "results") -> None:
    """Raise `UserError` for the first target below `results` whose path names something that does not exist."""
    for target in targets:
        path = os.path.relpath(target) if os.path.isabs(target) else os.path.normpath(target)
        parts = path.split(os.sep)
        if parts[0] == results and len(parts) > 1:
            _check(session, parts[1:], path)


def _check(session: Session, parts: list[str], path: str) -> None:
    tier, rest = parts[0], parts[1:]
    if tier not in TIER_NAMES:
        raise unknown_name("tier", tier, TIER_NAMES, f"It stands in {path}.")
    if len(rest) < 2:
        return
    if rest[0] not in PAPERS:
        raise unknown_name("paper", rest[0], PAPERS, f"It stands in {path}.")
    kind, *names = rest[1:]
    if kind in KINDS and names:
        stem = names[0].partition(".")[0]
        if stem not in KINDS[kind]:
            raise unknown_name(kind.removesuffix("s"), stem, KINDS[kind], f"It stands in {path}.")
    elif kind == "runs" and len(names) >= 4:
        _check_run(session, tier, names, path)
    elif kind == "references" and len(names) >= 2:
        _check_place(*names[:2], path)
    elif kind == "videos" and names:
        known = [name.rpartition("/")[2].removesuffix(".mp4") for name in metamers.mosaics(session, tier)]
        if names[0].removesuffix(".mp4") not in known:
            raise unknown_name("video", names[0].removesuffix(".mp4"), known, f"It stands in {path}.")


def _check_place(scene: str, envmap: str, path: str) -> None:
    if scene not in registry.scenes():
        raise unknown_name("scene", scene, registry.scenes(), f"It stands in {path}.")
    spec = registry.scene(scene)
    lights = [name for name, light in registry.envmaps().items() if spec.family in light.families]
    if envmap not in lights:
        raise unknown_name(f"envmap for the {spec.family} scene {scene}:", envmap, lights, f"It stands in {path}.")


def _check_run(session: Session, tier: str, names: list[str], path: str) -> None:
    scene, envmap, model, seed = names[:4]
    _check_place(scene, envmap, path)
    grid.check_model(model, registry.scene(scene).family, "")
    reason = session.blocked(model)
    if reason is not None:
        needed = ", ".join(registry.vision_model(model).weights)
        raise UserError(
            f"runs for the model '{model}' are blocked ({reason}): {path}",
            f"It needs {needed}. Type `rerender fetch {needed.replace(',', '')}`, or set an asset mirror that has them.",
        )
    if not re.fullmatch(r"s[0-9]+", seed):
        raise UserError(f"'{seed}' in {path} is not a seed", "Write s1, s2, …")


def allowed_run(session: Session, tier: str, cell: Expected) -> bool:
    """Say whether a run is part of the tier's grid."""
    return cell in grid.runnable(session.cells(tier))
