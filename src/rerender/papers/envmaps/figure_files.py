"""What the figures are drawn from: files by kind, opened where they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from rerender.core.errors import UserError
from rerender.core.files import Tree, load_tree
from rerender.papers.envmaps.metrics import display
from rerender.papers.envmaps.results import Results, results_of
from rerender.papers.envmaps.runfiles import Expected, RunFiles
from rerender.papers.envmaps.settings import EnvmapsSettings
from rerender.papers.envmaps.tables import inputs_sentence
from rerender.rendering.bitmaps import read_image
from rerender.reporting import captions
from rerender.reporting.captions import Names
from rerender.reporting.rows import read_metrics


@dataclass(frozen=True)
class FigureFiles:
    """Upper halves, fits, finished runs (one file of each is enough) and the metric rows."""

    metrics: Path
    maps: tuple[Path, ...] = ()
    fits: tuple[Path, ...] = ()
    runs: tuple[RunFiles, ...] = ()

    @classmethod
    def of(cls, named: Mapping[str, Iterable[str] | str]) -> FigureFiles:
        """Take the inputs of the workflow's rule."""
        lists = {
            kind: [Path(files)] if isinstance(files, str) else [Path(file) for file in files]
            for kind, files in named.items()
        }
        folders = dict.fromkeys(path.parent for path in lists.get("runs", []))
        return cls(
            metrics=lists["metrics"][0],
            maps=tuple(lists.get("maps", ())),
            fits=tuple(lists.get("fits", ())),
            runs=tuple(map(RunFiles.at, folders)),
        )


@dataclass(frozen=True)
class Shown:
    """A figure's material: files, the tier's settings and grid, and names."""

    files: FigureFiles
    tier: str
    settings: EnvmapsSettings
    expected: tuple[Expected, ...]
    names: Names

    @cached_property
    def results(self) -> Results:
        """The measured values."""
        return results_of(read_metrics(self.files.metrics), self.expected, self.tier)

    def initial(self) -> np.ndarray:
        """Return the first sky's upper half."""
        return read_image(self.files.maps[0])

    def fits(self) -> Mapping[str, object]:
        """Return the first sky's fitted networks."""
        from rerender.papers.envmaps.fits import load_fits

        return load_fits(self.files.fits[0])

    def opened(self) -> list[tuple[RunFiles, Tree]]:
        """Return the finished runs with their maps and renderings."""
        found = [(run, load_tree(run.final)) for run in self.files.runs]
        if not found:
            raise UserError(
                "the figure has no finished run to show", "Add a sky or a representation to its part."
            )
        return found

    def note(self, *parts: str) -> str:
        """Return a footnote: what is shown, the tier, and which inputs stand in for others."""
        places = {(run.scene, run.envmap) for run in self.files.runs}
        used = {place: source for place, source in self.results.assets.items() if place in places}
        assets = inputs_sentence(used, self.names) if used else ""
        return captions.sentences(*parts, captions.tier_sentence(self.tier), assets)


def picture(radiance: np.ndarray) -> np.ndarray:
    """Return display values of linear radiance, as the metrics see them."""
    return display(radiance).astype(np.float32)
