"""What a metamers experiment is: typed settings of a tier, and the small part of them that each step needs.

`MetamersSettings` is what a user may write in `config/tiers/<tier>.yaml`. Where a value is left to the scene
(`null`), `references`, `run` and `evaluation` fill it in from the scene's entry in the registry, so that a step
gets plain resolved values and reruns only when one of *its* values changes. Section numbers refer to the metamers
fact sheet. Lengths are in scene units, angles in degrees.
"""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, Field, model_validator

from rerender.papers.metamers.switches import Switches, SwitchName
from rerender.settings import Count, Frozen, Names, NonNegative

Family = Literal["geometry", "material"]
Guiding = Literal["none", "octree"]
MaterialIntegrator = Literal["prb", "path"]


class Refinement(Frozen):
    """More samples for the last steps: noise that the early steps can bear biases where a fit ends."""

    share: Annotated[float, Field(gt=0, lt=1)] = Field(description="share of the steps, at the end")
    spp: Count = Field(description="samples per pixel then")
    spp_grad: Count = Field(description="samples per pixel of the adjoint pass then")


class Regularisers(Frozen):
    """Weights of the priors on a mesh, added to the loss of every step (section 4.7; zero in the experiments)."""

    laplacian: NonNegative = Field(0.0, description="distance of a vertex from the mean of its neighbours")
    edge_length: NonNegative = Field(0.0, description="variance of the edge lengths")
    area: NonNegative = Field(0.0, description="variance of the triangle areas")
    arap: NonNegative = Field(0.0, description="rotation of edges against the mesh of the last remeshing")


class SceneDefaults(Protocol):
    """The fields of a registry `SceneSpec` that fill in what a tier leaves to the scene."""

    @property
    def id(self) -> str: ...
    @property
    def n_views(self) -> int: ...
    @property
    def large_steps_lambda(self) -> float: ...
    @property
    def lr(self) -> float: ...
    @property
    def remesh_epochs(self) -> tuple[int, ...]: ...
    @property
    def max_depth(self) -> int: ...
    @property
    def texture_size(self) -> tuple[int, int]: ...
    @property
    def imagenet_class(self) -> int | None: ...


class ReferenceSettings(Frozen):
    """What rendering the target views of one scene under one light needs. Resolved: nothing is left open."""

    family: Family
    image_size: Count = Field(description="width and height of a view, in pixels")
    spp: Count = Field(description="samples per pixel of the target renders")
    n_views: Count = Field(description="number of target views")
    max_depth: Count | None = Field(None, description="path length (material scenes)")
    batched_views: bool = False


class GeometryRun(Frozen):
    """What optimising one mesh needs. Resolved: nothing is left open. Steps are optimiser steps."""

    image_size: Count
    spp: Count
    spp_grad: Count
    refine: Refinement | None = None
    n_views: Count
    batched_views: bool = False
    views_per_step: Count
    iterations: Count
    window: Count = Field(description="steps per epoch: one sweep over all views")
    large_steps_lambda: float
    lr: float
    lr_final_factor: float
    remesh_steps: tuple[int, ...] = Field(description="remesh after these zero-based steps")
    remesh_lr_factor: float
    start_subdivisions: int
    sppi: int
    guiding: Guiding
    regularisers: Regularisers = Regularisers()
    classify: float | None = None
    imagenet_class: int | None = None
    switches: Switches = Switches()
    observe_every: Annotated[
        int, Field(ge=0, description="0: never, as for runs whose pictures nobody keeps")
    ]
    patience_windows: Count | None
    min_delta: float
    checkpoint_seconds: float


class MaterialRun(Frozen):
    """What optimising one BSDF needs. Resolved: nothing is left open. One step visits every view."""

    image_size: Count
    spp: Count
    spp_grad: Count
    refine: Refinement | None = None
    n_views: Count
    batched_views: bool
    iterations: Count
    lr: float
    lr_final_factor: float
    further_starts: tuple[dict[str, float], ...] = ()
    start_steps: int = 0
    max_depth: Count
    texture_size: tuple[Count, Count]
    integrator: MaterialIntegrator
    switches: Switches = Switches()
    observe_every: Annotated[
        int, Field(ge=0, description="0: never, as for runs whose pictures nobody keeps")
    ]
    patience_windows: Count | None
    min_delta: float
    checkpoint_seconds: float


class EvaluationSettings(Frozen):
    """What judging a finished run needs. Resolved: nothing is left open."""

    family: Family
    image_size: Count
    spp: Count = Field(description="samples per pixel of the fresh-seed evaluation renders")
    n_views: Count
    heldout_views: Count
    chamfer_samples: Count | None = None
    max_depth: Count | None = None
    batched_views: bool = False
    judges: tuple[str, ...] = Field(description="vision models that judge the result, available ones only")


