"""Check the files that a user asks for, before Snakemake looks for a rule: a misspelt name gets its alternatives."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rerender.catalogue import registry
from rerender.core.errors import UserError, unknown_name
from rerender.options import TIER_NAMES
from rerender.papers.envmaps import grid as envmaps_grid
from rerender.papers.envmaps.settings import MODES
from rerender.papers.metamers import grid
from rerender.workflow import envmaps, materials, metamers, physics, viewpoints
from rerender.workflow.session import Session

PAPERS = ("metamers", "envmaps", "physics", "viewpoints", "materials")
PAPER_MODULES = {
    "metamers": metamers,
    "envmaps": envmaps,
    "physics": physics,
    "viewpoints": viewpoints,
    "materials": materials,
}
KINDS: Mapping[str, Sequence[str]] = {
    "metamers": ("tables", "figures", "videos", "runs", "evaluations", "references", "ablations"),
    "envmaps": ("tables", "figures", "runs", "fits", "transport", "user_edits"),
    "physics": ("tables", "figures", "runs", "landscape", "growth", "demos", "convnet", "videos"),
    "viewpoints": ("tables", "figures", "runs", "scenes", "stills", "basins", "gradients", "views"),
    "materials": (
        "tables",
        "figures",
        "videos",
        "runs",
        "fine",
        "scenes",
        "lights",
        "captures",
        "own",
        "traced",
    ),
}
TARGETS = (
    *("all", "all_tables", "all_figures", "all_videos", "verdicts"),
    *(
        name
        for paper in PAPERS
        for name in (paper, *(f"{paper}_{kind}" for kind in ("tables", "figures", "videos")))
    ),
)
"""Names of the targets, without the tier; `envmaps_edits` is part of `envmaps`."""

TOP_FILES = (
    "metrics.parquet",
    "report.zip",
    *(f"verdicts.{ext}" for ext in ("csv", "html", "md", "parquet")),
    *(f"overview.{ext}" for ext in ("png", "pdf", "parquet")),
)
RESOURCES: Mapping[str, str] = {
    **{"meshes": "ply", "grounds": "ply", "envmaps": "exr", "textures": "exr"},
    "bsdfs": "bsdf",
}
RUN_FILES = (
    *("final.npz", "final.ply", "base_color.exr", "trace.parquet", "fit.json", "frames.npz"),
    "manifest.json",
)


VALUE_OPTIONS = frozenset(
    {"--report", "--archive", "--configfile", "--configfiles", "--directory", "-d", "--snakefile", "-s"}
)
"""Options of Snakemake that are followed by a path that is no target."""


def requested(arguments: Sequence[str]) -> list[str]:
    """Return what may be targets among the command line's arguments: all after `--`, else all but option values."""
    if "--" in arguments:
        return list(arguments[arguments.index("--") + 1 :])
    before = ["", *arguments][: len(arguments)]
    return [word for word, last in zip(arguments, before, strict=True) if last not in VALUE_OPTIONS]


def check_targets(
    session: Session, targets: Iterable[str], results: str = "results", resources: str = "resources"
) -> None:
    """Raise `UserError` for the first target below `results` or `resources` that names what does not exist."""
    for target in targets:
        path = os.path.relpath(target) if os.path.isabs(target) else os.path.normpath(target)
        parts = path.split(os.sep)
        if parts[0] == results and len(parts) > 2:
            _Check(session, path).result(parts[1], parts[2:])
        elif parts[0] == resources and len(parts) == 3 and parts[1] in RESOURCES:
            _Check(session, path).resource(parts[1], parts[2])


def check_writable(folders: Iterable[str | Path]) -> None:
    """Raise `UserError` for the first output folder that exists, or would be made, where nothing can be written."""
    for folder in map(Path, folders):
        existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        if not existing.is_dir():
            raise UserError(
                f"{existing} is a file, but results go to a folder of that name", "Move the file away."
            )
        if not os.access(existing, os.W_OK | os.X_OK):
            raise UserError(
                f"no permission to write to {existing}",
                f"Make it writable (chmod u+w {existing}), or redirect it: --config 'pathvars={{results: /other/folder}}'.",
            )


