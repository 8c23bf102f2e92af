"""The viewpoints experiment at the three fidelities, as typed values (fact sheet, section 4.7, presets)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rerender.papers.viewpoints.settings import (
    DEFAULT_WORDS,
    BasinSettings,
    CameraSettings,
    GradientSettings,
    LevelSettings,
    NamedRun,
    PredictorSettings,
    ScenePreset,
    SearchSettings,
    StillSettings,
    ViewpointsSettings,
    ViewSettings,
    WordSettings,
)


def _readme(size_one: int, size_two: int) -> dict[str, NamedRun]:
    """Return the two searches that the released README names, with targets chosen here: it names none."""
    return {
        "readme_1": NamedRun(
            start=CameraSettings(distance=6.0, elevation=45.0, azimuth=90.0),
            target=CameraSettings(distance=5.0, elevation=30.0, azimuth=45.0),
            iterations=120,
            size=size_one,
        ),
        # the target is where the released example ended
        "readme_2": NamedRun(
            start=CameraSettings(distance=15.0, elevation=38.0, azimuth=38.0),
            target=CameraSettings(distance=16.0227, elevation=28.7745, azimuth=48.0204),
            iterations=256,
            size=size_two,
        ),
    }


_SMOKE = ViewpointsSettings(
    scenes=ScenePreset(cell=0.2, meshes=()),
    search=SearchSettings(
        ladder=(32,), blurs=(4.0, 0.0), spp=4, target_spp=16, steps=2, adam_steps=4, grid_size=16, restarts=1
    ),
    near=LevelSettings(starts=2, methods=("lm", "upstream")),
    race=LevelSettings(starts=1, methods=("lm", "simplex", "cma", "adam")),
    half=LevelSettings(starts=1, methods=("lm",)),
    anywhere=LevelSettings(starts=1, methods=("lm",)),
    runs={
        name: run.model_copy(update={"iterations": 4, "size": 48}) for name, run in _readme(48, 48).items()
    },
    stills=StillSettings(size=64, cell=32, views=4, spp=4),
    basins=BasinSettings(azimuths=3, elevations=2, methods=("lm",), loss_slices=3),
    gradients=GradientSettings(size=24, spp=4, fd_spp=8, repeats=1, most_repeats=1),
    views=ViewSettings(
        segments=("bed",), rooms=1, counts=(1, 2), size=24, mask_size=32, evaluations=10, random_draws=2
    ),
    words=WordSettings(queries={"bed": "a bed"}, size=24, spp=1, steps=1),
    predictor=PredictorSettings(
        training_rooms=2,
        held_out_rooms=1,
        cell=0.4,
        size=16,
        evaluations=4,
        hidden=8,
        steps=20,
        refinements=(0, 2),
    ),
)

_LAPTOP = ViewpointsSettings(
    scenes=ScenePreset(),
    near=LevelSettings(starts=20, methods=("lm", "lm_interior", "adam", "upstream")),
    half=LevelSettings(starts=20, methods=("lm", "lm_restarts")),
    anywhere=LevelSettings(starts=20),
    runs=_readme(256, 512),
    basins=BasinSettings(elevations=3),
    gradients=GradientSettings(repeats=3, precision=0.03),
    # CLIP ViT-L/14 takes 2 CPU seconds a picture, 4 with its gradient
    words=WordSettings(
        queries={name: DEFAULT_WORDS[name] for name in ("bed", "sofa", "plant", "bookshelf")}, steps=4
    ),
)

_PAPER = ViewpointsSettings(
    scenes=ScenePreset(rooms=5, meshes=("bunny", "spot", "suzanne")),
    search=SearchSettings(ladder=(64, 128, 256), spp=16),
    near=LevelSettings(
        starts=50,
        methods=("lm", "lm_fd", "lm_flat", "lm_interior", "adam", "adam_interior", "upstream", "simplex"),
    ),
    half=LevelSettings(starts=50, methods=("lm", "lm_restarts", "adam", "simplex")),
    anywhere=LevelSettings(starts=100),
    race=LevelSettings(starts=20, methods=("lm", "simplex", "cma", "adam")),
    runs=_readme(256, 512),
    stills=StillSettings(spp=64),
    basins=BasinSettings(azimuths=37, elevations=11),
    gradients=GradientSettings(size=128, repeats=16, most_repeats=64),
    views=ViewSettings(rooms=12, size=96, evaluations=90, random_draws=9),
    words=WordSettings(rooms=12, spp=16, crops=4, starts=4, steps=40),
    predictor=PredictorSettings(training_rooms=64, held_out_rooms=16, evaluations=48),
)

TIERS: Mapping[str, ViewpointsSettings] = MappingProxyType(
    {"smoke": _SMOKE, "laptop": _LAPTOP, "paper": _PAPER}
)
