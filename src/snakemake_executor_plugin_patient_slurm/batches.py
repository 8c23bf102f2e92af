"""Several Snakemake jobs in one Slurm job: which go together, and the folder through which main process and node talk.

Folder of a batch, on the shared file system:

    batch.json      members, and where kernels are cached; written before submission
    slurm_job       the Slurm job's id; written by the main process after submission, and by the job as it starts
    <k>.done        member k has finished and its outputs were checked
    <k>.failed      member k has failed

A file that exists says all; none is ever changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any

DONE, FAILED = "done", "failed"


@dataclass(frozen=True)
class Member:
    """One Snakemake job of a batch.

    `key` names it (rule and wildcards), `digest` also what it is made from; `target` is its `--target-jobs`.
    """

    key: str
    digest: str
    target: str = ""


def key_of(rule: str, wildcards: Mapping[str, Any]) -> str:
    """Name a job: there is one of a rule with given wildcards."""
    return json.dumps([rule, sorted((name, str(value)) for name, value in wildcards.items())])


def digest_of(values: Any) -> str:
    """Return a short hash of plain values."""
    return hashlib.sha256(json.dumps(values, default=str, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Batch:
    """The folder of a batch."""

    folder: Path
    members: tuple[Member, ...]

    @staticmethod
    def create(folder: Path, members: Sequence[Member], node_cache: str = "") -> Batch:
        """Write the record of a new batch."""
        folder.mkdir(parents=True)
        record = {"members": [asdict(member) for member in members], "node_cache": node_cache}
        _write(folder / "batch.json", json.dumps(record))
        return Batch(folder, tuple(members))

    @staticmethod
    def read(folder: Path) -> Batch:
        """Read the record of a batch."""
        record = json.loads((folder / "batch.json").read_text(encoding="utf-8"))
        return Batch(folder, tuple(Member(**member) for member in record["members"]))

    @property
    def node_cache(self) -> str:
        """The folder for caches on the node, or an empty text."""
        return str(json.loads((self.folder / "batch.json").read_text(encoding="utf-8"))["node_cache"])

    def mark(self, number: int, what: str) -> None:
        """Say that a member is done or has failed."""
        _write(self.folder / f"{number}.{what}", "")

    def is_marked(self, number: int, what: str) -> bool:
        """Say whether a member is done, or has failed."""
        return (self.folder / f"{number}.{what}").exists()

    def open_numbers(self) -> list[int]:
        """Return the members that have neither finished nor failed: what a job that starts again has to do."""
        return [
            number
            for number in range(len(self.members))
            if not self.is_marked(number, DONE) and not self.is_marked(number, FAILED)
        ]

    def set_slurm_job(self, job: str) -> None:
        """Note the id of the Slurm job."""
        _write(self.folder / "slurm_job", job)

    def slurm_job(self) -> str:
        """Return the id of the Slurm job, or an empty text if there is none yet."""
        try:
            return (self.folder / "slurm_job").read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""


def batch_size(cost: float | None, minutes: float, most: int) -> int:
    """Return how many runs of `cost` minutes make a job of at least `minutes`; one where the cost is not known."""
    if not cost or not minutes:
        return 1
    return max(1, min(most, ceil(minutes / cost)))


def split(items: Sequence[Any], size: int) -> list[list[Any]]:
    """Cut into pieces of at most `size`, as equal as can be."""
    if not items:
        return []
    pieces = ceil(len(items) / size)
    each = ceil(len(items) / pieces)
    return [list(items[start : start + each]) for start in range(0, len(items), each)]


def runtime_of(limits: Iterable[int], cost: float | None, most: int) -> int:
    """Return the time limit of a batch [min]: the limit of one run, and for the others four times what they cost."""
    limits = list(limits)
    further = (len(limits) - 1) * (4 * cost if cost else max(limits))
    return min(most, ceil(max(limits) + further))


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
