"""The figures of materials: rates, the single network's failure, comparisons, unpacked maps, lights, levels, metric caveat."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rerender.catalogue.material_specs import material_object
from rerender.core.errors import unknown_name
from rerender.core.files import Tree, load_tree
from rerender.core.images import srgb_encode, tonemap
from rerender.papers.materials.grid import Job
from rerender.papers.materials.methods import METHODS
from rerender.papers.materials.results import results_of
from rerender.papers.materials.schedules import PUBLISHED_STEPS, TITLES, StageSchedule
from rerender.papers.materials.settings import MaterialsSettings
from rerender.papers.materials.tables import focus
from rerender.reporting import captions, style
from rerender.reporting.captions import Names
from rerender.reporting.grids import axes_at, picture_at, png_bytes, text_at
from rerender.reporting.rows import read_metrics

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

CELL, GAP, LEFT, HEAD = 1.12, 0.05, 0.95, 0.32
BACKGROUND = 1.0
TITLE: Mapping[str, str] = {
    "render": "held-out view",
    "relit": "other light",
    "albedo": "albedo",
    "roughness": "roughness",
    "metallic": "metallic",
    "normal": "normal",
}
CURVES: Mapping[str, str] = {"joint": "C0", "lead": "C1", "delayed": "C2", "warm": "C0", "hold": "C2"}
"""Colours of schedules: the same branch looks the same in both stages."""
GREYS = "Roughness and metallic are encoded as sRGB for display, as in the published figures."


@dataclass(frozen=True)
class Shown:
    """A figure's material: final files of jobs in the order of the grid, metric rows, the tier, its settings, and names;
    and path-traced pictures, a file a scene.
    """

    files: Sequence[tuple[Job, Path]]
    metrics: Path | None
    tier: str
    settings: MaterialsSettings
    names: Names
    traced: Sequence[Path] = ()

    def note(self, text: str) -> str:
        """Return a footnote with the tier, and that geometry is known."""
        return captions.sentences(text, "Geometry is known and fixed.", captions.tier_sentence(self.tier))


def make_figure(figure_id: str, shown: Shown, out_stem: Path | str) -> tuple[Path, Path, Path]:
    """Draw a figure of `DRAWERS`, or `compare_{scene}`, and write `out_stem` + `.png`, `.pdf`, `.parquet`."""
    drawer = draw_compare if figure_id.startswith("compare_") else DRAWERS.get(figure_id)
    if drawer is None:
        raise unknown_name("materials figure", figure_id, (*DRAWERS, "compare_{scene}"))
    with style.look():
        figure, data = drawer(shown)
        return style.save_figure(figure, out_stem, data)


def draw_rates(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """The factors on the base rate over both stages, from the formulas."""
    import polars as pl

    note = captions.sentences(
        "Factors on the base rates 0.03 (coarse) and 0.003 (fine) over 1000 iterations a stage; shorter runs pass through the same curves. "
        "Geometry follows the single network's curve."
    )
    figure = style.new_figure(2.6 + style.footnote_height(note))
    iterations = np.arange(PUBLISHED_STEPS + 1)
    stages = {"coarse": ("joint", "lead", "delayed"), "fine": ("warm", "hold")}
    records = []
    for index, (stage, shapes) in enumerate(stages.items()):
        axes = axes_at(figure, 0.6 + 3.95 * index, 0.3, 3.2, 1.85)
        for shape in shapes:
            values = [StageSchedule(shape, PUBLISHED_STEPS)(int(i)) for i in iterations]  # type: ignore[arg-type]
            name = TITLES[shape].removesuffix(f", {stage}")
            axes.plot(iterations, values, lw=1.4, label=name, color=CURVES[shape])
            records += [
                {"stage": stage, "curve": shape, "iteration": int(i), "factor": value}
                for i, value in zip(iterations, values, strict=True)
            ]
        axes.set(xlabel="iteration", ylabel="factor on the rate" if index == 0 else "", ylim=(0.0, 1.05))
        axes.set_title(f"{stage} stage", fontsize=8)
        axes.legend(frameon=False, fontsize=6.5, loc="lower center")
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records)


def draw_compare(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Target, single network and two branches of one scene: a held-out view, relit, and the maps."""
    scene = shown.files[0][0].scene
    seed = _typical_seed(shown.files)
    trees = [load_tree(path) for _, path in shown.files]
    rows = [("target", trees[0]["target"])]
    for (job, _), tree in zip(shown.files, trees, strict=True):
        rows.append((METHODS[job.method].title, tree["seeds"][seed]["pictures"]))
    return picture_rows(
        rows,
        tuple(TITLE),
        shown.note(
            f"{shown.names.scene(scene)}, seed {seed} of {len(trees[0]['seeds'])}, after the coarse stage. {GREYS}"
        ),
    )


