"""Where a metamers run keeps its files, and one cell of the expected grid. Light: imports no numerics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rerender.catalogue.specs import Family as Family
from rerender.core.errors import UserError
from rerender.reporting.jobfiles import JobFiles

BASELINES: Mapping[Family, str] = {"geometry": "mae", "material": "dual_buffer"}
"""The pixel objective that each family is compared with (fact sheet, section 1)."""


@dataclass(frozen=True)
class RunFiles(JobFiles):
    """One finished run: `{folder}` is `…/runs/{scene}/{envmap}/{model}/s{seed}`."""

    family: Family
    scene: str
    envmap: str
    model: str
    seed: int

    @classmethod
    def at(cls, folder: Path | str, family: Family) -> RunFiles:
        """Take scene, envmap, model and seed from the last four parts of the folder."""
        folder = Path(folder)
        parts = folder.parts[-4:]
        if len(parts) < 4 or not (parts[3][:1] == "s" and parts[3][1:].isdigit()):
            raise UserError(
                f"{folder} is not the folder of a metamers run",
                "It must end in {scene}/{envmap}/{model}/s{seed}, for example suzanne/constant/mae/s0.",
            )
        scene, envmap, model, seed = parts
        return cls(folder, family, scene, envmap, model, int(seed[1:]))

    @property
    def summary(self) -> Path:
        """Run summary: iterations, stop reason, cost."""
        return self.folder / "fit.json"

    @property
    def frames(self) -> Path:
        """Observed renders over the run."""
        return self.folder / "frames.npz"

    @property
    def views(self) -> Path:
        """Fresh-seed display renders of the target, and of each model's first seed: of all runs of the scene and light."""
        return self._evaluations / "views.npz"

    @property
    def metrics(self) -> Path:
        """Metric rows of all runs of the scene and light."""
        return self._evaluations / "metrics.parquet"

    @property
    def by_view(self) -> Path:
        """Similarities and pixel errors view by view, of all runs of the scene and light."""
        return self._evaluations / "by_view.parquet"

    @property
    def turntables(self) -> Path:
        """The target and each model's first seed from a circle of cameras."""
        return self._evaluations / "turntables.npz"

    @property
    def _evaluations(self) -> Path:
        return self.folder.parents[4] / "evaluations" / self.scene / self.envmap


def run_key(model: str) -> str:
    """Return the name under which `views.npz` holds the pictures of a model's first seed."""
    return f"runs/{model}"


@dataclass(frozen=True, order=True)
class Expected:
    """One cell of the grid. `blocked` is the reason when it cannot run here, such as "weights"."""

    family: Family
    scene: str
    envmap: str
    model: str
    seed: int = 0
    blocked: str | None = None


@dataclass(frozen=True)
class AblationCase:
    """One comparison of Table T7. `blocked` is the reason when it cannot run here."""

    scene: str
    envmap: str
    model: str
    switches: tuple[str, ...]
    blocked: str | None = None


def blocked_models(expected: Iterable[Expected], family: Family | None = None) -> dict[str, str]:
    """Return model -> reason for the models of which every cell (of a family) is blocked, in grid order."""
    reasons: dict[str, list[str | None]] = {}
    for cell in expected:
        if family is None or cell.family == family:
            reasons.setdefault(cell.model, []).append(cell.blocked)
    return {
        model: first for model, found in reasons.items() if all(found) and (first := found[0]) is not None
    }
