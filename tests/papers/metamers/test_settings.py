"""What a tier leaves to the scene is filled in, and steps, epochs and remeshing fit together."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from rerender.catalogue import registry
from rerender.papers.metamers.settings import GeometryRun, GeometrySettings, MaterialRun, MaterialSettings
from rerender.papers.metamers.tiers import TIERS

SHAPES = GeometrySettings(scenes=("suzanne",), envmaps=("constant",), models=("mae",))
SURFACES = MaterialSettings(scenes=("translucent",), models=("mse",))


def test_the_published_steps_are_500_sweeps_with_one_view_a_step() -> None:
    assert SHAPES.run(registry.scene("suzanne")).iterations == 4_000
    assert SHAPES.run(registry.scene("dragon")).iterations == 12_500
    assert SURFACES.run(registry.scene("translucent")).iterations == 500


def test_open_values_come_from_the_scene() -> None:
    run = SHAPES.run(registry.scene("suzanne"))
    assert (run.n_views, run.large_steps_lambda, run.lr) == (8, 25.0, 0.1)
    assert run.sppi == run.spp == run.spp_grad == 64
    material = SURFACES.run(registry.scene("translucent"))
    assert (material.lr, material.max_depth, material.texture_size) == (0.03, 12, (480, 720))
    assert SURFACES.run(registry.scene("diffuse")).max_depth == 10


def test_given_values_win() -> None:
    settings = SHAPES.model_copy(update={"n_views": 6, "lr": 0.5, "sppi": 0, "large_steps_lambda": 3.0})
    run = settings.run(registry.scene("dragon"))
    assert (run.n_views, run.lr, run.sppi, run.large_steps_lambda) == (6, 0.5, 0, 3.0)


def test_remeshing_happens_at_the_end_of_the_listed_epochs() -> None:
    settings = SHAPES.model_copy(
        update={"n_views": 10, "views_per_step": 4, "epochs": 8, "remesh_at": (0, 5)}
    )
    run = settings.run(registry.scene("suzanne"))
    assert run.window == 3  # 10 views, 4 at a time
    assert run.iterations == 24
    assert run.remesh_steps == (2, 17)


def test_the_scenes_own_remeshing_is_cut_to_the_epochs() -> None:
    run = SHAPES.model_copy(update={"epochs": 250}).run(registry.scene("suzanne"))
    assert run.remesh_steps == (101 * 8 - 1, 201 * 8 - 1)


def test_no_more_views_a_step_than_there_are() -> None:
    run = SHAPES.model_copy(update={"views_per_step": 12}).run(registry.scene("suzanne"))
    assert (run.views_per_step, run.window) == (8, 1)


@pytest.mark.parametrize("tier", TIERS)
def test_every_scene_of_a_tier_resolves_to_plain_values(tier: str) -> None:
    geometry, material = TIERS[tier].geometry, TIERS[tier].material
    for name in geometry.scenes:
        run = geometry.run(registry.scene(name))
        assert GeometryRun(**run.model_dump()) == run
        assert all(0 <= step < run.iterations for step in run.remesh_steps)
        assert geometry.references(registry.scene(name)).n_views == run.n_views
    for name in material.scenes:
        fitted = material.run(registry.scene(name))
        assert MaterialRun(**fitted.model_dump()) == fitted
        assert material.evaluation(registry.scene(name), ("mse",)).max_depth == fitted.max_depth


def test_settings_cannot_be_changed_or_extended() -> None:
    with pytest.raises(ValidationError):
        SHAPES.epochs = 3  # type: ignore[misc]
    with pytest.raises(ValidationError):
        GeometrySettings.model_validate({**SHAPES.model_dump(), "epoch": 3})


def test_fidelity_grows_with_the_tier() -> None:
    sizes = [TIERS[tier].geometry.image_size for tier in ("smoke", "laptop", "paper")]
    seeds = [TIERS[tier].geometry.seeds for tier in ("smoke", "laptop", "paper")]
    assert sizes == sorted(sizes)
    assert seeds == sorted(seeds)
