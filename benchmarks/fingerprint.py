"""Cost of code fingerprints, and what they see: python benchmarks/fingerprint.py

Measured on a copy of the package: CPU milliseconds to scan it cold (no cache) and warm (cache, nothing changed), to
fingerprint every module of it, and the import of the fingerprint module in a fresh interpreter. Then, for a comment and
for a statement added to every module in turn, how many of the modules of `rerender.papers` get another fingerprint.

Budget: cold under 300 ms, warm under 50 ms. Writes benchmarks/out/fingerprint.json; exits with 1 above budget.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rerender.provenance.fingerprint import PACKAGE_ROOT, CodeTree, default_cache

OUT = Path(__file__).parent / "out" / "fingerprint.json"
BUDGET_MS = {"cold_ms": 300.0, "warm_ms": 50.0}
REPEATS = 7


def median_ms(action: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Return the median CPU time of `action` [ms]; `before` runs first and is not counted."""
    times = []
    for _ in range(REPEATS):
        before()
        start = time.process_time()
        action()
        times.append(1000 * (time.process_time() - start))
    return round(statistics.median(times), 2)


def import_ms() -> float:
    """Return the CPU time of importing the module, above that of an empty interpreter [ms]."""

    def child(code: str) -> float:
        text = f"import time; start = time.process_time(); {code}; print(time.process_time() - start)"
        return 1000 * float(
            subprocess.run([sys.executable, "-c", text], capture_output=True, check=True).stdout
        )

    return round(
        statistics.median(child("import rerender.provenance.fingerprint") for _ in range(REPEATS)), 2
    )


def sensitivity(root: Path, addition: str) -> dict[str, int]:
    """Add a line to every module in turn; count the edits, and the fingerprints of papers' modules that moved."""
    before = CodeTree.read(root)
    stages = [module for module in before.modules if module.startswith("rerender.papers.")]
    prints = {stage: before.fingerprint(stage) for stage in stages}
    right = moved = 0
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        path.write_text(f"{text}\n{addition}\n", encoding="utf-8")
        after = CodeTree.read(root)
        path.write_text(text, encoding="utf-8")
        parts = path.relative_to(root.parent).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for stage in stages:
            changed = after.fingerprint(stage) != prints[stage]
            moved += changed
            right += changed == (not addition.startswith("#") and module in before.reaches(stage))
    edits = len(before.modules)
    return {
        "edits": edits,
        "stages": len(stages),
        "moved": moved,
        "right": right,
        "checks": edits * len(stages),
    }


def main() -> int:
    """Measure, print and write; return 1 above budget or if an edit was misjudged."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / PACKAGE_ROOT.name
        shutil.copytree(PACKAGE_ROOT, root, ignore=shutil.ignore_patterns("__pycache__"))
        cache = default_cache(root)
        lines = sum(len(path.read_bytes().splitlines()) for path in root.rglob("*.py"))
        time.sleep(2.1)  # files younger than two seconds are not cached
        CodeTree.read(root)
        tree = CodeTree.read(root)
        result = {
            "modules": len(tree.modules),
            "lines": lines,
            "cold_ms": median_ms(lambda: CodeTree.read(root), before=lambda: cache.unlink(missing_ok=True)),
            "warm_ms": median_ms(lambda: CodeTree.read(root)),
            "all_fingerprints_ms": median_ms(lambda: [tree.fingerprint(module) for module in tree.modules]),
            "import_ms": import_ms(),
            "comment": sensitivity(root, "# a comment"),
            "statement": sensitivity(root, "ADDED = 1"),
        }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, value in result.items():
        limit = f" (budget {BUDGET_MS[name]:g})" if name in BUDGET_MS else ""
        print(f"{name:20} {value}{limit}")
    slow = [name for name, limit in BUDGET_MS.items() if float(str(result[name])) > limit]
    wrong = [kind for kind in ("comment", "statement") if result[kind]["right"] != result[kind]["checks"]]  # type: ignore[index]
    for name in slow + wrong:
        print(f"FAILED: {name}")
    return 1 if slow or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
