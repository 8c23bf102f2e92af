"""The job of all demos: what it estimates and controls, its files, two figures and three videos (fact sheet, section 4.10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from rerender.core.files import load_tree
from rerender.papers.physics.demo_motions import motion_subjects
from rerender.papers.physics.demo_pictures import (
    motion_frames,
    save_shape_figure,
    shape_frames,
    smoke_frames,
)
from rerender.papers.physics.demo_shape import shape_part
from rerender.papers.physics.demo_smoke import smoke_part
from rerender.papers.physics.demo_specs import DemoSettings
from rerender.papers.physics.demos import save_demos
from rerender.papers.physics.grid import Job
from rerender.papers.physics.jobs import Part, Run, carry_out
from rerender.papers.physics.specs import RasterSettings
from rerender.papers.physics.subjects import answered
from rerender.papers.physics.videos import FPS
from rerender.provenance.manifest import Code
from rerender.reporting.jobfiles import JobFiles
from rerender.reporting.videos import write_video

JOB = Job("demos", "default", 1)


@dataclass(frozen=True)
class DemoRequest:
    """The demos of a tier, and how they are run."""

    settings: DemoSettings
    raster: RasterSettings
    tier: str
    threads: int = 1
    job: Job = JOB

    def parameters(self) -> dict[str, Any]:
        """Return the plain values that decide the result."""
        return {
            "experiment": self.job.experiment,
            "settings": self.settings.model_dump(),
            "raster": self.raster.model_dump(),
        }


def make_demos(
    request: DemoRequest,
    code: Code,
    stack: Mapping[str, str],
    *,
    folder: Path,
    state_root: Path,
    figures: Path,
    videos: Path,
) -> None:
    """Run all demos; write the job's files to `folder`, `demos` and `shape` to `figures`, and `demos`, `smoke` and `shape` to `videos`."""

    def parts(run: Run) -> Iterator[Part]:
        for asked, subject in motion_subjects(request.settings, request.raster, request.job, request.tier):
            yield answered(run, asked, subject)
        yield smoke_part(run, request.settings.smoke)
        yield shape_part(run, request.settings.shape)

    carry_out(request, parts, code, stack, folder=folder, state_root=state_root)
    run = JobFiles(folder)
    final, trace = load_tree(run.final), pl.read_parquet(run.trace)
    save_demos(final, trace, figures / "demos", request.tier)
    save_shape_figure(request.settings.shape, final, trace, figures / "shape", request.tier)
    write_video(videos / "demos.mp4", motion_frames(request, final), FPS)
    write_video(videos / "smoke.mp4", smoke_frames(final), FPS)
    write_video(videos / "shape.mp4", shape_frames(request.settings.shape, final), FPS)
