"""One ablation: a target fitted for one model as corrected, and with each of some behaviours of the released code.

All variants of a seed share target, start and noise streams, so their differences are paired. Results are judged in the
same way, whatever the run was switched to: with images in the right layout and models in the right mode. What the run
itself logged is kept beside it (`own_similarity`): that is what the released code would have reported.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from rerender.papers.metamers.evaluate import EvaluateRequest, EvaluationFiles, evaluate_runs
from rerender.papers.metamers.optimise import RunRecord, RunRequest, identify, optimise_run
from rerender.papers.metamers.runfiles import RunFiles
from rerender.papers.metamers.settings import EvaluationSettings
from rerender.papers.metamers.switches import CORRECTED, switched_on
from rerender.reporting.rows import MetricRow, describe_metric, read_metrics, write_table

EXPERIMENT = "ablation"
KEPT = (
    *("similarity", "similarity_start", "similarity_ceiling", "similarity_normalised"),
    *("mae", "psnr", "ssim", "chamfer_l1", "chamfer_ratio", "silhouette_iou", "texture_psnr", "abs_error"),
    *("loss_best", "iterations", "cpu_s"),
)
"""Names, before any slash, of the metrics that are kept of the judgement."""


@dataclass(frozen=True)
class AblationRequest:
    """What to compare: a run as corrected (its seed is replaced), the switches, how many seeds, and how to judge."""

    run: RunRequest
    switches: tuple[str, ...]
    seeds: int
    evaluation: EvaluationSettings
    tier: str
    code: str


def run_ablation(
    request: AblationRequest,
    record: RunRecord,
    *,
    out: Path,
    state_root: Path,
    report: Callable[[str], None] = print,
) -> None:
    """Fit and judge every variant with every seed, and write the metric rows.

    Finished fits stay in `state_root` until all are judged, so an interrupted job repeats at most one; they are kept under
    the name of the run as corrected, so that other settings, inputs or code never find them.
    """
    rows: list[MetricRow] = []
    work = state_root / f"ablation-{identify(request.run, record)}"
    for variant in (CORRECTED, *request.switches):
        runs = tuple(_fit(request, record, variant, seed, work) for seed in range(1, request.seeds + 1))
        rows += _judged(request, runs, variant, work / variant)
        report(f"{variant}: {request.seeds} runs fitted and judged")
    write_table(out, rows)
    shutil.rmtree(work, ignore_errors=True)


def _fit(request: AblationRequest, record: RunRecord, variant: str, seed: int, work: Path) -> RunFiles:
    """Run one variant with one seed, unless it was finished before an interruption."""
    base = request.run
    switches = base.settings.switches if variant == CORRECTED else switched_on(variant)
    # numbers are all that is kept of it: nothing is observed on the way
    settings = base.settings.model_copy(update={"switches": switches, "observe_every": 0})
    run = replace(base, seed=seed, settings=settings)
    folder = work / variant / base.scene.id / base.envmap.id / base.model / f"s{seed}"
    if not (folder / "manifest.json").is_file():  # written last
        folder.mkdir(parents=True, exist_ok=True)
        optimise_run(run, record, folder=folder, state_root=work / "state")
    return RunFiles.at(folder, base.scene.family)


def _judged(
    request: AblationRequest, runs: tuple[RunFiles, ...], variant: str, folder: Path
) -> list[MetricRow]:
    """Judge the runs of one variant; return the rows that are kept, under the variant's name."""
    base = request.run
    files = EvaluationFiles.at(folder)
    evaluate_runs(
        EvaluateRequest(
            scene=base.scene,
            envmap=base.envmap,
            files=base.files,
            runs=runs,
            settings=request.evaluation,
            weights=base.weights,
            tier=request.tier,
            code=request.code,
            variant=base.variant,
            threads=base.threads,
            pictures=False,
        ),
        files,
    )
    found = [
        MetricRow(**values | {"experiment": EXPERIMENT, "variant": variant})
        for values in read_metrics(files.metrics).iter_rows(named=True)
        if str(values["metric"]).split("/")[0] in KEPT
    ]
    return found + [_logged(run, found, request.run) for run in runs]


def _logged(run: RunFiles, rows: list[MetricRow], base: RunRequest) -> MetricRow:
    """Return the similarity that the run logged under its own, perhaps switched, model: mean of the last window."""
    import polars as pl

    window = getattr(base.settings, "window", 1)
    mean = pl.read_parquet(run.folder / "trace.parquet")["similarity"].tail(window).mean()
    pattern = next(row for row in rows if row.seed == run.seed)
    known = describe_metric("similarity")
    return replace(
        pattern,
        metric="own_similarity",
        value=float(mean) if isinstance(mean, float) else None,
        reason=None if isinstance(mean, float) else "the run logged none",
        unit=known.unit,
        better=known.better,
        n=window,
    )