def samples_at(settings: GeometryRun | MaterialRun, iteration: int) -> tuple[int, int]:
    """Return samples per pixel of the image and of its adjoint in a step."""
    refine = settings.refine
    if refine is not None and iteration >= round((1.0 - refine.share) * settings.iterations):
        return refine.spp, refine.spp_grad
    return settings.spp, settings.spp_grad


class GeometrySettings(Frozen):
    """Shape runs: the vertices of a sphere become a metamer of the target mesh (fact sheet, section 4)."""

    scenes: Names = Field(description="target shapes; `rerender list scenes` prints what exists")
    envmaps: Names = Field(description="lights; `rerender list envmaps` prints what exists")
    models: Names = Field(
        description="vision models to optimise for; `rerender list models` prints what exists. "
        "Models whose weights are missing are shown as blocked, not run"
    )
    seeds: Count = Field(5, description="independent repetitions, seeds 1 to this number (original: one)")
    image_size: Annotated[int, Field(ge=8, le=4096)] = Field(
        256, description="view width and height [px] (section 4.1)"
    )
    spp: Count = Field(64, description="samples per pixel while optimising (section 4.2)")
    spp_grad: Count | None = Field(
        None,
        description="samples per pixel of the adjoint pass; null: as spp (section 4.2). "
        "An L1 loss needs samples in the primal more than in the adjoint",
    )
    refine: Refinement | None = Field(
        None,
        description="more samples for the last steps: {share, spp, spp_grad}; null: the same samples throughout, as published",
    )
    spp_target: Count = Field(64, description="samples per pixel of the target views (section 4.2)")
    spp_evaluate: Count = Field(64, description="samples per pixel of the evaluation renders (ours)")
    n_views: Count | None = Field(
        None, description="target views; null: the scene's own, 25 or 8 (section 2.1)"
    )
    batched_views: bool = Field(
        False,
        description="render the views of a step in one kernel with a box filter, silhouettes by rerender's own boundary "
        "term; false: one by one with Mitsuba's projective integrator and the published filter. Needs sppi: 0 and guiding: none",
    )
    views_per_step: Count = Field(1, description="views rendered for one optimiser step (section 4.4: one)")
    epochs: Count = Field(
        500,
        description="sweeps over all views; optimiser steps = epochs * views / views_per_step (section 7)",
    )
    large_steps_lambda: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="smoothness of the Large Steps latent; null: the scene's own, 15 or 25 (section 4.3)",
    )
    lr: Annotated[float, Field(gt=0)] | None = Field(
        None, description="AdamUniform step; null: the scene's own, 0.1 (section 4.3)"
    )
    lr_final_factor: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="lr falls exponentially to this share of itself at the last step; 1: constant, as published",
    )
    remesh_at: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(
        None,
        description="remesh at the end of these zero-based epochs; null: the scene's own; []: never (section 4.5)",
    )
    remesh_lr_factor: Annotated[float, Field(gt=0, le=1)] = Field(
        0.8, description="lr is multiplied by this at each remesh (section 4.3)"
    )
    start_subdivisions: Annotated[int, Field(ge=1, le=7)] = Field(
        5, description="subdivisions of the starting icosphere; 5 is 10 242 vertices (section 2.1)"
    )
    sppi: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="samples for shadow boundaries; null: as spp (plugin behaviour); 0: off, much faster (section 2.1)",
    )
    guiding: Guiding = Field(
        "octree",
        description="guiding of the boundary samples; octree is the plugin default, 30-60 times slower on a CPU",
    )
    regularisers: Regularisers = Field(
        Regularisers(), description="weights of the priors on the mesh (section 4.7); all zero, as published"
    )
    classify: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None,
        description="share of the vision model's loss when the object must also be classified as what it is (section 6.5: "
        "0.8); null: no classification. Only for models and scenes with an ImageNet class",
    )
    switches: Switches = Field(
        Switches(),
        description="behaviours of the released code that change results (docs/known-differences.md); all off",
    )
    observe_every: Count = Field(
        50, description="steps between two recorded frames (original: 25, one epoch)"
    )
    patience: Count | None = Field(
        50, description="stop after this many epochs without improvement; null: never (section 4.6)"
    )
    min_delta: Annotated[float, Field(ge=0)] = Field(
        1e-5, description="what counts as an improvement of the mean epoch loss (section 4.6)"
    )
    heldout_views: Count = Field(
        16, description="views that no optimisation saw, for the metrics (section 6.7; the number is ours)"
    )
    chamfer_samples: Count = Field(
        100_000, description="surface samples for Chamfer and Hausdorff distances (section 6.7)"
    )
    envmap_height: Annotated[int, Field(ge=8)] = Field(
        512, description="HDR maps are reduced to this height [px]; 512 is a 1k map"
    )

    @model_validator(mode="after")
    def _consistent(self) -> GeometrySettings:
        _no_duplicates(self, "scenes", "envmaps", "models")
        if self.n_views is not None and self.views_per_step > self.n_views:
            raise ValueError(
                f"views_per_step ({self.views_per_step}) is larger than n_views ({self.n_views})"
            )
        if self.batched_views and (self.sppi != 0 or self.guiding != "none"):
            raise ValueError("batched_views: true needs sppi: 0 and guiding: none")
        late = [epoch for epoch in self.remesh_at or () if epoch >= self.epochs]
        if late:
            raise ValueError(f"remesh_at has epochs {late}, but epochs ends at {self.epochs - 1}")
        return self

    def views(self, scene: SceneDefaults) -> int:
        """Number of target views of `scene`."""
        return self.n_views or scene.n_views

    def references(self, scene: SceneDefaults) -> ReferenceSettings:
        """Return what rendering the targets of `scene` needs."""
        return ReferenceSettings(
            family="geometry",
            image_size=self.image_size,
            spp=self.spp_target,
            n_views=self.views(scene),
            batched_views=self.batched_views,
        )

    def run(self, scene: SceneDefaults, checkpoint_seconds: float = 20.0) -> GeometryRun:
        """Return what one optimisation of `scene` needs."""
        window = -(-self.views(scene) // self.views_per_step)
        remesh_epochs = scene.remesh_epochs if self.remesh_at is None else self.remesh_at
        return GeometryRun(
            image_size=self.image_size,
            spp=self.spp,
            spp_grad=self.spp_grad or self.spp,
            refine=self.refine,
            n_views=self.views(scene),
            batched_views=self.batched_views,
            views_per_step=min(self.views_per_step, self.views(scene)),
            iterations=self.epochs * window,
            window=window,
            large_steps_lambda=self.large_steps_lambda or scene.large_steps_lambda,
            lr=self.lr or scene.lr,
            lr_final_factor=self.lr_final_factor,
            remesh_steps=tuple((epoch + 1) * window - 1 for epoch in remesh_epochs if epoch < self.epochs),
            remesh_lr_factor=self.remesh_lr_factor,
            start_subdivisions=self.start_subdivisions,
            sppi=self.spp if self.sppi is None else self.sppi,
            guiding=self.guiding,
            regularisers=self.regularisers,
            classify=self.classify,
            imagenet_class=scene.imagenet_class if self.classify is not None else None,
            switches=self.switches,
            observe_every=self.observe_every,
            patience_windows=self.patience,
            min_delta=self.min_delta,
            checkpoint_seconds=checkpoint_seconds,
        )

    def evaluation(self, scene: SceneDefaults, judges: tuple[str, ...]) -> EvaluationSettings:
        """Return what judging a run of `scene` needs."""
        return EvaluationSettings(
            family="geometry",
            image_size=self.image_size,
            spp=self.spp_evaluate,
            n_views=self.views(scene),
            heldout_views=self.heldout_views,
            chamfer_samples=self.chamfer_samples,
            batched_views=self.batched_views,
            judges=judges,
        )


class MaterialSettings(Frozen):
    """Material runs: a `principled` BSDF becomes a metamer of the target's (fact sheet, section 5)."""

    scenes: Names = Field(description="target materials; `rerender list scenes` prints what exists")
    models: Names = Field(
        description="vision models to optimise for; `rerender list models` prints what exists. "
        "Models whose weights are missing are shown as blocked, not run"
    )
    seeds: Count = Field(5, description="independent repetitions, seeds 1 to this number (original: one)")
    image_size: Annotated[int, Field(ge=8, le=4096)] = Field(
        256, description="view width and height [px] (section 2.2)"
    )
    spp: Count = Field(64, description="samples per pixel while optimising (section 5)")
    spp_grad: Count | None = Field(
        None, description="samples per pixel of the adjoint pass; null: as spp (section 5)"
    )
    refine: Refinement | None = Field(
        None,
        description="more samples for the last steps: {share, spp, spp_grad}; null: the same samples throughout, as published",
    )
    spp_target: Count = Field(64, description="samples per pixel of the target views (section 5)")
    spp_evaluate: Count = Field(64, description="samples per pixel of the evaluation renders (ours)")
    epochs: Count = Field(500, description="optimiser steps; every step visits all four views (section 5)")
    lr: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Adam step; null: the scene's own, 0.03 (section 5)"
    )
    lr_final_factor: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="lr falls exponentially to this share of itself at the last step; 1: constant, as published",
    )
    batched_views: bool = Field(
        False,
        description="render all views in one kernel with a box filter; false: one by one with the published filter",
    )
    further_starts: tuple[dict[str, float], ...] = Field(
        (),
        description="other values of the fitted parameters to start from, such as {spec_trans: 0.9, base_color: 0.5}; the "
        "published start and these are fitted for start_steps steps each, and the one with the lowest loss is carried on. "
        "The published start can end in a local minimum (docs/known-differences.md); []: only that start",
    )
    start_steps: Annotated[int, Field(ge=0)] = Field(
        0, description="steps for which each start is tried; 0: only the published start"
    )
    max_depth: Count | None = Field(
        None, description="path length; null: the scene's own, 10 or 12 (section 2.2)"
    )
    texture_size: tuple[Count, Count] | None = Field(
        None,
        description="height and width of the fitted texture [texels]; null: the scene's own, 480 x 720 (section 2.2)",
    )
    integrator: MaterialIntegrator = Field(
        "prb", description="prb, or path as the original: same gradients, about five times slower (section 5)"
    )
    switches: Switches = Field(
        Switches(),
        description="behaviours of the released code that change results (docs/known-differences.md); all off",
    )
    observe_every: Count = Field(4, description="steps between two recorded frames (original: one)")
    patience: Count | None = Field(
        50, description="stop after this many epochs without improvement; null: never (section 4.6)"
    )
    min_delta: Annotated[float, Field(ge=0)] = Field(
        1e-4, description="what counts as an improvement of the mean epoch loss (section 4.6)"
    )
    heldout_views: Count = Field(
        8, description="views that no optimisation saw, for the metrics (section 6.7; the number is ours)"
    )
    envmap_height: Annotated[int, Field(ge=8)] = Field(
        512, description="HDR maps are reduced to this height [px]; 512 is a 1k map"
    )

    @model_validator(mode="after")
    def _consistent(self) -> MaterialSettings:
        _no_duplicates(self, "scenes", "models")
        return self

    def references(self, scene: SceneDefaults) -> ReferenceSettings:
        """Return what rendering the targets of `scene` needs."""
        return ReferenceSettings(
            family="material",
            image_size=self.image_size,
            spp=self.spp_target,
            n_views=scene.n_views,
            max_depth=self.max_depth or scene.max_depth,
            batched_views=self.batched_views,
        )

    def run(self, scene: SceneDefaults, checkpoint_seconds: float = 20.0) -> MaterialRun:
        """Return what one optimisation of `scene` needs."""
        return MaterialRun(
            image_size=self.image_size,
            spp=self.spp,
            spp_grad=self.spp_grad or self.spp,
            refine=self.refine,
            n_views=scene.n_views,
            batched_views=self.batched_views,
            iterations=self.epochs,
            lr=self.lr or scene.lr,
            lr_final_factor=self.lr_final_factor,
            further_starts=self.further_starts,
            start_steps=self.start_steps,
            max_depth=self.max_depth or scene.max_depth,
            texture_size=self.texture_size or scene.texture_size,
            integrator=self.integrator,
            switches=self.switches,
            observe_every=self.observe_every,
            patience_windows=self.patience,
            min_delta=self.min_delta,
            checkpoint_seconds=checkpoint_seconds,
        )

    def evaluation(self, scene: SceneDefaults, judges: tuple[str, ...]) -> EvaluationSettings:
        """Return what judging a run of `scene` needs."""
        return EvaluationSettings(
            family="material",
            image_size=self.image_size,
            spp=self.spp_evaluate,
            n_views=scene.n_views,
            heldout_views=self.heldout_views,
            max_depth=self.max_depth or scene.max_depth,
            batched_views=self.batched_views,
            judges=judges,
        )


