"""Fingerprints: comments never count, statements always do, and only along imports."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from rerender.core.errors import UserError
from rerender.provenance.fingerprint import PACKAGE_ROOT, CodeTree, default_cache, fingerprint, reaches

PACKAGE: Mapping[str, str] = {
    "__init__.py": '"""A package."""\nVERSION = 1\n',
    "core/__init__.py": "",
    "core/shapes.py": "def area(r):\n    '''Area.'''\n    return 3 * r * r\n",
    "core/unused.py": "X = 1\n",
    "models/__init__.py": "TABLE = {'pixel': 'pkg.models.pixel:load'}\n",
    "models/pixel.py": "def load():\n    return 1\n",
    "models/deep.py": "def load():\n    return 2\n",
    "papers/__init__.py": "",
    "papers/one/__init__.py": "",
    "papers/one/settings.py": "LR = 0.1\n",
    "papers/one/optimise.py": """
        from __future__ import annotations
        from typing import TYPE_CHECKING
        from ...core import shapes
        from .settings import LR
        if TYPE_CHECKING:
            from pkg.core import unused

        def run():
            from pkg import models
            return shapes.area(LR), models
    """,
    "papers/one/tables.py": """
        import importlib
        def table(name):
            return importlib.import_module(f"pkg.papers.{name}.settings")
    """,
    "papers/two/__init__.py": "",
    "papers/two/settings.py": "import json\n",
    "papers/two/start.py": "import importlib\nm = importlib.import_module('.settings', __package__)\n",
}
ENTRIES = ("pkg.papers.one.optimise", "pkg.papers.one.tables", "pkg.papers.two.start")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in PACKAGE.items():
        path = tmp_path / "pkg" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return tmp_path / "pkg"


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the cache trust files that were written just now."""
    monkeypatch.setattr("rerender.provenance.fingerprint._SETTLED_NS", 0)


def prints(root: Path) -> dict[str, str]:
    tree = CodeTree.read(root)
    return {entry: tree.fingerprint(entry) for entry in ENTRIES}


def changed(root: Path, file: str, old: str, new: str) -> set[str]:
    """Edit one file and return the stages whose fingerprint moved (named by their last two parts)."""
    before = prints(root)
    path = root / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    after = prints(root)
    return {entry.removeprefix("pkg.papers.") for entry in ENTRIES if before[entry] != after[entry]}


def test_reaches_follows_static_lazy_relative_and_named_imports(root: Path) -> None:
    assert CodeTree.read(root).reaches("pkg.papers.one.optimise") == {
        "pkg",
        "pkg.core",
        "pkg.core.shapes",
        "pkg.models",
        "pkg.models.pixel",  # by its registry name
        "pkg.papers",
        "pkg.papers.one",
        "pkg.papers.one.settings",
        "pkg.papers.one.optimise",
    }


def test_chain_says_how_a_module_is_reached(root: Path) -> None:
    tree = CodeTree.read(root)
    entry = "pkg.papers.one.optimise"
    assert tree.chain(entry, "pkg.models.pixel") == (entry, "pkg.models", "pkg.models.pixel")
    assert tree.chain(entry, entry) == (entry,)
    assert tree.chain(entry, "pkg.core.unused") == ()


