"""The typed configuration: what a user may write, and errors that say what to type instead.

`config/config.yaml` (plus `--configfile` and `--config key=value`) becomes a `Config`. The experiment of a tier is
the package's preset, changed by `config/tiers/<tier>.yaml`, changed by `tiers: <tier>:` in the configuration.
Threads, memory and partitions belong to Snakemake profiles, not here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from rerender.core.errors import UserError, closest_first, unknown_name
from rerender.options import TIER_NAMES, Config
from rerender.papers.envmaps import grid as envmaps_grid
from rerender.papers.envmaps.settings import EnvmapsSettings
from rerender.papers.envmaps.tiers import TIERS as ENVMAPS_TIERS
from rerender.papers.materials import grid as materials_grid
from rerender.papers.materials.settings import MaterialsSettings
from rerender.papers.materials.tiers import TIERS as MATERIALS_TIERS
from rerender.papers.metamers import grid as metamers_grid
from rerender.papers.metamers.settings import MetamersSettings
from rerender.papers.metamers.tiers import TIERS as METAMERS_TIERS
from rerender.papers.physics import grid as physics_grid
from rerender.papers.physics.settings import PhysicsSettings
from rerender.papers.physics.tiers import TIERS as PHYSICS_TIERS
from rerender.papers.viewpoints import grid as viewpoints_grid
from rerender.papers.viewpoints.settings import ViewpointsSettings
from rerender.papers.viewpoints.tiers import TIERS as VIEWPOINTS_TIERS
from rerender.settings import Frozen

TIER_FOLDER = Path("config/tiers")
CONFIG_SOURCE = "config/config.yaml, --configfile or --config"

Model = TypeVar("Model", bound=BaseModel)


class TierSettings(Frozen):
    """The experiments of one tier, one entry a paper."""

    metamers: MetamersSettings
    envmaps: EnvmapsSettings
    physics: PhysicsSettings
    viewpoints: ViewpointsSettings
    materials: MaterialsSettings


PRESETS: Mapping[str, TierSettings] = {
    tier: TierSettings(
        metamers=METAMERS_TIERS[tier],
        envmaps=ENVMAPS_TIERS[tier],
        physics=PHYSICS_TIERS[tier],
        viewpoints=VIEWPOINTS_TIERS[tier],
        materials=MATERIALS_TIERS[tier],
    )
    for tier in TIER_NAMES
}


def load_config(raw: Mapping[str, Any], folder: Path = TIER_FOLDER) -> Config:
    """Check a raw configuration and return it typed. Raises `UserError` that names every wrong key.

    The tier in use and every tier that the configuration changes are checked with it. `pathvars`, a key of
    Snakemake's own, is left to Snakemake.
    """
    own = {key: value for key, value in raw.items() if key != "pathvars"}
    config = _validate(Config, own, prefix="", where=CONFIG_SOURCE)
    for tier in {config.tier, *config.tiers}:
        tier_settings(tier, config, folder)
    return config


def read_config(path: Path = Path("config/config.yaml"), **changes: Any) -> Config:
    """Read a configuration file, as Snakemake does, for the command line; `changes` replace keys of it."""
    raw = _read_yaml(path) if path.is_file() else {}
    return load_config({**raw, **changes}, path.parent / "tiers")


def tier_settings(tier: str, config: Config | None = None, folder: Path = TIER_FOLDER) -> TierSettings:
    """Return the checked experiments of `tier`: preset, then `folder`/<tier>.yaml, then `config.tiers`."""
    if tier not in TIER_NAMES:
        raise unknown_name(
            "tier", tier, TIER_NAMES, "Type for example: snakemake --cores 2 --config tier=laptop"
        )
    merged = PRESETS[tier].model_dump()
    file = folder / f"{tier}.yaml"
    if file.is_file():
        settings = _validate(TierSettings, _merge(merged, _read_yaml(file)), prefix="", where=str(file))
        merged = settings.model_dump()
    override = config.tiers.get(tier, {}) if config is not None else {}  # type: ignore[call-overload]
    prefix = f"tiers.{tier}."
    settings = _validate(TierSettings, _merge(merged, override), prefix, CONFIG_SOURCE)
    metamers_grid.check_names(settings.metamers)
    envmaps_grid.check_names(settings.envmaps)
    physics_grid.check_names(settings.physics)
    viewpoints_grid.check_names(settings.viewpoints)
    materials_grid.check_names(settings.materials)
    return settings


def _read_yaml(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        content = yaml.load(
            path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}", "Mend the line that it names.") from error
    if not isinstance(content or {}, Mapping):
        raise UserError(
            f"{path} must hold `key: value` lines", "tools/generate_config.py writes a fresh one."
        )
    return content or {}


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes` put over it, key by key and level by level."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _validate(model: type[Model], raw: Mapping[str, Any], prefix: str, where: str) -> Model:
    """Build `model` from `raw`, or raise one `UserError` that lists everything wrong with it."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        texts = [_explain(dict(problem), model, prefix) for problem in error.errors(include_url=False)]
        raise UserError(
            "\n".join(texts), f"It comes from {where}; config/README.md lists every key."
        ) from None


