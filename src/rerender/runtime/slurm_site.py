"""What a cluster is like: the one file that a user adapts to a site, `profiles/slurm/site.yaml`.

Times are in minutes, memory in MB (as Slurm and Snakemake count).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError

from rerender.core.errors import UserError, unknown_name
from rerender.settings import Count, Frozen

SITE_FILE = Path("profiles/slurm/site.yaml")


class Place(Frozen):
    """Where one kind of jobs goes, and the most that may be asked for there."""

    partition: str = Field("", description="name of the partition; empty: the cluster's default")
    max_runtime: Count = Field(1440, description="longest time limit of a job [min]")
    max_memory_mb: Count = Field(64_000, description="most memory of a job [MB]")
    extra: str = Field("", description="further options of sbatch, such as --constraint=ssd")


class GpuPlace(Place):
    """Where jobs go that ask for a GPU, and how GPUs are asked for there."""

    request: Literal["gpu", "gres"] = Field("gpu", description="--gpus=1, or --gres=gpu:1")
    type: str = Field("", description="type of GPU, such as h100, as `sinfo -o %G` names it; empty: any")


class Batching(Frozen):
    """How many runs share one Slurm job."""

    minutes: Annotated[float, Field(ge=0)] = Field(
        15.0, description="how long a Slurm job should last, by the costs measured so far; 0: one run a job"
    )
    most: Count = Field(64, description="most runs in one Slurm job")
    linger: Annotated[float, Field(ge=0)] = Field(
        5.0, description="how long a run that is ready waits for company [s]"
    )


class Site(Frozen):
    """All of the file."""

    account: str = Field("", description="account that pays (-A); empty: your default one")
    cpu: Place = Place()
    gpu: GpuPlace = GpuPlace()
    batch: Batching = Batching()
    growth: Annotated[float, Field(ge=1)] = Field(
        2.0, description="factor on memory and runtime at every further attempt, up to the place's most"
    )
    warning: Annotated[int, Field(ge=0)] = Field(
        90, description="how long before the time limit a job is told to save [s]; 0: only when it is over"
    )
    node_cache: str = Field(
        "", description="folder on the node's own disk for compiled kernels; empty: $TMPDIR, else /tmp"
    )


def read_site(path: Path = SITE_FILE) -> Site:
    """Read and check a site file. An empty file is a site without peculiarities."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"there is no {path}", "Write one: docs/slurm.md has an example.") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML: {error}", "Mend it: docs/slurm.md has an example.") from error
    return parse_site(values or {}, str(path))


def parse_site(values: Any, where: str = "the site file") -> Site:
    """Check the content of a site file; raise `UserError` at the first key or value that is wrong."""
    if not isinstance(values, dict):
        raise UserError(f"{where} holds no settings", f"Allowed keys: {', '.join(Site.model_fields)}.")
    try:
        return Site(**values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise unknown_name("key", key, known_keys(), f"It stands in {where}.") from None
        raise UserError(f"{where}: {key}: {first['msg']}, not {first['input']!r}") from None


def known_keys() -> list[str]:
    """Return all keys of a site file, with dots."""
    return [
        f"{name}.{inner}" if inner else name
        for name, field in Site.model_fields.items()
        for inner in (getattr(field.annotation, "model_fields", None) or {"": None})
    ]
