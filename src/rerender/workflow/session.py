"""One invocation of Snakemake: the checked configuration, the code tree, and what can run here.

Made once in `workflow/rules/common.smk`. It reads files lazily and remembers them, so that parsing stays fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from rerender.catalogue import registry
from rerender.catalogue.ledger import Asset
from rerender.catalogue.resolve import AssetSettings as AssetPlaces
from rerender.catalogue.resolve import is_at_hand, load_ledger, locate
from rerender.config import TIER_FOLDER, Config, TierSettings, asset_settings, load_config, tier_settings
from rerender.papers.metamers import grid
from rerender.papers.metamers.runfiles import Expected
from rerender.papers.metamers.settings import MetamersSettings
from rerender.provenance.fingerprint import CodeTree
from rerender.provenance.stack import plugin_distributions, stack

NUMERICAL = {
    "cholespy": "cholespy",
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
}
"""Importable name -> distribution, for the libraries whose version can change a number or a picture."""


class Session:
    """Configuration and everything derived from it that rules ask for."""

    def __init__(self, raw: Mapping[str, Any], tier_folder: Path = TIER_FOLDER) -> None:
        self.config: Config = load_config(raw, tier_folder)
        self.places: AssetPlaces = asset_settings(self.config)
        self._folder = tier_folder
        self.cells = cache(self._cells)
        self.blocked = cache(self._blocked)
        self._tier = cache(lambda tier: tier_settings(tier, self.config, self._folder))
        self._version = cache(lambda name: stack(name)[name.lower()])

    @cached_property
    def tree(self) -> CodeTree:
        """The syntax of the package, scanned once."""
        return CodeTree.read()

    @cached_property
    def ledger(self) -> Mapping[str, Asset]:
        """The asset ledger."""
        return load_ledger(self.places)

    def metamers(self, tier: str) -> MetamersSettings:
        """Return the metamers experiment of `tier`; an unknown tier raises `UserError`."""
        settings: TierSettings = self._tier(tier)
        return settings.metamers

    def _cells(self, tier: str) -> tuple[Expected, ...]:
        return grid.cells(grid.describe(self.metamers(tier), self.blocked))

    def _blocked(self, model: str) -> str | None:
        """Return "weights" when a file that the model needs is not at hand, else None."""
        needed = registry.vision_model(model).weights
        return None if all(is_at_hand(self.ledger, name, self.places) for name in needed) else "weights"

    def source(self, *choices: str) -> dict[str, str | None]:
        """Return which of several assets, tried in order, will be used: its id, source and expected hash.

        Goes into `params`, so that an asset that arrives, or is replaced, reruns what depends on it. The place of
        a mirror is left out: moving it changes nothing.
        """
        for name in choices:
            found = locate(self.ledger, name, self.places)
            if found is not None:
                return {"asset": name, "source": found[1], "sha256": self.ledger[name].sha256}
        return {"asset": choices[0], "source": "standin", "sha256": None}

    def mesh(self, scene: str) -> dict[str, str | None]:
        """Return which of a scene's meshes will be used; a procedural one counts as at hand."""
        choices = [choice.asset for choice in registry.scene(scene).meshes]
        for name in choices:
            if self.ledger[name].kind == "procedural":
                return {"asset": name, "source": "procedural", "sha256": None}
            if is_at_hand(self.ledger, name, self.places):
                return self.source(name)
        return self.source(*choices)

    def code(self, *modules: str, files: Iterable[Path | str] = ()) -> str:
        """Return the fingerprint of a stage's code."""
        return self.tree.fingerprint(*modules, files=files)

    def stack(self, *modules: str) -> dict[str, str]:
        """Return the versions of the numerical libraries that a stage can reach, and of plug-ins."""
        reached = self.tree.external(*modules)
        names = [NUMERICAL[name] for name in sorted(reached & NUMERICAL.keys())]
        return {name: self._version(name) for name in (*names, *plugin_distributions())}


def scene_families() -> dict[str, str]:
    """Return scene -> family for all registered scenes."""
    return {name: spec.family for name, spec in registry.scenes().items()}
