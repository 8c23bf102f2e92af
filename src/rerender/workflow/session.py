"""One invocation of Snakemake: the checked configuration, the code tree, and what can run here.

Made once in `workflow/rules/common.smk`. It reads files lazily and remembers them, so that parsing stays fast.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from rerender.catalogue import registry
from rerender.catalogue.ledger import Asset
from rerender.catalogue.resolve import AssetSettings as AssetPlaces
from rerender.catalogue.resolve import file_hash, is_at_hand, load_ledger, locate
from rerender.catalogue.specs import EnvmapSpec, SceneSpec, VisionModelSpec
from rerender.config import (
    TIER_FOLDER,
    TierSettings,
    load_config,
    tier_settings,
)
from rerender.options import Config, asset_settings
from rerender.papers.envmaps.settings import EnvmapsSettings
from rerender.papers.materials.settings import MaterialsSettings
from rerender.papers.metamers import grid
from rerender.papers.metamers.runfiles import Expected
from rerender.papers.metamers.settings import MetamersSettings
from rerender.papers.physics.settings import PhysicsSettings
from rerender.papers.viewpoints.settings import ViewpointsSettings
from rerender.provenance.fingerprint import CodeTree, combine
from rerender.provenance.stack import plugin_distributions, stack

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

NUMERICAL = {
    "cholespy": "cholespy",
    "cma": "cma",
    "drjit": "drjit",
    "gpytoolbox": "gpytoolbox",
    "imageio": "imageio",
    "matplotlib": "matplotlib",
    "mitsuba": "mitsuba",
    "numpy": "numpy",
    "pandas": "pandas",
    "plenoptic": "plenoptic",
    "polars": "polars",
    "scipy": "scipy",
    "skimage": "scikit-image",
    "torch": "torch",
    "trimesh": "trimesh",
    "warp": "warp-lang",
}
"""Importable name -> distribution, for the libraries whose version can change a number or a picture."""


def remembered(
    function: Callable[Concatenate[Session, Arguments], Result],
) -> Callable[Concatenate[Session, Arguments], Result]:
    """Remember in the session what a function of it returned: rules ask the same for every one of many jobs."""

    def answer(session: Session, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        key = (function, args, tuple(sorted(kwargs.items())))
        if key not in session.memory:
            session.memory[key] = function(session, *args, **kwargs)
        result: Result = session.memory[key]
        return result

    functools.update_wrapper(answer, function)
    return answer


class Session:
    """Configuration and everything derived from it that rules ask for."""

    def __init__(self, raw: Mapping[str, Any], tier_folder: Path = TIER_FOLDER) -> None:
        self.config: Config = load_config(raw, tier_folder)
        self.places: AssetPlaces = asset_settings(self.config)
        self._folder = tier_folder
        self.memory: dict[Any, Any] = {}

    @cached_property
    def tree(self) -> CodeTree:
        """The syntax of the package, scanned once."""
        return CodeTree.read()

    @cached_property
    def ledger(self) -> Mapping[str, Asset]:
        """The asset ledger."""
        return load_ledger(self.places)

    @remembered
    def tier(self, name: str) -> TierSettings:
        """Return every experiment of a tier; an unknown tier raises `UserError`."""
        return tier_settings(name, self.config, self._folder)

    def metamers(self, tier: str) -> MetamersSettings:
        """Return the metamers experiment of `tier`; an unknown tier raises `UserError`."""
        return self.tier(tier).metamers

    def envmaps(self, tier: str) -> EnvmapsSettings:
        """Return the envmaps experiment of `tier`; an unknown tier raises `UserError`."""
        return self.tier(tier).envmaps

    def physics(self, tier: str) -> PhysicsSettings:
        """Return the physics experiment of `tier`; an unknown tier raises `UserError`."""
        return self.tier(tier).physics

    @remembered
    def materials(self, tier: str) -> MaterialsSettings:
        """Return the materials experiment of `tier`; an unknown tier raises `UserError`."""
        return tier_settings(tier, self.config, self._folder).materials

    def viewpoints(self, tier: str) -> ViewpointsSettings:
        """Return the viewpoints experiment of `tier`; an unknown tier raises `UserError`."""
        return self.tier(tier).viewpoints

    @remembered
    def scene(self, name: str) -> SceneSpec:
        """Return the registry's entry of a scene."""
        return registry.scene(name)

    @remembered
    def envmap(self, name: str) -> EnvmapSpec:
        """Return the registry's entry of a light."""
        return registry.envmap(name)

    @remembered
    def model(self, name: str) -> VisionModelSpec:
        """Return the registry's entry of a vision model."""
        return registry.vision_model(name)

    @remembered
    def cells(self, tier: str) -> tuple[Expected, ...]:
        """Return every cell of the grid of `tier`; those that cannot run here carry the reason."""
        return grid.cells(grid.describe(self.metamers(tier), self.blocked))

    @remembered
    def blocked(self, model: str) -> str | None:
        """Return "weights" when a file that the model needs is not at hand, else None."""
        needed = self.model(model).weights
        return None if all(is_at_hand(self.ledger, name, self.places) for name in needed) else "weights"

    @remembered
    def source(self, *choices: str) -> dict[str, str | None]:
        """Return which of several assets, tried in order, will be used: its id, source and hash.

        Goes into `params`, so that an asset that arrives, or is replaced, reruns what depends on it. The place of
        a mirror is left out: moving it changes nothing.
        """
        for name in choices:
            found = locate(self.ledger, name, self.places)
            if found is not None:
                path, source = found
                known = self.ledger[name]
                # a file that the ledger does not know whole may be replaced by its owner
                sha256 = file_hash(path, self.places) if known.is_unsure else known.sha256
                return {"asset": name, "source": source, "sha256": sha256}
        return {"asset": choices[0], "source": "standin", "sha256": None}

    @remembered
    def mesh(self, scene: str) -> dict[str, str | None]:
        """Return which of a scene's meshes will be used; a procedural one counts as at hand."""
        return self.first_mesh(*(choice.asset for choice in self.scene(scene).meshes))

    @remembered
    def first_mesh(self, *choices: str) -> dict[str, str | None]:
        """Return which of several meshes, tried in order, will be used."""
        for name in choices:
            if self.ledger[name].kind == "procedural":
                return {"asset": name, "source": "procedural", "sha256": None}
            if is_at_hand(self.ledger, name, self.places):
                return self.source(name)
        return self.source(*choices)

    def code(self, *modules: str, files: Iterable[Path | str] = ()) -> str:
        """Return the fingerprint of a stage's code.

        The modules that fill the registry are left out: what a stage uses of them is in its params, so adding a
        scene, a light or a model reruns nothing that exists.
        """
        digests = self.tree.digests(*modules)
        return combine(
            {name: digest for name, digest in digests.items() if name not in registry.__reaches__}, files
        )

    @remembered
    def stack(self, *modules: str) -> dict[str, str]:
        """Return the versions of the numerical libraries that a stage can reach, and of plug-ins."""
        reached = set(self.tree.external(*modules))
        if "mitsuba" in reached:  # which imports them itself
            reached |= {"drjit", "cholespy"}
        names = [NUMERICAL[name] for name in sorted(reached & NUMERICAL.keys())]
        return {name: version for name, version in self.versions.items() if name in (*names, *self.plugins)}

    @cached_property
    def plugins(self) -> tuple[str, ...]:
        """The distributions that offer plug-ins."""
        return plugin_distributions()

    @cached_property
    def versions(self) -> dict[str, str]:
        """The versions of all numerical libraries and plug-ins."""
        return stack(*NUMERICAL.values(), *self.plugins)