def test_reaches_follows_dynamic_imports_that_can_be_read(root: Path) -> None:
    tree = CodeTree.read(root)
    assert {"pkg.papers.one.settings", "pkg.papers.two.settings"} <= tree.reaches("pkg.papers.one.tables")
    assert "pkg.papers.two.settings" in tree.reaches("pkg.papers.two.start")
    assert tree.external("pkg.papers.two.start") == {"importlib", "json"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("'''Area.'''", '"""The area of a disc,\n    longer."""'),
        ("    return 3 * r * r", "    # a comment\n    return (3 *\n            r*r)  # more"),
        ("def area(r):", "\n\n\ndef area( r ) :"),
    ],
)
def test_comments_docstrings_and_formatting_change_nothing(root: Path, old: str, new: str) -> None:
    assert changed(root, "core/shapes.py", old, new) == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "stages"),
    [
        ("core/shapes.py", "3 * r", "4 * r", {"one.optimise"}),
        ("core/shapes.py", "3 * r", "3.0 * r", {"one.optimise"}),
        ("core/shapes.py", "* r * r", "* r ** r", {"one.optimise"}),
        ("core/unused.py", "1", "2", set()),
        ("models/pixel.py", "return 1", "return -1", {"one.optimise"}),
        ("models/deep.py", "return 2", "return 3", set()),
        ("papers/one/settings.py", "0.1", "0.2", {"one.optimise", "one.tables"}),
        ("papers/two/settings.py", "json", "math", {"one.tables", "two.start"}),
        ("__init__.py", "1", "2", {"one.optimise", "one.tables", "two.start"}),
    ],
)
def test_a_statement_changes_exactly_the_stages_that_reach_it(
    root: Path, file: str, old: str, new: str, stages: set[str]
) -> None:
    assert changed(root, file, old, new) == stages


def test_same_size_edit_with_the_old_mtime_is_seen(root: Path) -> None:
    path = root / "core" / "shapes.py"
    past = time.time_ns() - 10**12
    os.utime(path, ns=(past, past))
    before = prints(root)
    path.write_text(path.read_text().replace("3 *", "5 *"))
    os.utime(path, ns=(past, past))
    assert prints(root) != before


def test_texts_count_even_when_empty(root: Path) -> None:
    assert changed(root, "papers/one/settings.py", "0.1", "['']") == {"one.optimise", "one.tables"}
    assert changed(root, "papers/one/settings.py", "['']", "[]") == {"one.optimise", "one.tables"}
    assert changed(root, "papers/one/settings.py", "[]", "f'{1:>{2}}'") == {"one.optimise", "one.tables"}
    assert changed(root, "papers/one/settings.py", "{2}", "{3}") == {"one.optimise", "one.tables"}


def test_statement_moved_between_functions_changes_the_digest(root: Path) -> None:
    path = root / "core" / "shapes.py"
    path.write_text("def f():\n    a()\n    b()\ndef g():\n    c()\n")
    before = prints(root)
    path.write_text("def f():\n    a()\ndef g():\n    b()\n    c()\n")
    assert prints(root)["pkg.papers.one.optimise"] != before["pkg.papers.one.optimise"]


def test_a_new_module_that_an_import_now_means_is_followed(root: Path) -> None:
    (root / "core" / "thing.py").write_text("from . import unused\n")
    assert "pkg.core.unused" not in CodeTree.read(root).reaches("pkg.papers.one.optimise")
    assert changed(root, "papers/one/optimise.py", "core import shapes", "core import shapes, thing") == {
        "one.optimise"
    }
    assert "pkg.core.unused" in CodeTree.read(root).reaches("pkg.papers.one.optimise")


def test_extra_and_data_files_count(root: Path, tmp_path: Path) -> None:
    tree = CodeTree.read(root)
    entry = "pkg.papers.one.optimise"
    assert tree.fingerprint(entry, extra=["pkg.models.deep"]) != tree.fingerprint(entry)
    data = tmp_path / "assets.tsv"
    absent = tree.fingerprint(entry, files=[data])
    data.write_text("bunny\t1\n")
    first = tree.fingerprint(entry, files=[data])
    data.write_text("bunny\t2\n")
    assert len({absent, first, tree.fingerprint(entry, files=[data]), tree.fingerprint(entry)}) == 4


def test_a_package_stands_for_all_its_modules(root: Path) -> None:
    assert "pkg.papers.two.start" in CodeTree.read(root).reaches("pkg.papers.two")


def test_unreadable_dynamic_imports_are_reported_unless_declared(root: Path) -> None:
    path = root / "core" / "plugins.py"
    path.write_text("import importlib\ndef load(name):\n    return importlib.import_module(name)\n")
    assert CodeTree.read(root).modules["pkg.core.plugins"].unclear == (3,)
    path.write_text(path.read_text() + "__reaches__ = ('pkg.models.deep',)\n")
    tree = CodeTree.read(root)
    assert tree.modules["pkg.core.plugins"].unclear == ()
    assert "pkg.models.deep" in tree.reaches("pkg.core.plugins")


