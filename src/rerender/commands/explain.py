"""`rerender explain <target>`: which rule makes it, would it run and why, from which code, for which claims."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rerender.core.errors import UserError, closest_first, unknown_name

if TYPE_CHECKING:
    from rerender.commands.dag import Job, Plan
    from rerender.reporting.claims import Claim

CLAIMS = Path("config/claims")
_WIDTH = 12
_MANY = 8
_LONG = 300
_PASSED_ON = "Input files updated by another job"
"""Snakemake's reason for a job that runs only because an earlier one does."""


def add_parser(subparsers: Any) -> None:
    """Add the sub-command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "explain",
        help="say which rule makes a file, whether and why it would run, its code, and the claims it supports",
    )
    parser.add_argument("target", help="a file or folder of results, or the name of a rule")
    parser.add_argument(
        "--config",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="as for snakemake, for example tier=smoke",
    )
    parser.add_argument("--all", action="store_true", help="list all modules, parameters and jobs")
    parser.add_argument("--why", metavar="MODULE", help="say how the rule's code comes to reach a module")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the explanation; return 0."""
    from rerender.commands.dag import plan

    target = target_of(args.target)
    found = plan(target, config=dict(map(_setting, args.config)))
    if args.why:
        lines = why(found.job, args.why)
    else:
        lines = explain(target, found, many=10**6 if args.all else _MANY)
    print("\n".join(lines))
    return 0


def target_of(name: str) -> str:
    """Turn what the user typed into a target: a run's folder stands for its manifest."""
    from rerender.provenance.manifest import NAME

    path = Path(name)
    if path.is_dir():
        path = path / NAME
    return os.path.relpath(path) if path.is_absolute() else os.path.normpath(path)


def explain(target: str, found: Plan, *, many: int = _MANY) -> Iterator[str]:
    """Yield the lines of the explanation; lists are cut after `many` entries."""
    job = found.job
    path = Path(target)
    yield target
    yield _line("made by", f"rule {job.rule} ({os.path.relpath(job.snakefile)})")
    if path.is_file():
        changed = datetime.fromtimestamp(path.stat().st_mtime).isoformat(" ", "seconds")
        yield _line("made", changed)
    yield _line("would run", f"yes: {shortened(job.reason)}" if job.reason else "no, it is up to date")
    yield from _before(found.before, many)
    yield from _lines("inputs", job.inputs, many)
    yield from _lines("parameters", _parameters(job.params), many)
    yield from _code(job, path, many)
    yield from _manifest(path)
    yield from _lines("supports", [_claim(claim) for claim in claims_of(job, target)] or ["no claim"], 10**6)


def claims_of(job: Job, target: str) -> list[Claim]:
    """Return the claims that a file bears on: those of its artefact, or those that its run counts for."""
    from rerender.catalogue import registry
    from rerender.reporting.claims import claims_about, load_all_claims

    claims = load_all_claims(CLAIMS) if CLAIMS.is_dir() else ()
    paper = next((claim.paper for claim in claims if claim.paper in Path(target).parts), None)
    wildcards = job.wildcards
    if paper is None:
        return list(claims) if Path(target).stem in ("verdicts", "metrics") else []
    if wildcards.get("name"):
        return [claim for claim in claims if claim.paper == paper and claim.artefact == wildcards["name"]]
    scene = wildcards.get("scene")
    if scene is None:
        return [claim for claim in claims if claim.paper == paper]
    spec = registry.scenes().get(scene)
    return claims_about(
        claims,
        paper=paper,
        scene=scene,
        experiment=spec.family if spec else None,
        envmap=wildcards.get("envmap"),
        method=wildcards.get("model"),
        seed=int(wildcards["seed"]) if "seed" in wildcards else None,
    )


def shortened(reason: str) -> str:
    """Cut Snakemake's reason to what fits a line or two: long lists of files keep their first one."""
    parts = []
    for part in reason.split("; "):
        kind, colon, rest = part.partition(": ")
        files = rest.split(", ")
        if colon and len(files) > 1 and not kind.startswith("Params"):
            rest = f"{files[0]} and {len(files) - 1} more"
        text = f"{kind}{colon}{rest}"
        parts.append(text if len(text) <= _LONG else f"{text[:_LONG]}…")
    return "; ".join(parts)


