"""Files that are whole or absent: write to a temporary name, flush, rename."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rerender.core.errors import UserError

Tree = Any  # nested dicts and lists whose leaves are arrays, numbers, strings, booleans or None


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary sibling of `path` to write to; rename it to `path` on success.

    The temporary file keeps the suffix, is flushed to disk before the rename and is removed on
    any failure, so a reader sees the old file or the whole new one. Raises `UserError` when the
    disk is full or the folder cannot be written.
    """
    path = Path(path)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with open(partial, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise explain_os_error(error, path) from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside `folder`; its files move there at the end, all of them, and none if anything fails.

    Raises `UserError` when the disk is full or nothing can be written there.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise explain_os_error(error, folder) from error
    try:
        yield partial
        for path in sorted(path for path in partial.rglob("*") if path.is_file()):
            final = folder / path.relative_to(partial)
            final.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, final)
    except OSError as error:
        raise explain_os_error(error, folder) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def explain_os_error(error: OSError, path: Path) -> Exception:
    """Turn a full disk or a refused write into a `UserError`; return other errors unchanged."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(
            f"no space left while writing {path}",
            "Nothing was half-written; the previous file is kept. Free some space and run the same command again.",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError(
            f"no permission to write {path}",
            f"Make {path.parent} writable, or choose another output folder.",
        )
    return error


def write_text(path: Path | str, text: str) -> None:
    """Write `text` (UTF-8) to `path` atomically."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read JSON from `path`."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def sha256_file(path: Path | str) -> str:
    """Return the SHA-256 of a file as lower-case hex."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def save_tree(path: Path | str, tree: Tree) -> None:
    """Write a tree of arrays and plain values to one `.npz`, without pickles, atomically.

    Array leaves are stored as members `a0`, `a1`, …; the structure is JSON in the member `tree`.
    """
    arrays: dict[str, np.ndarray] = {}
    skeleton = json.dumps(_strip(tree, arrays))
    with atomic_path(path) as partial, open(partial, "wb") as handle:
        np.savez(handle, allow_pickle=False, tree=np.array(skeleton), **arrays)


def load_tree(path: Path | str, *names: str) -> Tree:
    """Read a tree written by `save_tree`; with `names`, only what the root has under these."""
    with np.load(path, allow_pickle=False) as stored:
        root = json.loads(str(stored["tree"]))
        if names:
            root = {"d": {name: root["d"][name] for name in names if name in root["d"]}}
        return _restore(root, stored)


# Not closures: one that calls itself is a reference cycle, which would keep the arrays in memory until some
# later garbage collection, hundreds of megabytes in a loop that saves often.


def _strip(node: Tree, arrays: dict[str, np.ndarray]) -> Tree:
    """Return `node` as JSON, with its arrays moved to `arrays`."""
    if isinstance(node, Mapping):
        return {"d": {str(key): _strip(value, arrays) for key, value in node.items()}}
    if isinstance(node, list | tuple):
        return {"l": [_strip(value, arrays) for value in node]}
    if isinstance(node, np.ndarray | np.generic):
        name = f"a{len(arrays)}"
        arrays[name] = np.asarray(node)
        return {"a": name}
    if node is None or isinstance(node, bool | int | float | str):
        return {"v": node}
    raise TypeError(f"cannot save a {type(node).__name__}")


def _restore(node: Tree, arrays: Mapping[str, np.ndarray]) -> Tree:
    """Undo `_strip`."""
    ((kind, value),) = node.items()
    if kind == "d":
        return {key: _restore(child, arrays) for key, child in value.items()}
    if kind == "l":
        return [_restore(child, arrays) for child in value]
    return arrays[value] if kind == "a" else value