def test_a_declaration_narrows_a_pattern(root: Path) -> None:
    path = root / "papers" / "one" / "tables.py"
    path.write_text(path.read_text() + "__reaches__ = ('pkg.papers.two.settings',)\n")
    reached = CodeTree.read(root).reaches("pkg.papers.one.tables")
    assert "pkg.papers.two.settings" in reached
    assert "pkg.papers.one.settings" not in reached


def test_syntax_error_only_concerns_stages_that_reach_it(root: Path) -> None:
    (root / "papers" / "two" / "settings.py").write_text("def (:\n")
    tree = CodeTree.read(root)
    assert tree.fingerprint("pkg.papers.one.optimise")
    with pytest.raises(UserError, match=r"pkg\.papers\.two\.settings: line 1"):
        tree.fingerprint("pkg.papers.two.start")


def test_unknown_module_names_the_closest(root: Path) -> None:
    with pytest.raises(UserError, match=r"Did you mean 'pkg\.papers\.one\.optimise'"):
        CodeTree.read(root).fingerprint("pkg.papers.one.optimize")


def test_young_files_are_not_cached(root: Path) -> None:
    assert prints(root)
    assert not default_cache(root).exists()


@pytest.mark.usefixtures("settled")
def test_cache_is_used_and_a_damaged_one_is_harmless(root: Path) -> None:
    cold = prints(root)
    cache = default_cache(root)
    stored = cache.read_text()
    cache.write_text(stored.replace(CodeTree.read(root).modules["pkg.core.shapes"].digest, "0" * 16))
    assert prints(root)["pkg.papers.one.optimise"] != cold["pkg.papers.one.optimise"]  # so it was read
    for damaged in ("", "{", "[]", '{"scanner": 1, "files": {}}'):
        cache.write_text(damaged)
        assert prints(root) == cold


@pytest.mark.usefixtures("settled")
def test_edits_are_seen_through_the_cache(root: Path) -> None:
    assert prints(root) == prints(root)
    assert changed(root, "core/shapes.py", "3 * r", "4 * r") == {"one.optimise"}
    (root / "core" / "unused.py").unlink()
    assert "pkg.core.unused" not in CodeTree.read(root).modules


@pytest.mark.usefixtures("settled")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_cache_folder_is_no_error(root: Path) -> None:
    root.chmod(0o555)
    try:
        assert prints(root)
    finally:
        root.chmod(0o755)


@pytest.mark.usefixtures("settled")
def test_cache_path_that_is_no_folder_is_no_error(root: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert CodeTree.read(root, cache=blocked / "cache.json").modules


def test_order_and_location_do_not_matter(root: Path, tmp_path: Path) -> None:
    tree = CodeTree.read(root)
    copy = tmp_path / "elsewhere" / "pkg"
    copy.parent.mkdir()
    root.rename(copy)
    assert CodeTree.read(copy).fingerprint(*ENTRIES) == tree.fingerprint(*reversed(ENTRIES))


def test_this_package_has_no_hidden_imports() -> None:
    unclear = {name: code.unclear for name, code in CodeTree.read().modules.items() if code.unclear}
    assert unclear == {}, "declare what these lines may import in a `__reaches__` tuple of their module"


def test_public_functions_agree_with_the_tree() -> None:
    entry = "rerender.provenance.fingerprint"
    assert fingerprint(entry) == CodeTree.read(PACKAGE_ROOT).fingerprint(entry)
    assert {"rerender", "rerender.core.errors", "rerender.provenance.syntax"} <= reaches(entry)
    assert "rerender.core.files" not in reaches(entry)


def test_import_is_light() -> None:
    code = "import sys, rerender.provenance.fingerprint, rerender.provenance.stack; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint(
        {"numpy", "torch", "mitsuba", "drjit", "polars", "pydantic", "yaml", "snakemake"}
    )
