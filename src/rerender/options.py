"""The top level of the configuration, without the experiments: what a job needs of it, quick to import.

`rerender.config` checks all of it, with the experiments of every paper, before any job starts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field

from rerender.catalogue import resolve
from rerender.catalogue.resolve import AssetSettings as AssetPlaces
from rerender.settings import Frozen

TierName = Literal["smoke", "laptop", "paper"]
Variant = Literal["auto", "cuda_ad_rgb", "llvm_ad_rgb"]
TIER_NAMES: tuple[str, ...] = get_args(TierName)


class AssetSettings(Frozen):
    """Where meshes, light probes, textures and weights come from."""

    mirror: str | None = Field(
        None,
        description="folder with copies of the assets, laid out as <kind>/<file>; null: the variable "
        "RERENDER_ASSET_MIRROR, else a folder shared/assets beside this checkout, else none",
    )
    allow_standins: bool = Field(
        True, description="use a procedural stand-in, flagged in every table, where a real asset is absent"
    )


class Config(Frozen):
    """The top level of the configuration. Every key has a default."""

    tier: TierName = Field(
        "laptop", description="fidelity of the targets that name none: smoke, laptop or paper"
    )
    variant: Variant = Field(
        "auto", description="Mitsuba variant; auto takes CUDA where a device works, else LLVM on the CPU"
    )
    checkpoint_seconds: float = Field(
        20.0,
        gt=0,
        le=60,
        description="seconds between two checkpoints of a fit; a kill loses at most this much work",
    )
    preload: bool = Field(
        True,
        description="start local jobs from processes that have PyTorch and other libraries loaded (Linux); "
        "false: every job starts Python anew",
    )
    fast_planning: bool = Field(
        True,
        description="remember what Snakemake asks again for every job of a rule (docs/performance.md); false: plan as "
        "Snakemake comes",
    )
    assets: AssetSettings = Field(default_factory=AssetSettings, description="where assets come from")
    tiers: dict[TierName, dict[str, Any]] = Field(
        default_factory=dict,
        description="changes to the experiment of a tier, for example {laptop: {metamers: {geometry: {seeds: 5}}}}",
    )


def options(raw: Mapping[str, Any]) -> Config:
    """Return a configuration that was checked before, typed. `pathvars` is Snakemake's own."""
    return Config.model_validate({key: value for key, value in raw.items() if key != "pathvars"})


def asset_settings(config: Config) -> AssetPlaces:
    """Return where assets are looked for: the configured mirror, the variable's, else `../shared/assets`."""
    mirror = config.assets.mirror
    beside = Path("../shared/assets")
    if mirror is None and not os.environ.get(resolve.MIRROR_VARIABLE) and beside.is_dir():
        mirror = str(beside)
    return resolve.asset_settings(mirror, allow_standins=config.assets.allow_standins)
