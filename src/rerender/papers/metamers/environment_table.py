"""Table T8 of the metamers paper (fact sheet, section 8.3): on what the runs ran, and where their inputs came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rerender.papers.metamers.grid import finished_runs
from rerender.papers.metamers.results import FAMILIES, Results
from rerender.papers.metamers.table_parts import RUNS, common_caption
from rerender.provenance.manifest import read_manifest
from rerender.reporting import captions
from rerender.reporting.captions import Names
from rerender.reporting.tables import Cell, Column, Row, Table

ORIGINS: Mapping[str, str] = {
    "original": "the paper's own files",
    "mirror": "real public files, not the paper's own",
    "standin": "procedural stand-in",
}
MACHINE = ("cpu", "gpu", "system", "python")


def build_t8(results: Results, names: Names, *, files: Iterable[Path]) -> Table:
    """List renderer back-end, machine, library versions and origin of inputs, each with how many runs it was used in.

    `files` are of the runs, or of the evaluations that judged them.
    """
    found: Counter[tuple[str, str, str]] = Counter()
    total = 0
    for run in finished_runs(results.expected, files):
        total += 1
        found.update(_facts(read_manifest(run.manifest)))
    kinds = ("back-end", "machine", "library", "code")
    rows = [
        Row(labels=(kind, name), cells=(Cell(text=value), Cell(count, n=count)), group=kind, compared=False)
        for kind in kinds
        for (group, name, value), count in sorted(found.items())
        if group == kind
    ]
    rows += _inputs(results, names)
    caption = captions.sentences(
        f"What {total} runs were computed with, from their manifests, and where the scene and light of each came from. "
        "Where versions differ between runs, each has a row. Equal code, versions, inputs and settings give equal results, bit "
        "by bit on one CPU thread.",
        common_caption(results, names, FAMILIES),
    )
    columns = (Column("value", "Value"), Column("runs", RUNS, digits=".0f"))
    title = "T8. Environment: versions, machines and inputs."
    return Table("t8", title, caption, ("kind", "name"), ("Kind", "Name"), columns, tuple(rows))


def _facts(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Return kind, name and value of all that a manifest says about its environment."""
    yield "back-end", "Mitsuba variant", str(manifest["backend"])
    machine = manifest.get("run", {}).get("hardware", {})
    for name in MACHINE:
        if machine.get(name):
            yield "machine", name, str(machine[name])
    for name, version in manifest["stack"].items():
        yield "library", name, str(version)
    yield "code", "fingerprint", str(manifest["code"]["fingerprint"])


def _inputs(results: Results, names: Names) -> list[Row]:
    """Return a row a scene and light: where the worst of its assets came from."""
    rows = []
    for family in FAMILIES:
        for scene, envmap in results.places(family):
            light = f" · {names.envmap(envmap)}" if family == "geometry" else ""
            runs = [run for run in results.runs(family, scene=scene, envmap=envmap) if run in results.values]
            origin = results.assets.get((scene, envmap), "")
            value = Cell(text=ORIGINS.get(origin, origin)) if runs else Cell(note="not run")
            rows.append(
                Row(
                    labels=("inputs", names.scene(scene) + light),
                    ids=("inputs", f"{scene}/{envmap}"),
                    cells=(value, Cell(len(runs), n=len(runs))),
                    group="inputs",
                    compared=False,
                )
            )
    return rows
