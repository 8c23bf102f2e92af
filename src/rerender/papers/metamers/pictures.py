"""What figures and videos read of a run: display renders, frames, history, and the numbers to print beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rerender.core.errors import UserError
from rerender.core.files import Tree, load_tree
from rerender.papers.metamers.runfiles import Expected, Family, RunFiles, blocked_models, run_key
from rerender.reporting import captions
from rerender.reporting.captions import Names
from rerender.reporting.grids import as_bytes, split_strip
from rerender.reporting.rows import read_rows

if TYPE_CHECKING:
    import polars as pl

Array = npt.NDArray[Any]

TRUTH = (
    *("target", "heldout_target", "texture_target", "texture_visible", "slices_target", "forward_target"),
    "imagenet_class",
)
"""What `views.npz` holds once for all runs."""


@dataclass(frozen=True)
class Pictures:
    """The pictures and numbers of one run, read when asked for."""

    run: RunFiles

    @cached_property
    def views(self) -> Mapping[str, Array]:
        """Display renders with fresh seeds, by the keys of docs/files.md. Only a model's first seed has them."""
        key = run_key(self.run.model)
        tree = load_tree(self.run.views, *TRUTH, key)
        own = tree.pop(key, {})
        if own.pop("seed", None) != self.run.seed:
            own = {}
        return _checked({**tree, **own}, self.run.views, ("target", "start", "best"))

    @cached_property
    def movie(self) -> Mapping[str, Array]:
        """Observed strips `frames` uint8 (T, H, K·W, 3), their `iterations` (T,), and gradients of their pixels where kept."""
        names = ("frames", "iterations", "gradients", "gradient_scale")
        movie = _checked(load_tree(self.run.frames, *names), self.run.frames, ("frames", "iterations"))
        if len(movie["frames"]) == 0 or len(movie["frames"]) != len(movie["iterations"]):
            raise UserError(
                f"{self.run.frames} has {len(movie['frames'])} frames for {len(movie['iterations'])} iterations",
                "Delete the run's folder and run the same command again.",
            )
        return movie

    @cached_property
    def textures(self) -> Mapping[str, Array]:
        """Observed textures of a material by parameter, display images uint8 (T, h, w, 3); none of a shape."""
        found: Mapping[str, Array] = load_tree(self.run.frames, "textures").get("textures", {})
        return found

    @cached_property
    def values(self) -> Mapping[str, float]:
        """Metric values of the best state, mean over views; what has no value is left out."""
        return {row["metric"]: row["value"] for row in self._rows if row["value"] is not None}

    @cached_property
    def assets(self) -> str:
        """Where the run's inputs came from."""
        return str(self._rows[0]["assets"])

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        import polars as pl

        rows = read_rows(self.run.metrics)
        own = (pl.col("method") == self.run.model) & (pl.col("seed") == self.run.seed)
        return rows.filter(own & pl.col("view").is_null() & pl.col("step").is_null()).to_dicts()

    @cached_property
    def trace(self) -> pl.DataFrame:
        """History, one row an iteration."""
        import polars as pl

        return pl.read_parquet(self.run.trace)

    def judged(self, which: str) -> tuple[Array, bool]:
        """Return the views `target`, `start` or `best` that galleries show, and whether they are held out.

        They are the ones that image metrics are measured on: shapes on unseen views; materials on the views of
        the optimisation with fresh noise, since texels that no view saw have no right value.
        """
        held = self.run.family == "geometry" and all(
            f"heldout_{name}" in self.views for name in ("target", "start", "best")
        )
        return (self.views[f"heldout_{which}"], True) if held else (self.views[which], False)

    def truth(self, name: str) -> Array | None:
        """Return one of the things that `views.npz` holds of the target, or None; of any run, not only of a first seed."""
        value = load_tree(self.run.views, name).get(name)
        return None if value is None else np.asarray(value)

    def strip_target(self) -> npt.NDArray[np.uint8]:
        """Return the target as the observed strip shows it, uint8 (H, K·W, 3)."""
        tree = load_tree(self.run.views, "strip_target", "target")
        if "strip_target" in tree:
            return as_bytes(np.asarray(tree["strip_target"]))
        count = len(split_strip(self.movie["frames"][0]))
        return np.concatenate([as_bytes(np.asarray(view)) for view in tree["target"][:count]], axis=1)


def _checked(tree: Tree, path: Path, needed: Sequence[str]) -> Mapping[str, Array]:
    """Return a tree of arrays, and check that it holds what is needed."""
    missing = [name for name in needed if name not in tree]
    if missing:
        raise UserError(f"{path} holds no {', '.join(missing)}", f"Delete {path} and make it again.")
    return {name: np.asarray(value) for name, value in tree.items() if value is not None}


def select(runs: Iterable[RunFiles], family: Family) -> list[RunFiles]:
    """Return the runs of a family, in order."""
    return [run for run in runs if run.family == family]


def first_seeds(runs: Iterable[RunFiles]) -> list[RunFiles]:
    """Return the run of the lowest seed of each (scene, envmap, model), in order."""
    best: dict[tuple[str, str, str], RunFiles] = {}
    for run in runs:
        key = (run.scene, run.envmap, run.model)
        if key not in best or run.seed < best[key].seed:
            best[key] = run
    return list(best.values())


def places(runs: Iterable[RunFiles]) -> list[tuple[str, str]]:
    """Return the (scene, envmap) pairs, in order."""
    return list(dict.fromkeys((run.scene, run.envmap) for run in runs))


def models(runs: Iterable[RunFiles]) -> list[str]:
    """Return the models, in order."""
    return list(dict.fromkeys(run.model for run in runs))


def footnote(
    tier: str,
    runs: Sequence[RunFiles],
    expected: Iterable[Expected],
    names: Names,
    families: Sequence[Family],
    *remarks: str,
    spread: bool = True,
) -> str:
    """Return what stands under every figure: remarks, tier, seeds, inputs, blocked models.

    `spread` is False where a figure shows single runs only, so that the number of seeds says nothing.
    """
    blocked: dict[str, str] = {}
    cells = tuple(expected)
    for family in families:
        blocked |= blocked_models(cells, family)
    used = {(run.scene, run.envmap): Pictures(run).assets for run in first_seeds(runs)}
    return captions.sentences(
        *remarks,
        captions.tier_sentence(tier),
        captions.seeds_sentence(sorted({run.seed for run in runs})) if spread else "",
        captions.assets_sentence(used, names),
        captions.blocked_sentence(blocked, names),
    )
