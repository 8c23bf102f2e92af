"""One source file as a syntax tree: its digest, and the modules that it can import.

The digest covers statements only. Comments, formatting, docstrings and other bare strings do not enter it,
and neither do line numbers. The imports are found without running anything: `import` statements at any depth
(except under `if TYPE_CHECKING:`), `import_module` with a text that can be read off (an f-string becomes a
pattern), registry names such as `"rerender.perception.pixels:load"`, and a module's own `__reaches__` tuple,
which takes the place of what its dynamic imports leave open.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LAZY_NAME = re.compile(r"(\w+(?:\.\w+)+):\w+")
DECLARATION = "__reaches__"
_IGNORED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


@dataclass(frozen=True)
class FileCode:
    """What a stage needs to know of one file.

    `imports` are dotted names inside the package (a candidate may be an object instead of a module, and `*`
    stands for a part known only at run time); `external` are top-level names of other packages; `unclear`
    are the lines of dynamic imports whose target cannot be read off; `error` is a syntax error's text.
    """

    digest: str
    imports: tuple[str, ...] = ()
    external: tuple[str, ...] = ()
    unclear: tuple[int, ...] = ()
    error: str = ""


def scan(source: bytes, module: str, *, is_package: bool) -> FileCode:
    """Read one source text of the dotted `module`; its first component names the package."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        return FileCode(digest="", error=f"line {line}: {getattr(error, 'msg', error)}")
    reader = _Reader(module, is_package)
    reader.write(tree)
    digest = hashlib.blake2b("\0".join(reader.tokens).encode("utf-8", "surrogatepass"), digest_size=8)
    if not reader.declared:
        reader.imports |= reader.patterns
    unclear = () if reader.declared else tuple(sorted(reader.unclear))
    return FileCode(
        digest.hexdigest(), tuple(sorted(reader.imports)), tuple(sorted(reader.external)), unclear
    )


class _Reader:
    """Walks a tree once: writes its canonical tokens and collects the imports."""

    def __init__(self, module: str, is_package: bool) -> None:
        self.module = module
        self.package = module.split(".", 1)[0]
        self.folder = module if is_package else module.rpartition(".")[0]
        self.tokens: list[str] = []
        self.imports: set[str] = set()
        self.patterns: set[str] = set()
        self.external: set[str] = set()
        self.unclear: set[int] = set()
        self.declared = False
        self.type_only = 0

    def write(self, node: ast.AST) -> None:
        """Append the node's tokens: its class, its non-empty fields, then a closing mark."""
        kind = type(node)
        put = self.tokens.append
        if kind is ast.Name:  # a third of all nodes
            put("Name")
            put(node.id)  # type: ignore[attr-defined]
            return
        if kind is ast.Constant:
            value = node.value  # type: ignore[attr-defined]
            if isinstance(value, str) and (name := LAZY_NAME.fullmatch(value)):
                self.found(name[1])
            put(repr(value))
            return
        if kind in _VISITORS:
            _VISITORS[kind](self, node)
        put(kind.__name__)
        for field in _FIELDS[kind]:
            value = getattr(node, field, None)
            if value is None:
                continue
            if isinstance(value, list):
                if (
                    kind is ast.JoinedStr
                ):  # Python 3.12.1 puts empty texts into f-strings, 3.11 and 3.13 do not
                    value = [part for part in value if getattr(part, "value", None) != ""]
                if value:
                    put(field)
                    guarded = kind is ast.If and field == "body" and _type_checking(node)
                    self.type_only += guarded
                    self.write_list(value)
                    self.type_only -= guarded
            elif isinstance(value, ast.AST):
                put(field)
                self.write(value)
            else:
                put(field)
                put(repr(value))
        put(")")

    def write_list(self, values: list[object]) -> None:
        """Append a list of nodes and names, leaving out bare strings (docstrings among them)."""
        put = self.tokens.append
        put("[")
        for value in values:
            if isinstance(value, ast.AST):
                if not _bare_string(value):
                    self.write(value)
            else:
                put(repr(value))
        put("]")

    def found(self, name: str) -> None:
        """Record an absolute dotted name or pattern."""
        if self.type_only:
            return
        top = name.split(".", 1)[0]
        if top == self.package:
            self.imports.add(name)
        elif top and "*" not in top:
            self.external.add(top)

    def relative(self, level: int, name: str) -> str:
        """Make a relative import absolute: `level` dots, then `name`."""
        parts = self.folder.split(".")
        base = parts[: len(parts) - level + 1] if level else []
        return ".".join([*base, *([name] if name else [])])

    def visit_import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.found(alias.name)

    def visit_import_from(self, node: ast.ImportFrom) -> None:
        base = self.relative(node.level, node.module or "")
        self.found(base)
        for alias in node.names:
            if alias.name != "*":
                self.found(f"{base}.{alias.name}")

    def visit_call(self, node: ast.Call) -> None:
        """Follow `import_module(text)` and `__import__(text)`."""
        name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
        if name not in ("import_module", "__import__") or not node.args:
            return
        text = self.readable(node.args[0])
        if text.startswith("."):
            dots = len(text) - len(text.lstrip("."))
            text = self.relative(dots, text[dots:])
        if text.startswith("*"):
            self.unclear.add(node.lineno)
        elif "*" in text and text.startswith(f"{self.package}."):
            self.patterns.add(text)
        else:
            self.found(text)

    def visit_assign(self, node: ast.Assign | ast.AnnAssign) -> None:
        """Follow the declaration `__reaches__ = ("rerender.a", ...)`."""
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if not any(isinstance(target, ast.Name) and target.id == DECLARATION for target in targets):
            return
        self.declared = True
        for item in getattr(node.value, "elts", []):
            if isinstance(item, ast.Constant) and isinstance(item.value, str):
                self.found(item.value)

    def readable(self, node: ast.expr) -> str:
        """Read a text off an expression, with `*` for what only the run knows."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.JoinedStr(values=parts):
                return "".join(map(self.readable, parts))
            case ast.FormattedValue(value=inner):
                return self.readable(inner)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self.readable(left) + self.readable(right)
            case ast.Name(id="__name__"):
                return self.module
            case ast.Name(id="__package__"):
                return self.folder
        return "*"


_FIELDS: Mapping[type[ast.AST], tuple[str, ...]] = {
    kind: tuple(field for field in kind._fields if field not in _IGNORED)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}

_VISITORS: dict[type[ast.AST], Callable[[_Reader, Any], None]] = {
    ast.Import: _Reader.visit_import,
    ast.ImportFrom: _Reader.visit_import_from,
    ast.Call: _Reader.visit_call,
    ast.Assign: _Reader.visit_assign,
    ast.AnnAssign: _Reader.visit_assign,
}


def _bare_string(node: ast.AST) -> bool:
    """Tell whether a statement is only a string, which does nothing when run."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _type_checking(node: ast.AST) -> bool:
    """Tell whether `if` asks for `TYPE_CHECKING`, so that its body never runs."""
    test = node.test if isinstance(node, ast.If) else None
    return getattr(test, "id", None) == "TYPE_CHECKING" or getattr(test, "attr", None) == "TYPE_CHECKING"