class Ablation(Frozen):
    """One target and model, run as corrected and with each of some switches, for Table T7."""

    scene: str = Field(description="target; `rerender list scenes` prints what exists")
    envmap: str = Field("builtin", description="light of a geometry scene")
    model: str = Field(description="vision model to optimise for")
    switches: Annotated[tuple[SwitchName, ...], Field(min_length=1)] = Field(
        description="behaviours of the released code, each switched on alone"
    )
    seeds: Count = Field(5, description="paired repetitions: seeds 1 to this number")
    epochs: Count | None = Field(None, description="sweeps over the views; null: as all runs of the family")


class MetamersSettings(Frozen):
    """The metamers experiment of one tier."""

    geometry: GeometrySettings
    material: MaterialSettings
    ablations: tuple[Ablation, ...] = Field(
        (), description="comparisons of the released code's behaviours with the corrected ones (Table T7)"
    )

    @model_validator(mode="after")
    def _distinct(self) -> MetamersSettings:
        places = [(case.scene, case.envmap, case.model) for case in self.ablations]
        twice = sorted({" ".join(place) for place in places if places.count(place) > 1})
        if twice:
            raise ValueError(f"ablations lists {', '.join(twice)} more than once: join their switches")
        return self


def _no_duplicates(settings: BaseModel, *fields: str) -> None:
    for field in fields:
        names = getattr(settings, field)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{field} lists {', '.join(twice)} more than once")