def _explain(problem: Mapping[str, Any], model: type[BaseModel], prefix: str) -> str:
    """Say in one line which key, which value, what is allowed and what to type."""
    location: tuple[str | int, ...] = problem["loc"]
    names = [str(part) for part in location if isinstance(part, str)]
    key = prefix + ".".join(names)
    parent = _model_at(model, names[:-1])
    fields = parent.model_fields if parent is not None else {}
    if problem["type"] == "extra_forbidden":
        options = closest_first(names[-1], fields)
        return f"unknown key '{key}'. Did you mean '{options[0]}'? Allowed here: {', '.join(options)}."
    if problem["type"] == "missing":
        return f"key '{key}' is missing."
    value = problem["input"]
    if names[-1:] == ["[key]"] and problem["type"] == "literal_error":
        options = closest_first(str(value), _expected_words(problem))
        where = f"{prefix}{'.'.join(names[:-2])}"
        return f"unknown key '{value}' in '{where}'. Did you mean '{options[0]}'? Allowed here: {', '.join(options)}."
    field = fields.get(names[-1]) if names else None
    choices = _choices(field.annotation) if field is not None else ()
    if problem["type"] == "literal_error" and choices:
        options = closest_first(str(value), choices)
        return f"'{key}' is {value!r}. Did you mean '{options[0]}'? Allowed: {', '.join(options)}."
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"'{key}': {message}." if key else f"{message}."
    example = f" Type for example `{names[-1]}: {_example(field)}`." if field is not None else ""
    meaning = f" It is: {field.description}." if field is not None and field.description else ""
    return f"'{key}' is {value!r}, but {message[0].lower()}{message[1:]}.{example}{meaning}"


def _expected_words(problem: Mapping[str, Any]) -> list[str]:
    """Return the words that a literal error allows."""
    return re.findall(r"'([^']+)'", str(problem["ctx"]["expected"]))


def _model_at(model: type[BaseModel], names: Sequence[str]) -> type[BaseModel] | None:
    """Follow field names down to the model that holds the last key."""
    current: type[BaseModel] | None = model
    for name in names:
        field = current.model_fields.get(name) if current is not None else None
        kind = field.annotation if field is not None else None
        current = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
    return current


def _choices(annotation: Any) -> tuple[str, ...]:
    """Return the strings that a (possibly optional) Literal annotation allows."""
    parts = get_args(annotation)
    return tuple(part for part in parts if isinstance(part, str))


def _example(field: FieldInfo) -> str:
    """Return a value that the field accepts: its default, or the laptop tier's way of writing it."""
    if field.is_required():
        return "[name, …]"
    default = field.get_default(call_default_factory=True)
    return (
        "null" if default is None else str(list(default) if isinstance(default, tuple) else default).lower()
    )
