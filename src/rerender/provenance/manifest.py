"""The manifest of a run: what was made, from what, by which code, where and at which cost.

Written last and atomically, so a folder with a manifest is complete. Everything outside `run` and `source` is
a pure function of parameters, inputs, code and outputs: runs with equal files have equal manifests there. No
host or user name and no absolute path enters it, so it can be published. `digest` guards the record itself.

Paths of outputs are relative to the manifest's folder and paths of inputs to the workflow's folder, so a
results tree may be moved.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from rerender import __version__
from rerender.core.errors import UserError
from rerender.core.files import read_json, sha256_file, write_json
from rerender.provenance.fingerprint import CodeTree, combine
from rerender.provenance.host import Cost, git_state, hardware

FORMAT = 1
NAME = "manifest.json"
_VOLATILE = ("run", "source", "digest")


@dataclass(frozen=True)
class Code:
    """The code of a stage: the modules it names, and the digest of every module they reach.

    `fingerprint` is the workflow's `params: code=`; `files` are data files that it covers.
    """

    entries: tuple[str, ...]
    modules: Mapping[str, str]
    fingerprint: str
    files: tuple[str, ...] = ()

    @classmethod
    def of(cls, *entries: str, files: Iterable[Path | str] = (), tree: CodeTree | None = None) -> Code:
        """Look up the present code of `entries`, as `fingerprint(*entries, files=files)` does."""
        tree = CodeTree.read() if tree is None else tree
        modules = tree.digests(*entries)
        names = tuple(sorted(Path(path).as_posix() for path in files))
        return cls(tuple(sorted(entries)), modules, combine(modules, names), names)


def run_id(
    parameters: Any, code: str, inputs: Mapping[str, str], stack: Mapping[str, str] | None = None
) -> str:
    """Return 16 hex digits that name a run: its parameters, code, input hashes and library versions.

    State of an unfinished run is kept under this name, so no other run can pick it up.
    """
    return _hash([plain(parameters), code, dict(inputs), dict(stack or {})])[:16]


def hash_files(paths: Mapping[str, Path | str]) -> dict[str, str]:
    """Return the SHA-256 of every file, under the same names. For the `inputs` of `run_id`."""
    return {name: sha256_file(_existing(path)) for name, path in paths.items()}


def write_manifest(
    path: Path | str,
    *,
    stage: str,
    run_id: str,
    parameters: Any,
    inputs: Mapping[str, Path | str],
    outputs: Mapping[str, Path | str],
    code: Code,
    stack: Mapping[str, str],
    seeds: Mapping[str, Any] | None = None,
    backend: str = "",
    cost: Cost | None = None,
    attempts: int = 1,
    resumed_from: int | None = None,
    assets: str = "",
    notes: Mapping[str, Any] | None = None,
    root: Path | str = ".",
) -> dict[str, Any]:
    """Hash inputs and outputs, and write the manifest. Call it after every output is in place.

    `inputs` and `outputs` map a short name to a file; outputs must lie below the manifest's folder. `root`
    is the workflow's folder. `seeds` maps a purpose to the seed or seed keys it used. Returns the manifest.
    """
    path = Path(path)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "stage": stage,
        "run_id": run_id,
        "parameters": plain(parameters),
        "inputs": {name: _input_entry(Path(file), Path(root)) for name, file in sorted(inputs.items())},
        "outputs": {name: _output_entry(Path(file), path.parent) for name, file in sorted(outputs.items())},
        "seeds": plain(seeds or {}),
        "code": plain(dataclasses.asdict(code)),
        "stack": dict(sorted(stack.items())),
        "backend": backend,
        "assets": assets,
        "notes": plain(notes or {}),
        "source": {"version": __version__, **git_state()},
        "run": {
            "hardware": hardware(gpu=backend.startswith("cuda")),
            **plain(dataclasses.asdict(cost) if cost else {}),
            "attempts": attempts,
            "resumed_from": resumed_from,
        },
    }
    manifest["digest"] = _hash(manifest)
    write_json(path, manifest)
    return manifest


def read_manifest(path: Path | str) -> dict[str, Any]:
    """Read a manifest and check that it is whole and unedited."""
    again = f"Delete it and make it again: snakemake {path}"
    try:
        manifest = read_json(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a manifest: {error}", again) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise UserError(f"{path} is not a manifest of format {FORMAT}", again)
    body = {key: value for key, value in manifest.items() if key != "digest"}
    if manifest.get("digest") != _hash(body):
        raise UserError(f"{path} was changed after it was written", again)
    return manifest


def stable_part(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest without time, cost, host and commit: equal for equal runs."""
    return {key: value for key, value in manifest.items() if key not in _VOLATILE}


def plain(value: Any) -> Any:
    """Turn settings into plain JSON values; refuse what cannot be written without loss."""
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str | Path):
        return _portable(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UserError(f"a parameter is {value}", "Parameters of a run must be finite numbers.")
        return value
    if isinstance(value, Path):
        if value.is_absolute():
            raise UserError(
                f"a parameter holds the absolute path {value}", "Give paths relative to the workflow."
            )
        return value.as_posix()
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in sorted(value.items(), key=lambda pair: str(pair[0]))}
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=repr)
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        return plain(value.item())
    raise TypeError(f"cannot write a {type(value).__name__} into a manifest")


def _portable(value: str | Path) -> str:
    text = value if isinstance(value, str) else value.as_posix()
    if Path(text).is_absolute():
        raise UserError(f"a parameter holds the absolute path {text}", "Give paths relative to the workflow.")
    return text


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _existing(path: Path | str) -> Path:
    if not Path(path).is_file():
        raise UserError(f"{path} does not exist, so it cannot be recorded", "The stage did not write it.")
    return Path(path)


def _entry(name: str, file: Path) -> dict[str, Any]:
    return {"path": name, "sha256": sha256_file(_existing(file)), "bytes": file.stat().st_size}


def _input_entry(file: Path, root: Path) -> dict[str, Any]:
    """Describe an input. One outside the workflow's folder is recorded by its hash alone (`path` null)."""
    inside = file.resolve().is_relative_to(root.resolve())
    entry = _entry(file.name, file)
    entry["path"] = file.resolve().relative_to(root.resolve()).as_posix() if inside else None
    return entry


def _output_entry(file: Path, folder: Path) -> dict[str, Any]:
    if not file.resolve().is_relative_to(folder.resolve()):
        raise UserError(
            f"output {file} is not below {folder}", "A run writes below the folder of its manifest."
        )
    return _entry(file.resolve().relative_to(folder.resolve()).as_posix(), file)
