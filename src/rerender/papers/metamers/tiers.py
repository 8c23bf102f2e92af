"""The metamers experiment at the three fidelities, as typed values.

`paper` is what the fact sheet's section 7 records of the original (with five seeds where the original had one).
`laptop` keeps the structure and shrinks the images, samples, views and sweeps until a two-core machine finishes
in minutes. `smoke` runs every step once. The files in `config/tiers/` are generated from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rerender.papers.metamers.settings import GeometrySettings, MaterialSettings, MetamersSettings, Refinement

_ALL_GEOMETRY_MODELS = ("mae", "mse", "ssim", "frontend", "portilla_simoncelli", "lpips", "resnet", "dino")
_ALL_MATERIAL_MODELS = (
    "dual_buffer",
    "mse",
    "ssim",
    "frontend",
    "portilla_simoncelli",
    "lpips",
    "resnet",
    "dino",
)

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
)

_LAPTOP = MetamersSettings(
    geometry=GeometrySettings(
        scenes=("suzanne", "bunny", "dragon"),
        envmaps=("constant", "venice_sunset"),
        models=("mae", "ssim", "frontend", "lpips", "resnet", "dino"),
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
        observe_every=8,
        patience=None,
        heldout_views=8,
        chamfer_samples=20_000,
        envmap_height=64,
    ),
    material=MaterialSettings(
        scenes=("diffuse", "translucent"),
        models=("dual_buffer", "mse", "ssim", "portilla_simoncelli", "lpips", "resnet", "dino"),
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
)

_PAPER = MetamersSettings(
    geometry=GeometrySettings(
        scenes=("suzanne", "bunny", "dragon"),
        envmaps=("constant", "venice_sunset"),
        models=_ALL_GEOMETRY_MODELS,
    ),
    material=MaterialSettings(scenes=("diffuse", "translucent"), models=_ALL_MATERIAL_MODELS),
)

TIERS: Mapping[str, MetamersSettings] = MappingProxyType(
    {"smoke": _SMOKE, "laptop": _LAPTOP, "paper": _PAPER}
)
