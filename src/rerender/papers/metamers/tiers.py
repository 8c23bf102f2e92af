"""The metamers experiment at the three fidelities, as typed values.

`paper` is what the fact sheet's section 7 records of the original (with five seeds where the original had one).
`laptop` keeps the structure and shrinks the images, samples, views and sweeps until a two-core machine finishes
in minutes. `smoke` runs every step once. The files in `config/tiers/` are generated from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rerender.papers.metamers.settings import (
    Ablation,
    GeometrySettings,
    MaterialSettings,
    MetamersSettings,
    Refinement,
)

# Section 8.2: the paper's objectives (vggloss repaired), then those that need no weights.
_NETWORKS = ("resnet", "resnet_sin", "vgg", "vggloss", "lpips", "clip", "dino")
# Statistics of the whole image find no shape (docs/known-differences.md), those of windows do.
_WEIGHTLESS_SHAPES = ("frontend", "pooled")
_WEIGHTLESS_MATERIALS = ("frontend", "portilla_simoncelli")

_SMOKE = MetamersSettings(
    geometry=GeometrySettings(
        scenes=("suzanne",),
        envmaps=("constant",),
        models=("mae", "ssim", "lpips"),
        seeds=1,
        image_size=32,
        spp=4,
        spp_target=8,
        spp_evaluate=8,
        n_views=4,
        batched_views=True,
        views_per_step=2,
        epochs=4,
        remesh_at=(1,),
        start_subdivisions=3,
        sppi=0,
        guiding="none",
        observe_every=2,
        patience=None,
        heldout_views=2,
        chamfer_samples=2_000,
        envmap_height=32,
    ),
    material=MaterialSettings(
        scenes=("translucent",),
        models=("dual_buffer", "lpips"),
        seeds=2,
        image_size=32,
        spp=4,
        spp_target=8,
        spp_evaluate=8,
        epochs=4,
        batched_views=True,
        refine=Refinement(share=0.5, spp=8, spp_grad=2),
        further_starts=({"spec_trans": 0.9, "base_color": 0.5, "roughness": 0.2},),
        start_steps=1,
        max_depth=4,
        texture_size=(8, 12),
        observe_every=2,
        patience=None,
        heldout_views=2,
        envmap_height=32,
    ),
    ablations=(
        Ablation(
            scene="suzanne",
            envmap="constant",
            model="ssim",
            switches=("upstream_view", "frozen_seeds"),
            seeds=1,
            epochs=2,
        ),
        Ablation(scene="diffuse", model="dino", switches=("clip_norm_for_dino",), seeds=1),
    ),
)

_LAPTOP = MetamersSettings(
    geometry=GeometrySettings(
        scenes=("suzanne", "bunny", "dragon"),
        envmaps=("constant", "venice_sunset"),
        models=("mae", "ssim", "frontend", "pooled", *_NETWORKS),
        seeds=2,
        image_size=64,
        spp=12,
        spp_grad=4,
        spp_target=256,
        spp_evaluate=32,
        n_views=16,
        batched_views=True,
        views_per_step=2,
        epochs=28,
        lr=0.15,
        lr_final_factor=0.3,
        remesh_at=(7,),
        start_subdivisions=4,
        sppi=0,
        guiding="none",
        observe_every=12,
        patience=None,
        heldout_views=8,
        chamfer_samples=20_000,
        envmap_height=64,
    ),
    material=MaterialSettings(
        scenes=("diffuse", "translucent"),
        models=("dual_buffer", "mse", "ssim", "portilla_simoncelli", *_NETWORKS),
        seeds=2,
        image_size=64,
        spp=16,
        spp_grad=2,
        refine=Refinement(share=0.25, spp=48, spp_grad=4),
        spp_target=256,
        spp_evaluate=64,
        epochs=130,
        lr_final_factor=0.3,
        batched_views=True,
        further_starts=({"spec_trans": 0.9, "base_color": 0.5, "roughness": 0.2},),
        start_steps=12,
        max_depth=8,
        texture_size=(32, 48),
        observe_every=10,
        patience=None,
        heldout_views=4,
        envmap_height=64,
    ),
    # the front end sees colour and spatial structure, and needs no weights
    ablations=(
        Ablation(
            scene="suzanne",
            envmap="venice_sunset",
            model="frontend",
            switches=("upstream_view", "frozen_seeds"),
            seeds=2,
            epochs=10,
        ),
        Ablation(
            scene="translucent",
            model="dual_buffer",
            switches=("last_view_only", "dual_buffer_lr"),
            seeds=2,
            epochs=40,
        ),
        Ablation(
            scene="suzanne",
            envmap="venice_sunset",
            model="dino",
            switches=("upstream_view", "clip_norm_for_dino"),
            seeds=2,
        ),
        Ablation(
            scene="suzanne",
            envmap="venice_sunset",
            model="resnet_sin",
            switches=("upstream_view", "train_mode_sin"),
            seeds=2,
        ),
    ),
)

_ALL_ENVMAPS = ("hallstatt", "skybox", "garden", "constant")

_PAPER = MetamersSettings(
    geometry=GeometrySettings(
        scenes=("dragon", "dog", "lion", "lionstatue", "suzanne"),
        envmaps=_ALL_ENVMAPS,
        models=("mae", *_NETWORKS, *_WEIGHTLESS_SHAPES),
    ),
    material=MaterialSettings(
        scenes=("translucent", "diffuse", "brushed_metal", "rosaline", "aurora"),
        models=("dual_buffer", *_NETWORKS, *_WEIGHTLESS_MATERIALS),
    ),
    ablations=(
        *(
            Ablation(
                scene="suzanne",
                envmap="hallstatt",
                model=model,
                switches=("upstream_view", *own, "frozen_seeds"),
            )
            for model, own in (
                *(("frontend", ()), ("resnet", ()), ("lpips", ()), ("clip", ())),
                *(("resnet_sin", ("train_mode_sin",)), ("dino", ("clip_norm_for_dino",))),
            )
        ),
        *(
            Ablation(scene=scene, model=model, switches=("last_view_only", *own))
            for scene, model, own in (
                ("translucent", "dual_buffer", ("dual_buffer_lr", "frozen_seeds")),
                ("diffuse", "dual_buffer", ("frozen_seeds",)),
                ("translucent", "resnet", ()),
                ("diffuse", "resnet", ()),
            )
        ),
    ),
)

TIERS: Mapping[str, MetamersSettings] = MappingProxyType(
    {"smoke": _SMOKE, "laptop": _LAPTOP, "paper": _PAPER}
)
