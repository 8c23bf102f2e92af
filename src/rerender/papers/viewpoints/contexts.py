"""The columns that the metric rows of a viewpoints job share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rerender.catalogue.origins import read_origin
from rerender.provenance.manifest import Code
from rerender.provenance.stack import stack_fingerprint
from rerender.reporting.rows import RowContext


def row_context(
    experiment: str,
    scene: str,
    *,
    method: str,
    representation: str,
    file: Path | None,
    tier: str,
    backend: str,
    identity: str,
    code: Code,
    stack: Mapping[str, str],
) -> RowContext:
    """Return the columns of a job on the scene in `file`, whose provenance lies beside it, or on a generated one; the seed is 1."""
    return RowContext(
        paper="viewpoints",
        experiment=experiment,
        scene=scene,
        envmap="none",
        method=method,
        representation=representation,
        seed=1,
        tier=tier,
        backend=backend,
        device="cuda" if backend.startswith("cuda") else "cpu",
        run_id=identity,
        code=code.fingerprint,
        stack=stack_fingerprint(stack),
        assets=read_origin(file.with_suffix(".json")) if file else "standin",  # type: ignore[arg-type]
    )
