"""From what Snakemake hands to a script to the arguments of the metamers stages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rerender.config import load_config
from rerender.papers.metamers.settings import GeometryRun, MaterialRun

if TYPE_CHECKING:
    from rerender.papers.metamers.world import SceneFiles

ROLES = ("mesh", "envmap", "texture", "ground")


def scene_files(snakemake: Any) -> SceneFiles:
    """Return the prepared files of the scene among the job's inputs."""
    from rerender.papers.metamers.world import SceneFiles

    return SceneFiles(**{role: Path(path) for role, path in snakemake.input.items() if role in ROLES})


def run_settings(snakemake: Any) -> GeometryRun | MaterialRun:
    """Return the settings of a run.

    How often it saves comes from the configuration instead of `params`, on purpose: it changes no result.
    """
    values = {
        **snakemake.params.settings,
        "checkpoint_seconds": load_config(snakemake.config).checkpoint_seconds,
    }
    return (
        GeometryRun(**values)
        if snakemake.params.value["scene"].family == "geometry"
        else MaterialRun(**values)
    )