def _typical_seed(files: Sequence[tuple[Job, Path]]) -> str:
    """Return the first seed: pictures are not chosen by how well they look."""
    return str(min(load_tree(files[0][1], "seeds")["seeds"], key=int))


def draw_issue(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """The single network on the cow by roughness, every seed: what it makes of dark and shiny parts."""
    rows = []
    for job, path in sorted(shown.files, key=lambda pair: material_object(pair[0].scene).roughness):
        tree = load_tree(path)
        label = f"roughness {material_object(job.scene).roughness:g}\nseed "
        for seed in sorted(tree["seeds"], key=int):
            rows.append((label + seed, tree["seeds"][seed]["pictures"]))
    return picture_rows(
        rows,
        ("render", "albedo", "metallic", "roughness"),
        shown.note(
            "The single network on the cow, every seed that was run, by the true roughness. Nothing of the cow is metal: where metallic "
            f"is white the fit has failed. {GREYS}"
        ),
        ("metallic", "roughness"),
    )


def wrapped(label: str, columns: int = 14) -> str:
    """Break the lines of a row's label so that they end before its pictures."""
    return "\n".join(textwrap.fill(line, columns) for line in label.splitlines())


def draw_unpack(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Occlusion, roughness and metallic packed as red, green and blue, and one by one."""
    rows = []
    scene = shown.names.scene(shown.files[0][0].scene)
    for job, path in shown.files:
        tree = load_tree(path)
        shots = dict(tree["seeds"][min(tree["seeds"], key=int)]["pictures"])
        one = np.ones_like(shots["roughness"][..., 0])
        packed = np.stack([one, shots["roughness"][..., 0], shots["metallic"][..., 0]], axis=-1)
        shots["packed"] = np.where(np.isnan(shots["roughness"]), np.nan, packed)
        rows.append((METHODS[job.method].title, shots))
    return picture_rows(
        rows,
        ("render", "albedo", "normal", "packed", "roughness", "metallic"),
        shown.note(
            f"{scene}, first seed, after the coarse stage. Packed: red is occlusion, which is not learned and 1, green roughness, blue metallic, as glTF has them; shown raw. {GREYS}"
        ),
    )


def picture_rows(
    rows: Sequence[tuple[str, Tree]], kinds: Sequence[str], note: str, behind: Sequence[str] = ()
) -> tuple[Figure, pl.DataFrame]:
    """Draw a row of pictures for each labelled tree of them, and nothing where it has none; `behind`: those of the opposite view."""
    import polars as pl

    figure = style.new_figure(HEAD + len(rows) * (CELL + GAP) + 0.1 + style.footnote_height(note))
    records = []
    for row, (label, shots) in enumerate(rows):
        top = HEAD + row * (CELL + GAP)
        text_at(figure, 0.08, top + CELL / 2, wrapped(label), fontsize=6.5, va="center")
        for column, (kind, side) in enumerate(
            [*((kind, 0) for kind in kinds), *((kind, 1) for kind in behind)]
        ):
            place = (LEFT + column * (CELL + GAP), top, CELL, CELL)
            if row == 0:
                title = TITLE.get(kind, kind) + (", behind" if side else "")
                text_at(figure, place[0] + CELL / 2, HEAD - 0.08, title, fontsize=7.5, ha="center")
            if kind not in shots:
                continue
            image = displayed(kind, shots[kind][min(side, len(shots[kind]) - 1)])
            picture_at(figure, place, image)
            records.append(
                {"row": label.replace("\n", " "), "picture": kind, "view": side, "png": png_bytes(image)}
            )
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records)


def displayed(kind: str, picture: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3) as display values; its NaN background is white. Normals and packed maps are shown raw."""
    values = picture if kind in ("normal", "packed") else srgb_encode(np.clip(picture, 0.0, 1.0))
    return np.where(np.isnan(picture), BACKGROUND, np.clip(values, 0.0, 1.0)).astype(np.float32)


def draw_light(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Scenes whose light is learned: pictures and maps, and the light itself below the true one."""
    import polars as pl

    scenes = list(dict.fromkeys(job.scene for job, _ in shown.files))
    kinds = ("render", "albedo", "roughness", "metallic")
    width = 2.1
    count = sum(1 + sum(job.scene == scene for job, _ in shown.files) for scene in scenes)
    note = shown.note(
        f"First seed. Lights are scaled by the factor that brings them nearest to the true one, and tone-mapped. {GREYS}"
    )
    figure = style.new_figure(HEAD + count * (CELL + GAP) + 0.1 + style.footnote_height(note))
    records, row = [], 0
    for scene in scenes:
        files = [(job, load_tree(path)) for job, path in shown.files if job.scene == scene]
        entries = [(f"{shown.names.scene(scene)}\ntarget", files[0][1]["target"], files[0][1]["light"], 1.0)]
        for job, tree in files:
            found = tree["seeds"][min(tree["seeds"], key=int)]
            entries.append(
                (METHODS[job.method].title, found["pictures"], found["light"], found["light_scale"])
            )
        for label, shots, light, scale in entries:
            top = HEAD + row * (CELL + GAP)
            text_at(figure, 0.08, top + CELL / 2, wrapped(label), fontsize=6.5, va="center")
            sky = tonemap(scale * light).astype(np.float32)
            images = {kind: displayed(kind, shots[kind][0]) for kind in kinds} | {"light": sky}
            for column, (kind, image) in enumerate(images.items()):
                place = (LEFT + column * (CELL + GAP), top, width if kind == "light" else CELL, CELL)
                picture_at(figure, place, image)
                if row == 0:
                    text_at(
                        figure,
                        place[0] + place[2] / 2,
                        HEAD - 0.08,
                        TITLE.get(kind, kind),
                        fontsize=7.5,
                        ha="center",
                    )
                records.append({"scene": scene, "row": label, "picture": kind, "png": png_bytes(image)})
            row += 1
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records)


def draw_levels(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Pictures and maps by number of hash levels."""
    rows = []
    first, settings = shown.files[0][0], shown.settings
    scene, steps = (
        shown.names.scene(first.scene),
        settings.experiments[first.experiment].steps or settings.coarse.steps,
    )
    for job, path in sorted(
        shown.files, key=lambda pair: (pair[0].method, int(pair[0].experiment.rpartition("_")[2]))
    ):
        tree = load_tree(path)
        label = f"{METHODS[job.method].title}\n{job.experiment.rpartition('_')[2]} levels"
        rows.append((label, tree["seeds"][min(tree["seeds"], key=int)]["pictures"]))
    return picture_rows(
        rows,
        ("render", "albedo", "roughness", "metallic", "normal"),
        shown.note(f"{scene}, by number of nested grids, {steps} steps, first seed, coarse stage. {GREYS}"),
        ("metallic",),
    )


def draw_metric(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """PSNR of pictures against texture error, a line from the single network to two branches for every seed."""
    import polars as pl

    assert shown.metrics is not None
    results = results_of(read_metrics(shown.metrics), shown.tier)
    known = [job for job, _ in results.values if job.experiment == "known" and job.method == "joint"]
    note = shown.note(
        "Each line is a seed, from the single network (open) to two branches (filled). Up is the better picture, left the better material: "
        "lines that fall to the left, or rise to the right, are pairs in which the picture ranks the worse material first. "
        "Errors of the dark and shiny part (of the shiny part, for the grey ball and the duck)."
    )
    figure = style.new_figure(2.75 + style.footnote_height(note))
    records = []
    for index, channel in enumerate(("roughness", "metallic")):
        axes = axes_at(figure, 0.6 + 3.95 * index, 0.3, 3.2, 2.0)
        for number, job in enumerate(dict.fromkeys(known)):
            two = Job(job.experiment, job.scene, job.envmap, "two")
            metric = f"{channel}/{focus(job.scene)}"
            for seed, psnr in results.of(job, "psnr").items():
                if seed not in results.of(two, "psnr"):
                    continue
                errors = [results.of(one, metric)[seed] for one in (job, two)]
                quality = [psnr, results.of(two, "psnr")[seed]]
                colour = f"C{number}"
                axes.plot(errors, quality, "-", lw=0.8, color=colour, alpha=0.6)
                axes.plot(errors[:1], quality[:1], "o", ms=4, mfc="white", mec=colour)
                label = shown.names.scene(job.scene) if seed == 1 else None
                axes.plot(errors[1:], quality[1:], "o", ms=4, color=colour, label=label)
                for method, error, value in zip(("joint", "two"), errors, quality, strict=True):
                    records.append(
                        {
                            "scene": job.scene,
                            "seed": seed,
                            "method": method,
                            "channel": channel,
                            "error": error,
                            "psnr": value,
                        }
                    )
        axes.set(xlabel=f"{channel} error", ylabel="PSNR [dB]" if index == 0 else "")
        if index:
            axes.legend(frameon=False, fontsize=6.5)
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records)


def draw_traced(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Path-traced pictures of the refined textures beside those of the true materials, under both lights."""
    import polars as pl

    settings = shown.settings
    experiment = settings.experiments["known"]
    lights = {"render": shown.names.envmap(experiment.envmap), "relit": "another light"}
    note = shown.note(
        f"Traced with up to 6 rays a path and {settings.pictures.spp} paths a pixel, so with shadows and light between parts of the object, "
        "which the fits know nothing of; all with the same random numbers. First seed, after the fine stage. Below: PSNR on the object."
    )
    cell, line = CELL - 0.02, 0.14
    step = cell + GAP
    figure = style.new_figure(
        0.2 + HEAD + len(shown.traced) * (step + line) + 0.1 + style.footnote_height(note)
    )
    records = []
    for row, path in enumerate(shown.traced):
        top = 0.2 + HEAD + row * (step + line)
        scene = shown.names.scene(path.stem)
        text_at(figure, 0.08, top + cell / 2, wrapped(scene), fontsize=6.5, va="center")
        column = 0
        told = load_tree(path)
        for light, title in lights.items():
            left = LEFT + column * step + (0.12 if light == "relit" else 0.0)
            if row == 0:
                text_at(figure, left + 0.5 * (len(told) * step - GAP), 0.2, title, fontsize=7.5, ha="center")
            for name, one in told.items():
                image = one["pictures"][light]
                value = one["psnr"][light] if "psnr" in one else None
                picture_at(figure, (left, top, cell, cell), image)
                heading = METHODS[name].title if name in METHODS else name
                if row == 0:
                    text_at(figure, left + cell / 2, top - 0.08, heading, fontsize=7, ha="center")
                if value is not None:
                    place = (left + cell / 2, top + cell + 0.12)
                    text_at(figure, *place, f"{value:.1f} dB", fontsize=6.5, ha="center")
                records.append(
                    {
                        "scene": path.stem,
                        "picture": name,
                        "light": light,
                        "psnr": value,
                        "png": png_bytes(image),
                    }
                )
                left, column = left + step, column + 1
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records)


DRAWERS: Mapping[str, Callable[[Shown], tuple[Figure, pl.DataFrame]]] = {
    "rates": draw_rates,
    "issue": draw_issue,
    "unpack": draw_unpack,
    "light": draw_light,
    "levels": draw_levels,
    "metric": draw_metric,
    "traced": draw_traced,
}
