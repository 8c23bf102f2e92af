"""Compare manifests with the present: the files, the code, the library versions and the parameters."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rerender.core.errors import UserError
from rerender.core.files import sha256_file
from rerender.provenance.fingerprint import CodeTree
from rerender.provenance.manifest import NAME, Code, plain, read_manifest
from rerender.provenance.stack import stack

KINDS = (
    "missing",
    "unreadable",
    "outputs changed",
    "inputs changed",
    "code differs",
    "stack differs",
    "parameters differ",
)
"""What can be wrong with a run, worst first."""

RESULT_FILE = "final.npz"
"""A run's main output; a folder that has it without a manifest is incomplete."""

ParametersNow = Callable[[Path, Mapping[str, Any]], Any]
"""From a manifest's path and content to the parameters that the configuration asks for now, or None."""


@dataclass(frozen=True)
class Problem:
    """One difference: its kind (one of `KINDS`) and what it is about."""

    kind: str
    detail: str


@dataclass(frozen=True)
class Checked:
    """The outcome for one run folder."""

    folder: Path
    problems: tuple[Problem, ...]

    @property
    def state(self) -> str:
        """Return `ok`, or the worst kind of problem."""
        found = {problem.kind for problem in self.problems}
        return next((kind for kind in KINDS if kind in found), "ok")


def verify(
    paths: Iterable[Path | str],
    *,
    root: Path | str = ".",
    tree: CodeTree | None = None,
    parameters_now: ParametersNow | None = None,
    files_only: bool = False,
) -> list[Checked]:
    """Check every run at or below `paths`, in path order.

    `root` is the workflow's folder, to which inputs are relative. With `files_only`, code, versions and
    parameters are left out. Raises `UserError` when there is nothing to check.
    """
    folders = sorted({folder for path in paths for folder in _run_folders(Path(path))})
    if not folders:
        raise UserError(
            f"no manifest found under {', '.join(map(str, paths))}",
            "Make some results first, or name their folder.",
        )
    tree = CodeTree.read() if tree is None else tree
    hashes: dict[Path, str] = {}
    checked = []
    for folder in folders:
        found: list[Problem] = []
        try:
            manifest = read_manifest(_manifest_in(folder))
        except _MissingManifest as error:
            found.append(Problem("missing", str(error)))
        except UserError as error:
            found.append(Problem("unreadable", error.message))
        else:
            found += file_problems(manifest, folder, Path(root), hashes)
            if not files_only:
                found += code_problems(manifest, tree, Path(root))
                found += stack_problems(manifest)
                if parameters_now is not None:
                    wanted = parameters_now(folder / NAME, manifest)
                    found += parameter_problems(manifest, wanted)
        checked.append(Checked(folder, tuple(found)))
    return checked


def file_problems(
    manifest: Mapping[str, Any], folder: Path, root: Path, hashes: dict[Path, str]
) -> Iterator[Problem]:
    """Yield outputs and inputs that are gone or have another hash. `hashes` remembers what was read."""
    for role, base in (("outputs", folder), ("inputs", root)):
        for name, entry in manifest[role].items():
            if entry["path"] is None:
                continue
            path = base / entry["path"]
            if not path.is_file():
                yield Problem("missing", f"{role[:-1]} {name}: {entry['path']} is gone")
                continue
            now = hashes.get(path) or hashes.setdefault(path, sha256_file(path))
            if now != entry["sha256"]:
                was = entry["sha256"]
                yield Problem(f"{role} changed", f"{name}: {entry['path']} was {was[:12]}, is {now[:12]}")


def code_problems(manifest: Mapping[str, Any], tree: CodeTree, root: Path) -> Iterator[Problem]:
    """Yield the modules and data files whose content is not what the run was made with."""
    recorded = manifest["code"]
    try:
        present = Code.of(*recorded["entries"], files=[root / name for name in recorded["files"]], tree=tree)
    except UserError as error:
        yield Problem("code differs", error.message)
        return
    differences = list(changes(recorded["modules"], present.modules))
    if recorded["fingerprint"] != present.fingerprint:
        differences = differences or [f"a data file: {', '.join(recorded['files']) or 'unknown'}"]
    if differences:
        yield Problem("code differs", ", ".join(differences))


def stack_problems(manifest: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield one problem naming the libraries that have another version now."""
    recorded = manifest["stack"]
    differences = list(changes(recorded, stack(*recorded), show=True))
    if differences:
        yield Problem("stack differs", ", ".join(differences))


def parameter_problems(manifest: Mapping[str, Any], wanted: Any) -> Iterator[Problem]:
    """Yield one problem naming the parameters that the configuration now sets otherwise."""
    if wanted is None:
        return
    differences = list(changes(flat(manifest["parameters"]), flat(plain(wanted)), show=True))
    if differences:
        yield Problem("parameters differ", ", ".join(differences))


def changes(old: Mapping[str, Any], new: Mapping[str, Any], *, show: bool = False) -> Iterator[str]:
    """Yield a few words for every key that differs; with `show`, both values as well."""
    for key in sorted({*old, *new}):
        if key not in new:
            yield f"{key} is gone"
        elif key not in old:
            yield f"{key} is new"
        elif old[key] != new[key]:
            yield f"{key} {old[key]} -> {new[key]}" if show else f"{key} changed"


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings to dotted keys; lists stay whole."""
    if not isinstance(value, Mapping):
        return {prefix or "value": value}
    found: dict[str, Any] = {}
    for key, item in value.items():
        found.update(flat(item, f"{prefix}.{key}" if prefix else str(key)))
    return found


def report(checked: Sequence[Checked], *, quiet: bool = False) -> str:
    """Write one line a run (only those with problems if `quiet`), its problems, and a summary."""
    width = max(len(kind) for kind in ("ok", *KINDS))
    lines = []
    for run in checked:
        if run.problems or not quiet:
            lines.append(f"{run.state:<{width}}  {run.folder}")
        lines += [f"{'':<{width}}    {problem.kind}: {problem.detail}" for problem in run.problems]
    counts = Counter(run.state for run in checked)
    told = ", ".join(f"{counts[state]} {state}" for state in ("ok", *KINDS) if counts[state])
    return "\n".join([*lines, f"{len(checked)} runs: {told}"])


class _MissingManifest(UserError):
    """A run folder without its manifest."""


def _manifest_in(folder: Path) -> Path:
    path = folder / NAME
    if not path.is_file():
        raise _MissingManifest(f"{RESULT_FILE} is here without a {NAME}: the run did not finish")
    return path


def _run_folders(path: Path) -> Iterator[Path]:
    """Yield the run folders at or below a folder, a manifest or any file of a run."""
    if path.is_dir():
        for folder, _, names in os.walk(path, followlinks=True):  # results are often links to scratch space
            if NAME in names or RESULT_FILE in names:
                yield Path(folder)
    elif (path.parent / NAME).is_file() or (path.parent / RESULT_FILE).is_file():
        yield path.parent
