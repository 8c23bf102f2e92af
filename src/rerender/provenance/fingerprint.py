"""Code fingerprints: a hash of the statements that a stage can reach, for the workflow's `params: code=`.

A stage names the modules it calls; the fingerprint covers these, the package `__init__` files that importing
them runs, and whatever they import from this package in turn, at any depth of laziness (see `syntax` for what
counts). Editing a comment or a docstring changes nothing; editing a statement changes exactly the stages that
can reach it. Nothing is imported and only the standard library is used, so that parsing a workflow is fast.

    params: code=fingerprint("rerender.papers.metamers.optimise")

Per-file results are cached beside the byte code (`__pycache__`), keyed by size and times; an unwritable
folder only costs time.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from fnmatch import fnmatchcase
from importlib.util import cache_from_source
from pathlib import Path

from rerender.core.errors import UserError, closest_first, unknown_name
from rerender.provenance import syntax
from rerender.provenance.syntax import FileCode, scan

PACKAGE_ROOT = Path(__file__).resolve().parents[1]
_SETTLED_NS = 2_000_000_000  # a file younger than this may change again within one tick of its clock


def fingerprint(*modules: str, extra: Iterable[str] = (), files: Iterable[Path | str] = ()) -> str:
    """Return 16 hex digits for the code that `modules` can reach.

    A package name stands for all its modules. `extra` declares modules that only run-time strings name, and
    `files` adds data files (such as `config/assets.tsv`) by content. To ask for many stages, read a
    `CodeTree` once and use its method.
    """
    return CodeTree.read().fingerprint(*modules, extra=extra, files=files)


def reaches(*modules: str) -> frozenset[str]:
    """Return the dotted names of all modules that `modules` can reach, themselves included."""
    return CodeTree.read().reaches(*modules)


@dataclass(frozen=True)
class CodeTree:
    """The syntax of every module of one package, at one moment."""

    package: str
    modules: Mapping[str, FileCode]
    _imported: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def read(cls, root: Path = PACKAGE_ROOT, cache: Path | None = None) -> CodeTree:
        """Scan the package in folder `root`, reusing cached results of unchanged files."""
        cache = default_cache(root) if cache is None else cache
        scanner = hashlib.blake2b(Path(syntax.__file__).read_bytes(), digest_size=8).hexdigest()
        known = _load_cache(cache, scanner)
        modules: dict[str, FileCode] = {}
        entries: dict[str, list[object]] = {}
        fresh = False
        for module, path, stat in _sources(root):
            key = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
            stored = known.get(module)
            if stored is not None and stored[0] == key:
                code = _from_json(stored[1])
            else:
                code = scan(path.read_bytes(), module, is_package=path.name == "__init__.py")
                fresh = True
            modules[module] = code
            if max(stat.st_mtime_ns, stat.st_ctime_ns) < time.time_ns() - _SETTLED_NS:
                entries[module] = [key, astuple(code)]
        if fresh and entries:
            _save_cache(cache, {"scanner": scanner, "files": entries})
        return cls(root.name, modules)

    def reaches(self, *entries: str) -> frozenset[str]:
        """Return every module that the entries can import, with the packages on the way."""
        return frozenset(self._search(entries))

    def chain(self, entry: str, module: str) -> tuple[str, ...]:
        """Return a shortest chain of imports from `entry` to `module`; empty if it cannot reach it."""
        came_from = self._search((entry,))
        links: list[str] = []
        step: str | None = module if module in came_from else None
        while step is not None:
            links.append(step)
            step = came_from[step]
        return tuple(reversed(links))

    def _search(self, entries: Iterable[str]) -> dict[str, str | None]:
        """Map every module within reach to the one that led to it, nearest first."""
        found: dict[str, str | None] = {module: None for entry in entries for module in self._entry(entry)}
        waiting = deque(found)
        while waiting:
            module = waiting.popleft()
            for target in self._targets(module):
                if target not in found:
                    found[target] = module
                    waiting.append(target)
        return found

    def _targets(self, module: str) -> tuple[str, ...]:
        """Return the modules that one module imports, each once; found once, as every stage walks the same ones."""
        known = self._imported.get(module)
        if known is None:
            code = self.modules[module]
            if code.error:
                raise UserError(
                    f"cannot read module {module}: {code.error}", "Mend the syntax and run again."
                )
            named = (target for name in code.imports for target in self._resolve(name))
            known = self._imported[module] = tuple(dict.fromkeys((*self._parents(module), *named)))
        return known

    def digests(self, *entries: str) -> dict[str, str]:
        """Map every reachable module to the digest of its statements, sorted by name."""
        return {module: self.modules[module].digest for module in sorted(self.reaches(*entries))}

    def external(self, *entries: str) -> frozenset[str]:
        """Return the top-level names of other packages that the entries can import."""
        return frozenset(name for module in self.reaches(*entries) for name in self.modules[module].external)

    def fingerprint(self, *entries: str, extra: Iterable[str] = (), files: Iterable[Path | str] = ()) -> str:
        """Return 16 hex digits over the reachable modules and the contents of `files`."""
        return combine(self.digests(*entries, *extra), files)

    def _entry(self, name: str) -> list[str]:
        """Turn what a stage names into modules: one module, or a package with all below it."""
        inside = [module for module in self.modules if module == name or module.startswith(f"{name}.")]
        if not inside:
            nearest = closest_first(name, self.modules)[:8]
            raise unknown_name("module", name, nearest, "A fingerprint takes dotted module names.")
        return inside

    def _resolve(self, name: str) -> list[str]:
        """Turn an import candidate into the modules that exist."""
        if "*" in name:
            return [module for module in self.modules if fnmatchcase(module, name)]
        # `import a.b.c` runs a, a.b and a.b.c; for `from a.b import thing`, a.b.thing does not exist.
        return [module for module in (name, *self._parents(name)) if module in self.modules]

    def _parents(self, module: str) -> list[str]:
        parts = module.split(".")
        parents = [".".join(parts[:depth]) for depth in range(1, len(parts))]
        return [parent for parent in parents if parent in self.modules]


def combine(digests: Mapping[str, str], files: Iterable[Path | str] = ()) -> str:
    """Hash module digests and data files to 16 hex digits."""
    total = hashlib.blake2b(digest_size=8)
    for module, digest in sorted(digests.items()):
        total.update(f"{module} {digest}\n".encode())
    for path in sorted(map(Path, files)):
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "absent"
        total.update(f"file {path.name} {content}\n".encode())
    return total.hexdigest()


def default_cache(root: Path) -> Path:
    """Return the cache file of a package: beside its byte code, wherever Python keeps that."""
    return Path(cache_from_source(str(root / "fingerprint.py"))).with_suffix(".json")


def _sources(root: Path) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Yield (dotted name, path, stat) of every module below `root`, in a fixed order."""
    folders = [(root.name, str(root))]
    while folders:
        name, folder = folders.pop()
        with os.scandir(folder) as listing:
            for entry in sorted(listing, key=lambda item: item.name):
                if entry.is_dir():
                    if entry.name.isidentifier() and entry.name != "__pycache__":
                        folders.append((f"{name}.{entry.name}", entry.path))
                elif entry.name.endswith(".py"):
                    module = name if entry.name == "__init__.py" else f"{name}.{entry.name[:-3]}"
                    yield module, Path(entry.path), entry.stat()


def _from_json(values: list[object]) -> FileCode:
    """Rebuild a scanned file from its cached lists."""
    return FileCode(*(tuple(value) if isinstance(value, list) else value for value in values))  # type: ignore[arg-type]


def _load_cache(path: Path, scanner: str) -> dict[str, list[list[object]]]:
    """Read the cache, or nothing when it is absent, damaged or made by another scanner."""
    try:
        stored = json.loads(path.read_bytes())
        return dict(stored["files"]) if stored["scanner"] == scanner else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _save_cache(path: Path, content: object) -> None:
    """Write the cache whole or not at all; a folder that refuses is not an error."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(content, separators=(",", ":")))
        os.replace(partial, path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