def _before(jobs: Sequence[Job], many: int) -> Iterator[str]:
    """Tell which jobs would run before this one, and the reasons that start them."""
    due = [job for job in jobs if job.reason]
    if not due:
        return
    counts = Counter(job.rule for job in due)
    told = ", ".join(f"{rule} ({count})" for rule, count in counts.items())
    yield _line("first", f"{len(due)} other job{'s' if len(due) > 1 else ''}: {told}")
    causes: dict[tuple[str, ...], list[str]] = {}
    for job in due:
        own = [part for part in job.reason.split("; ") if not part.startswith(_PASSED_ON)]
        if own:
            kinds = tuple(part.partition(": ")[0] for part in own)
            causes.setdefault((job.rule, *kinds), []).append(shortened("; ".join(own)))
    texts = [
        f"{rule}: {found[0]}" + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")
        for (rule, *_), found in causes.items()
    ]
    yield from _lines("because", texts, many)


def why(job: Job, module: str) -> Iterator[str]:
    """Yield the chain of imports by which a rule's code reaches `module`."""
    from rerender.provenance.fingerprint import CodeTree

    tree = CodeTree.read()
    if module not in tree.modules:
        raise unknown_name("module", module, closest_first(module, tree.modules)[:_MANY])
    chains = [chain for entry in _entries(job) if (chain := tree.chain(entry, module))]
    yield from (" -> ".join(chain) for chain in chains)
    if not chains:
        yield f"The code of rule {job.rule} cannot reach {module}: editing it reruns nothing here."


def _entries(job: Job) -> tuple[str, ...]:
    from rerender.commands.dag import modules_of_rule

    return modules_of_rule(Path(job.snakefile).read_text(encoding="utf-8"), job.rule)


def _code(job: Job, path: Path, many: int) -> Iterator[str]:
    """Tell which modules the rule's fingerprint covers, and which were touched since the file was made.

    A manifest beside the file knows better which of them really changed.
    """
    from rerender.provenance.fingerprint import CodeTree
    from rerender.provenance.manifest import NAME

    entries = _entries(job)
    if not entries:
        return
    reached = sorted(CodeTree.read().reaches(*entries))
    told = f"{len(reached)} modules reached from {', '.join(entries)}"
    yield _line("code", f"{job.params.get('code', '')}: {told}")
    if many > _MANY:
        yield from _lines("", reached, many)
    if path.is_file() and not (path.parent / NAME).is_file():
        made = path.stat().st_mtime
        edited = [module for module in reached if _source(module).stat().st_mtime > made]
        yield from _lines("touched", edited, many)


def _source(module: str) -> Path:
    """Return the file of a module of this package."""
    from rerender.provenance.fingerprint import PACKAGE_ROOT

    path = PACKAGE_ROOT.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _manifest(path: Path) -> Iterator[str]:
    """Tell what the manifest beside the file says about today."""
    from rerender.commands.verify import parameters_now
    from rerender.provenance.manifest import NAME
    from rerender.provenance.verify import verify

    if not (path.parent / NAME).is_file():
        return
    try:
        (checked,) = verify([path], parameters_now=parameters_now())
    except UserError as error:
        yield _line("manifest", error.message)
        return
    told = [f"{problem.kind}: {problem.detail}" for problem in checked.problems]
    yield from _lines(
        "manifest", told or ["agrees with the files, the code, the libraries and the configuration"], 10**6
    )


def _parameters(params: Mapping[str, Any]) -> list[str]:
    """Write parameters as dotted keys, without the fingerprint, which has a line of its own."""
    from rerender.provenance.verify import flat

    nested = json.loads(json.dumps(dict(params), default=_fields))
    return [f"{key} = {value}" for key, value in flat(nested).items() if key != "code"]


def _fields(value: Any) -> Any:
    """Turn settings objects into mappings, and anything else into text."""
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else str(value)  # type: ignore[arg-type]


def _claim(claim: Claim) -> str:
    return f"{claim.id} ({claim.artefact}, {claim.kind}): {claim.statement}"


def _line(label: str, text: str) -> str:
    return f"  {label:<{_WIDTH}} {text}"


def _lines(label: str, texts: Sequence[str], many: int) -> Iterator[str]:
    for index, text in enumerate(texts[:many]):
        yield _line("" if index else label, text)
    if len(texts) > many:
        yield _line("", f"… and {len(texts) - many} more (--all)")


def _setting(text: str) -> tuple[str, Any]:
    """Read `key=value`, the value as YAML like Snakemake does."""
    import yaml

    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UserError(f"'{text}' is not of the form KEY=VALUE", "Type for example: --config tier=smoke")
    return key, yaml.safe_load(value)
