"""Options of the plugin on Snakemake's command line and in profiles, as `--patient-slurm-…`."""

# No `from __future__ import annotations` and no `Path | None`: Snakemake calls the annotations to read arguments.
# ruff: noqa: RUF009, UP045

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from snakemake_executor_plugin_slurm import ExecutorSettings as SlurmSettings


def _option(default: Any, words: str) -> Any:
    return field(default=default, metadata={"help": words, "env_var": False, "required": False})


@dataclass
class ExecutorSettings(SlurmSettings):  # type: ignore[misc]
    """The upstream settings, and our own."""

    site: Optional[Path] = _option(
        None, "File that describes the cluster: accounts, partitions, GPUs, batches."
    )
    costs: Optional[Path] = _option(
        None,
        "File with the minutes that one job of a rule takes (rule: minutes), from which batches are sized.",
    )
    untested_versions: bool = _option(
        False, "Run with versions of Snakemake's packages that were not tested."
    )
