"""The materials experiments at the three fidelities, as typed values (fact sheet, section 6.5)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rerender.catalogue.material_specs import WORKSHOP
from rerender.papers.materials.settings import (
    CaptureSettings,
    ExperimentSettings,
    HashSettings,
    MaterialsSettings,
    PictureSettings,
    ShapeSettings,
    StageSettings,
)

_LEVELS = (2, 4, 8, 16)


def _levels(
    scene: str, seeds: int, steps: int | None = None, *, fine: bool = False
) -> dict[str, ExperimentSettings]:
    """Return the ablation of the number of nested grids."""
    return {
        f"levels_{levels}": ExperimentSettings(
            scenes=(scene,), seeds=seeds, levels=levels, steps=steps, fine=fine
        )
        for levels in _LEVELS
    }


_SMOKE = MaterialsSettings(
    capture=CaptureSettings(
        size=48, views=8, heldout=2, light_height=16, reference_spp=16, map_size=64, samples=2000
    ),
    hash=HashSettings(levels=4, log2_table=13, finest=128),
    coarse=StageSettings(steps=60),
    fine=StageSettings(steps=30, lr=0.003),
    experiments={
        "known": ExperimentSettings(scenes=("spots_ball",), envmap="interior", seeds=1, fine=True),
        "learned": ExperimentSettings(
            scenes=("spots_ball",), envmap="interior", methods=("two",), seeds=1, lighting="learned"
        ),
    },
    pictures=PictureSettings(size=48, spp=4, frames=2, relight="constant"),
    shape=ShapeSettings(cells=16),
)

_BALL = CaptureSettings(size=96, views=24, draws=3)

_ABLATION = ("joint_summed", "two_isolated", "two_same_schedule", "two_same_loss")
_NORMALS = ("joint_true_normals", "two_true_normals")
_LATE = ("joint_late_normals",)
_EVERY = ("cow", "spots_ball", "grey_ball", "duck")
_OTHER_SKIES = ("evening_road", "rustig_koppie", "wasteland_clouds")

_LAPTOP = MaterialsSettings(
    capture=CaptureSettings(draws=3),
    captures={"spots_ball": _BALL, "grey_ball": _BALL},
    experiments={
        "known": ExperimentSettings(scenes=_EVERY, seeds=3, fine=True),
        "workshop": ExperimentSettings(scenes=("spots_ball",), envmap=WORKSHOP, seeds=3),
        "late": ExperimentSettings(scenes=_EVERY, methods=_LATE, seeds=2),
        "roughness": ExperimentSettings(scenes=("cow_r010", "cow_r030"), seeds=1),
        "ablation": ExperimentSettings(scenes=("cow",), methods=_ABLATION, seeds=2),
        "normals": ExperimentSettings(scenes=("cow",), methods=_NORMALS, seeds=1),
        "sparse": ExperimentSettings(scenes=("cow",), methods=("joint",), stride=2, seeds=2),
        "learned": ExperimentSettings(scenes=("cow", "grey_ball"), lighting="learned", steps=300, seeds=2),
        "perturbed": ExperimentSettings(scenes=("cow",), normal_error=0.3, seeds=1),
        **_levels("cow", 1, 200),
    },
)

_PAPER_BALL = CaptureSettings(
    size=512, views=100, heldout=50, light_height=512, map_size=1024, samples=200_000
)

_PAPER = MaterialsSettings(
    capture=_PAPER_BALL,
    hash=HashSettings(levels=16, log2_table=19, finest=4096),
    coarse=StageSettings(steps=1000, batch=8),
    fine=StageSettings(steps=1000, batch=8, lr=0.003),
    experiments={
        "known": ExperimentSettings(scenes=_EVERY, seeds=5, fine=True),
        "workshop": ExperimentSettings(scenes=_EVERY, envmap=WORKSHOP, seeds=5),
        "late": ExperimentSettings(scenes=_EVERY, methods=(*_LATE, "two_isolated"), seeds=5),
        "roughness": ExperimentSettings(scenes=("cow_r010", "cow_r020", "cow_r030"), seeds=5),
        "ablation": ExperimentSettings(
            scenes=("cow", "spots_ball"), methods=("joint_undivided", "two_divided", *_ABLATION), seeds=5
        ),
        "normals": ExperimentSettings(
            scenes=("cow", "spots_ball"),
            methods=("two_late_normals", *_NORMALS),
            seeds=5,
        ),
        "sparse": ExperimentSettings(scenes=("cow",), methods=("joint", "two", *_LATE), stride=4, seeds=5),
        "learned": ExperimentSettings(scenes=("cow", "grey_ball"), lighting="learned", seeds=5),
        "perturbed": ExperimentSettings(scenes=("cow", "spots_ball"), normal_error=0.3, seeds=5),
        "mitsuba": ExperimentSettings(scenes=("cow", "spots_ball"), reference="mitsuba", seeds=5),
        **{
            sky: ExperimentSettings(scenes=("cow", "spots_ball"), envmap=sky, seeds=5) for sky in _OTHER_SKIES
        },
        **_levels("cow", 3, fine=True),
    },
    pictures=PictureSettings(size=512, spp=256, frames=120),
    shape=ShapeSettings(cells=64),
)

TIERS: Mapping[str, MaterialsSettings] = MappingProxyType(
    {"smoke": _SMOKE, "laptop": _LAPTOP, "paper": _PAPER}
)