class _Check:
    """The checks of one path; every method raises `UserError` at the first name that is wrong."""

    def __init__(self, session: Session, path: str) -> None:
        self.session = session
        self.path = path

    def known(self, kind: str, name: str, allowed: Iterable[str]) -> None:
        options = list(allowed)
        if name not in options:
            raise unknown_name(kind, name, options, f"It stands in {self.path}.")

    def result(self, tier: str, rest: Sequence[str]) -> None:
        self.known("tier", tier, TIER_NAMES)
        if len(rest) == 1:
            self.known("result", rest[0], [*PAPERS, *TOP_FILES])
            return
        self.known("paper", rest[0], PAPERS)
        paper, (kind, *names) = PAPER_MODULES[rest[0]], rest[1:]
        if not names:
            folders = ["tensorboard"] if rest[0] == "materials" else []
            self.known("result", kind, ["metrics.parquet", *folders])
            return
        self.known("kind of result", kind, KINDS[rest[0]])
        if kind == "tables":
            self.artefact("table", names[0], paper.TABLES, paper.TABLE_SUFFIXES)
        elif kind == "figures":
            self.artefact("figure", names[0], paper.FIGURES, paper.FIGURE_SUFFIXES)
        elif rest[0] == "envmaps":
            self.envmaps_part(tier, kind, names)
        elif rest[0] == "physics":
            self.physics_part(tier, kind, names)
        elif rest[0] == "viewpoints":
            self.viewpoints_part(tier, kind, names)
        elif rest[0] == "materials":
            self.materials_part(tier, kind, names)
        elif kind == "videos":
            self.video(names, [path.rpartition("/")[2][:-4] for path in metamers.mosaics(self.session, tier)])
        elif len(names) >= 2:
            self.place(names[0], names[1])
            if kind == "runs" and len(names) >= 4:
                self.run(names[0], *names[2:])

    def video(self, names: Sequence[str], stems: Sequence[str]) -> None:
        """Check a mosaic, or the folder of the videos of its runs."""
        if len(names) == 1 and "." in names[0]:
            self.artefact("video", names[0], stems, ["mp4"])
            return
        self.known("folder of videos", names[0], stems)
        if len(names) > 1:
            folder = self.path.rpartition("/")[0]
            raise UserError(
                f"{self.path} is made together with the other videos of its folder", f"Ask for {folder}"
            )

    def envmaps_part(self, tier: str, kind: str, names: Sequence[str]) -> None:
        settings = self.session.envmaps(tier)
        skies, places = settings.skies.all, envmaps_grid.places(settings)
        if kind == "fits":
            self.known("sky", names[0], skies)
        elif kind == "user_edits":
            self.known("edit", names[0], settings.edits.own)
        elif kind == "transport":
            self.artefact("place", names[0], places, ["npz"])
        else:
            experiments = dict.fromkeys(run.experiment for run in envmaps_grid.jobs(settings))
            options = (experiments, places, skies, MODES)
            for what, name, known in zip(
                ("experiment", "place", "sky", "mode"), names, options, strict=False
            ):
                self.known(what, name, known)

    def physics_part(self, tier: str, kind: str, names: Sequence[str]) -> None:
        if kind != "runs":
            return
        runs = physics.jobs(self.session, tier)
        options = ({run.experiment for run in runs}, {run.variant for run in runs})
        for what, name, known in zip(("experiment", "variant"), names, options, strict=False):
            self.known(what, name, sorted(known))

    def viewpoints_part(self, tier: str, kind: str, names: Sequence[str]) -> None:
        jobs = viewpoints.jobs(self.session, tier)
        scenes = self.session.viewpoints(tier).scenes.all
        if kind == "runs":
            for what, name in zip(("experiment", "scene", "method"), names, strict=False):
                self.known(what, name, dict.fromkeys(getattr(job, what) for job in jobs))
        elif kind == "stills":
            self.known("scene", names[0], scenes)
            for name in names[1:]:
                self.known("picture or animation", name, viewpoints.STILLS)
        else:
            suffixes = {
                "scenes": ("npz", "ply", "json"),
                "basins": ("npz",),
                "gradients": ("json",),
                "views": ("json", "npz"),
            }
            self.artefact("scene", names[0], scenes, suffixes[kind])

    def materials_part(self, tier: str, kind: str, names: Sequence[str]) -> None:
        if kind == "videos":
            stems = [path.rpartition("/")[2][:-4] for path in materials.videos(self.session, tier)]
            self.artefact("video", names[0], stems, ["mp4"])
        if kind == "own":
            self.known("capture", names[0], self.session.materials(tier).own)
        if kind not in ("runs", "fine"):
            return
        jobs = materials.jobs(self.session, tier)
        for what, name in zip(("experiment", "scene", "envmap", "method"), names, strict=False):
            self.known(what, name, dict.fromkeys(getattr(job, what) for job in jobs))

    def artefact(self, kind: str, name: str, stems: Iterable[str], suffixes: Iterable[str]) -> None:
        stem, _, suffix = name.rpartition(".")
        self.known(kind, stem, stems)
        self.known(f"format of a {kind}", suffix, suffixes)

    def place(self, scene: str, envmap: str) -> None:
        self.known("scene", scene, registry.scenes())
        family = registry.scene(scene).family
        lights = [name for name, light in registry.envmaps().items() if family in light.families]
        self.known(f"envmap for the {family} scene {scene}:", envmap, lights)

    def run(self, scene: str, model: str, seed: str, file: str = "final.npz") -> None:
        grid.check_model(model, registry.scene(scene).family, "")
        reason = self.session.blocked(model)
        if reason is not None:
            needed = registry.vision_model(model).weights
            raise UserError(
                f"runs for the model '{model}' are blocked ({reason}): {self.path}",
                f"It needs {', '.join(needed)}. Type `rerender fetch {' '.join(needed)}`, or set an asset mirror that has them.",
            )
        if not re.fullmatch(r"s[0-9]+", seed):
            raise UserError(f"'{seed}' in {self.path} is not a seed", "Write s1, s2, …")
        other = {"geometry": "base_color.exr", "material": "final.ply"}[registry.scene(scene).family]
        self.known("file of a run", file, [name for name in RUN_FILES if name != other])

    def resource(self, kind: str, file: str) -> None:
        stem = file.rpartition(".")[0]
        if kind in ("meshes", "grounds", "bsdfs"):
            self.known("scene", stem, registry.scenes())
        elif kind == "envmaps":
            self.known("envmap", stem.rpartition("-")[0] or stem, registry.envmaps())
        else:
            self.known(
                "texture",
                stem,
                [
                    name
                    for name, asset in self.session.ledger.items()
                    if asset.kind in ("texture", "member", "procedural")
                ],
            )
