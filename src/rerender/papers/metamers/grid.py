"""The grid of metamers runs: which scene, light, model and seed a tier asks for, and which of them can run here.

Validity (fact sheet, section 8.2): `mae` only for geometry, `dual_buffer` only for materials, every other model
for both; lights only for geometry, since a material scene brings its own, called `builtin`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from rerender.catalogue import registry
from rerender.core.errors import UserError, closest_first, unknown_name
from rerender.papers.metamers.runfiles import AblationCase, Expected, Family, RunFiles
from rerender.papers.metamers.settings import Ablation, GeometrySettings, MaterialSettings, MetamersSettings
from rerender.papers.metamers.switches import check_switch

FAMILIES: tuple[Family, ...] = get_args(Family)
BUILTIN = "builtin"
"""The light of every material scene."""

BlockedReason = Callable[[str], str | None]
"""Says why a vision model cannot run here ("weights"), or None when it can."""


def runnable(cells: Iterable[Expected]) -> tuple[Expected, ...]:
    """Return the cells that can run here."""
    return tuple(cell for cell in cells if cell.blocked is None)


def judges(settings: GeometrySettings | MaterialSettings, blocked: BlockedReason) -> tuple[str, ...]:
    """Return the models of this family that can judge a result here."""
    specs = registry.vision_models()
    return tuple(model for model in settings.models if specs[model].judges and blocked(model) is None)


def describe(settings: MetamersSettings, blocked: BlockedReason) -> dict[str, Any]:
    """Return the grid as a small plain value, for the params of the rules that need all of it."""
    compared = [case.model for case in settings.ablations]
    models = dict.fromkeys((*settings.geometry.models, *settings.material.models, *compared))
    reasons = {model: reason for model in models if (reason := blocked(model)) is not None}
    geometry = settings.geometry.model_dump(include={"scenes", "envmaps", "models", "seeds"})
    material = settings.material.model_dump(include={"scenes", "models", "seeds"})
    cases = [case.model_dump(include={"scene", "envmap", "model", "switches"}) for case in settings.ablations]
    return {"geometry": geometry, "material": material, "ablations": cases, "blocked": reasons}


def ablation_cases(description: Mapping[str, Any]) -> tuple[AblationCase, ...]:
    """Return the comparisons of a described grid, those that cannot run with their reason."""
    reasons = description["blocked"]
    return tuple(
        AblationCase(**{**case, "switches": tuple(case["switches"])}, blocked=reasons.get(case["model"]))
        for case in description["ablations"]
    )


def cells(description: Mapping[str, Any]) -> tuple[Expected, ...]:
    """Return every cell of a described grid; cells that cannot run carry their reason."""
    reasons = description["blocked"]
    found: list[Expected] = []
    for family in FAMILIES:
        part = description[family]
        for scene in part["scenes"]:
            for envmap in part.get("envmaps", (BUILTIN,)):
                for model in part["models"]:
                    for seed in range(1, part["seeds"] + 1):
                        found.append(Expected(family, scene, envmap, model, seed, reasons.get(model)))
    return tuple(found)


def finished_runs(expected: Iterable[Expected], files: Iterable[Path | str]) -> list[RunFiles]:
    """Return the runs that own some of `files`, in the order of the grid; of evaluations alone: the runs that these judged.

    An evaluation is made from all runs of its scene and light, so a step that names it need not name each of them: fewer files
    for Snakemake to look after.
    """
    folders = list(dict.fromkeys(Path(file).parent for file in files))
    known = {folder.parts[-4:]: folder for folder in folders if "runs" in folder.parts[-5:-4]}
    judged = {folder.parts[-2:]: folder for folder in folders if folder.parts[-3:-2] == ("evaluations",)}
    found = []
    for cell in expected:
        run = (cell.scene, cell.envmap, cell.model, f"s{cell.seed}")
        folder = known.get(run)
        if not known and cell.blocked is None and (evaluation := judged.get(run[:2])):
            folder = evaluation.parents[2].joinpath("runs", *run)
        if folder is not None:
            found.append(RunFiles.at(folder, cell.family))
    return found


def check_names(settings: MetamersSettings) -> None:
    """Refuse names that the registry does not know and models that do not fit a family. Raises `UserError`."""
    for family, part in (("geometry", settings.geometry), ("material", settings.material)):
        key = f"metamers.{family}"
        scenes = {name for name, spec in registry.scenes().items() if spec.family == family}
        for scene in part.scenes:
            _check_scene(scene, family, f"{key}.scenes", scenes)
        for model in part.models:
            check_model(model, family, f"{key}.models")
    _check_classification(settings.geometry)
    for case in settings.ablations:
        _check_ablation(case)
    lights = [name for name, light in registry.envmaps().items() if "geometry" in light.families]
    for envmap in settings.geometry.envmaps:
        if envmap not in lights:
            raise unknown_name("envmap", envmap, lights, _where("metamers.geometry.envmaps"))


def _check_classification(settings: GeometrySettings) -> None:
    """Refuse `classify` for models without classes and scenes without a class."""
    if settings.classify is None:
        return
    models, scenes = registry.vision_models(), registry.scenes()
    bad = [name for name in settings.models if not models[name].classifies]
    bad += [name for name in settings.scenes if scenes[name].imagenet_class is None]
    if bad:
        raise UserError(
            f"metamers.geometry.classify is set, but {', '.join(bad)} cannot be classified",
            f"Models that can: {', '.join(name for name, spec in models.items() if spec.classifies)}. Scenes: "
            f"{', '.join(name for name, spec in scenes.items() if spec.imagenet_class is not None)}.",
        )


def _check_ablation(case: Ablation) -> None:
    """Refuse an ablation that cannot run, or that could show nothing."""
    registry.validate_run(case.scene, case.envmap, case.model)
    family = registry.scene(case.scene).family
    for switch in case.switches:
        check_switch(switch, family, case.model, "metamers.ablations")


def _check_scene(scene: str, family: str, key: str, allowed: Iterable[str]) -> None:
    if scene in allowed:
        return
    other = registry.scenes().get(scene)
    if other is None:
        raise unknown_name("scene", scene, allowed, _where(key))
    raise UserError(
        f"'{scene}' is a {other.family} scene, and {key} takes {family} scenes",
        f"Allowed: {', '.join(closest_first(scene, allowed))}. Move '{scene}' to metamers.{other.family}.scenes.",
    )


def check_model(model: str, family: Family | str, key: str) -> None:
    """Refuse a vision model that is unknown or that is not meant for `family`."""
    specs = registry.vision_models()
    allowed = [name for name, spec in specs.items() if family in spec.families]
    if model not in specs:
        raise unknown_name("model", model, allowed, _where(key))
    if model not in allowed:
        raise UserError(
            f"model '{model}' cannot be used for {family} scenes, only for {' and '.join(specs[model].families)} scenes",
            f"Allowed: {', '.join(closest_first(model, allowed))}. {_where(key)}".strip(),
        )


def _where(key: str) -> str:
    return f"The name stands in {key}." if key else ""
