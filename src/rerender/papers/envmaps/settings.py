"""What an envmaps experiment is: typed settings of a tier, and the small part of them that each step needs.

`EnvmapsSettings` is what a user may write in `config/tiers/<tier>.yaml`. Light: imports no numerics. Numbers that the
paper lost (section numbers are the fact sheet's) are keys here, with the range to sweep in their description.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from rerender.core.errors import closest_first
from rerender.papers.envmaps.edit_specs import PAPER_EDITS, EditSpec, edit_spec
from rerender.papers.envmaps.own_edit_specs import OwnEdit
from rerender.papers.envmaps.scene_specs import ENV_SCENES
from rerender.papers.envmaps.specs import (
    GAMMA_HIGH,
    GAMMA_LOW,
    NETWORK_LR,
    PERCEPTUAL_SUFFIX,
    REPRESENTATIONS,
    InversionMode,
    InversionSettings,
    Kernels,
    ObjectiveSettings,
    Ramp,
    RepresentationSpec,
    representation_spec,
)
from rerender.settings import Count, Frozen, Names, NonNegative, Positive

MODES: tuple[InversionMode, ...] = get_args(InversionMode)
VARIANTS: Mapping[InversionMode, str] = MappingProxyType(
    {"paper_like": "default", "stabilised": "stabilised"}
)
"""Mode -> `variant` of its rows. Claims about the paper's numbers read the variant `default`."""

Experiment = Literal["shift", "shift_mitsuba"]
EXPERIMENTS: tuple[Experiment, ...] = get_args(Experiment)
DISTS, DISTS_PROXY = "dists", "dists_proxy"
PROXY_SUFFIX = "_dists_proxy"
"""Rows with it have the weight-free stand-in for DISTS in Eq. 10, under its own name."""

VIDEO_STEPS = 20
"""So many maps a user's own edit stores where the tier stores none."""

NUMBERED = "sky_"
"""What the names of procedural skies begin with."""

EDIT, ABLATION, LIMIT = "edit_", "ablation_", "limit_"
"""Experiments of edits are called `edit_<edit>`, `ablation_<regulariser>` and, where it cannot work, `limit_<edit>`."""

EDIT_L1 = 1e-3  # section 7: 0 to 1e-3
REGULARISERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"none": (), "luminance": ("luminance",), "full": ("luminance", "l1", "perceptual")}
)
"""Figure 11: which terms of Eq. 10 stay beside the one that compares renderings."""

FIT_SCENE = "none"
"""The `scene` of rows that belong to a fit: no scene is involved."""

Share = Annotated[float, Field(ge=0, le=1)]


class SkySettings(Frozen):
    """The initial maps, in the order in which tables that use fewer of them take them."""

    names: tuple[str, ...] = Field(
        (),
        description="captured skies by their asset id, such as rustig_koppie_puresky, or procedural ones, such as sky_07",
    )
    numbered: Annotated[int, Field(ge=0, le=1000)] = Field(
        0,
        description="so many procedural skies, sky_00 and on, come after them; every fourth is overcast",
    )
    height: Annotated[int, Field(ge=8, le=1024)] = Field(
        128, description="rows of the upper half, which is 4 times as wide [px] (section 4; sweep 64-256)"
    )

    @property
    def all(self) -> tuple[str, ...]:
        """Every sky of the tier, in order and once."""
        return tuple(dict.fromkeys((*self.names, *map(numbered_name, range(self.numbered)))))


class FitPreset(Frozen):
    """What the tier changes in every network and its fit (sections 2.1 to 2.5)."""

    width: Count = Field(256, description="features of every sine layer; sweep 64-512")
    hidden_layers: Count = Field(3, description="sine layers after the first; sweep 2-5")
    w0: Positive = Field(30.0, description="frequency of the sine layers; sweep 10-60")
    eps: Positive = Field(1e-3, description="log offset of Eq. 1 [radiance]; sweep 1e-6 to 1e-2")
    headroom: Annotated[float, Field(ge=1)] = Field(
        1.0, description="factor on the largest radiance that a network can reach; sweep 1-4"
    )
    iterations: Count = Field(3000, description="full-batch steps of the fit; sweep 500-5000")
    lr: Positive = Field(5e-4, description="learning rate of the fit; sweep 1e-4 to 2e-3")
    lam_hdr: NonNegative = Field(
        10.0, description="weight of L_HDR (Eq. 4), where the representation has it; sweep 0-100"
    )
    batch: Count | None = Field(
        None,
        description="texels of a step, one from each of as many patches of the map; null: all of them, as the paper has it",
    )
    kernels: Kernels = Field(
        "torch",
        description="what computes a step of the fit: torch; fused: all layers in one kernel each way; "
        "auto: fused on CUDA, torch on a CPU. Try benchmarks/siren_fused.py on your GPU first",
    )
    max_refits: Annotated[int, Field(ge=0, le=6)] = Field(
        0,
        description="refit with half the perturbation, at most so often, where the map lost its sun or its light; 0 keeps gamma as it is",
    )
    gamma_low: Positive = Field(
        GAMMA_LOW, description="weight perturbation of rsiren_a (Eq. 5); sweep 1e-3 to 2e-2"
    )
    gamma_high: Positive = Field(
        GAMMA_HIGH, description="weight perturbation of rsiren_b (Eq. 5); sweep 1e-3 to 2e-2"
    )

    @model_validator(mode="after")
    def _ordered(self) -> FitPreset:
        if self.gamma_low >= self.gamma_high:
            raise ValueError(
                f"gamma_low ({self.gamma_low:g}) must be smaller than gamma_high ({self.gamma_high:g})"
            )
        return self


class InversionPreset(Frozen):
    """The inverse rendering (section 2.6). Every run is made in every mode."""

    modes: Annotated[tuple[InversionMode, ...], Field(min_length=1)] = Field(
        MODES,
        description="paper_like: constant learning rate, gradients as they are; stabilised: gradient norm clipped, cosine rate (section 8)",
    )
    iterations: Count = Field(1000, description="Adam steps; sweep 300-1000")
    lr_network: Positive = Field(NETWORK_LR, description="Adam's rate on weights; sweep 1e-4 to 1e-3")
    lr_pixels: Positive = Field(1e-2, description="Adam's rate on pixels; sweep 1e-3 to 1e-1")
    lr_logpix: Positive = Field(2e-2, description="Adam's rate on log-pixels; sweep 1e-2 to 5e-2")
    clip: Positive = Field(0.1, description="largest norm of the gradient (stabilised)")
    snapshot_every: Annotated[int, Field(ge=0)] = Field(
        50, description="steps between two stored maps, for videos; 0 stores none"
    )
    objective: ObjectiveSettings = Field(
        ObjectiveSettings(), description="the weights of Eq. 10, and how its images are tone-mapped"
    )


class RenderPreset(Frozen):
    """Rendering and light transport (section 8)."""

    image_size: Annotated[int, Field(ge=16, le=2048)] = Field(
        256, description="width and height of the rendering [px]"
    )
    floor_level: Annotated[float, Field(gt=0, le=2)] = Field(
        0.5,
        description="the camera's exposure shows the open floor under the initial map at this level (section 9)",
    )
    backend: Literal["transport", "mitsuba"] = Field(
        "transport",
        description="transport: a matrix baked once per scene, exact and without noise; mitsuba: rendered afresh in each step",
    )
    bake_samples: Count = Field(
        16, description="samples per texel and pixel of the transport matrix (backend transport)"
    )
    spp: Count = Field(64, description="samples per pixel in the loop (backend mitsuba)")
    spp_grad: Count | None = Field(
        None, description="samples per pixel of the adjoint pass in the loop; null: as spp (backend mitsuba)"
    )


class PartSettings(Frozen):
    """One part of the grid: a scene, at some roughnesses, under the first skies, with some representations."""

    scene: str = Field(
        description="a scene of the paper: mirror_sphere, horse, bunny, atenea, plant, multi_objects"
    )
    roughness: tuple[Share, ...] = Field(
        (), description="roughness of the object, for scenes where that is a setting; [] elsewhere"
    )
    skies: Count | None = Field(
        None, description="take so many of the tier's skies, the first ones; null: all"
    )
    seeds: Count | None = Field(
        None, description="independent repetitions of this part; null: as the tier (paper: one)"
    )
    representations: Names = Field(
        description="rows, by id; `<id>_dists` adds the DISTS term, `<id>_dists_proxy` its stand-in without weights"
    )

    @model_validator(mode="after")
    def _consistent(self) -> PartSettings:
        if self.scene not in ENV_SCENES:
            options = closest_first(self.scene, ENV_SCENES)
            raise ValueError(
                f"unknown scene '{self.scene}'. Did you mean '{options[0]}'? Allowed: {', '.join(options)}"
            )
        if self.roughness and not ENV_SCENES[self.scene].roughness_varies:
            raise ValueError(f"scene {self.scene} has no roughness to set: write roughness: []")
        for name in self.representations:
            if base(name) not in REPRESENTATIONS:
                options = closest_first(name, REPRESENTATIONS)
                raise ValueError(
                    f"unknown representation '{name}'. Did you mean '{options[0]}'? Allowed: {', '.join(options)}, "
                    f"and each with {PERCEPTUAL_SUFFIX} or {PROXY_SUFFIX}"
                )
        for key in ("roughness", "representations"):
            values = getattr(self, key)
            if len(set(values)) < len(values):
                raise ValueError(f"{key} names something twice: {', '.join(map(str, values))}")
        return self

    @property
    def places(self) -> tuple[str, ...]:
        """The scene at each roughness, as named in paths and metric rows."""
        return tuple(place_id(self.scene, value) for value in self.roughness or (None,))


class MitsubaPart(PartSettings):
    """A part whose targets are rendered by Mitsuba: the transport matrix is then not its own judge."""

    spp: Count = Field(512, description="samples per pixel of the target")


class EditPart(Frozen):
    """The edits of Figure 13, two a scene, and the ablation of Figure 11; on the first sky."""

    scenes: tuple[str, ...] = Field(
        tuple(PAPER_EDITS),
        description="scenes that are edited, each with the paper's two edits; [] makes none",
    )
    representations: Names = Field(
        ("pixels", "logpix", "siren", "rsiren_a"), description="what every edit is made with, side by side"
    )
    mode: InversionMode = Field("stabilised", description="how the search is made")
    iterations: Count = Field(300, description="Adam steps (section 7)")
    ablation: Names = Field(
        ("rsiren_a_dists_proxy",),
        description="Figure 11: what the first scene's first edit is made with, under different regularisers",
    )

    own: dict[Annotated[str, Field(pattern=r"^[a-z0-9_]+$")], OwnEdit] = Field(
        default_factory=dict,
        description="your own edits by name, for example {lamp: {scene: bunny, sky: sky_00, strokes: lamp.yaml}}; docs/envmap-edits.md",
    )

    @model_validator(mode="after")
    def _consistent(self) -> EditPart:
        for name in self.scenes:
            if name not in PAPER_EDITS:
                raise ValueError(f"scene '{name}' has no edits; allowed: {', '.join(PAPER_EDITS)}")
        for name in (*self.representations, *self.ablation):
            if base(name) not in REPRESENTATIONS:
                raise ValueError(f"unknown representation '{name}'; allowed: {', '.join(REPRESENTATIONS)}")
        return self


class EnvmapsSettings(Frozen):
    """The whole experiment of one tier."""

    seeds: Count = Field(1, description="independent repetitions, seeds 1 to this number (paper: one)")
    shift: Share = Field(
        0.125,
        description="the target's map is the initial one moved left by this share of its width; sweep 1/16-1/4",
    )
    skies: SkySettings
    fit: FitPreset
    inversion: InversionPreset
    render: RenderPreset
    noise: tuple[Share, ...] = Field(
        (0.01, 0.03, 0.1),
        description="Figure 5: noise on the weights of a fitted network, relative to each layer's norm",
    )
    noise_draws: Count = Field(4, description="noise draws that are averaged")
    table1: PartSettings
    table2: PartSettings
    table3: PartSettings
    figure9: PartSettings
    mitsuba: MitsubaPart
    edits: EditPart

    @model_validator(mode="after")
    def _consistent(self) -> EnvmapsSettings:
        if not self.skies.all:
            raise ValueError("skies: there is none; name some under `names` or set `numbered` to at least 1")
        width = 4 * self.skies.height
        if not 1 <= round(self.shift * width) < width:
            raise ValueError(
                f"shift = {self.shift:g} is {self.shift * width:g} of {width} columns; allowed: 1 to {width - 1} columns"
            )
        for name, part in self.parts.items():
            if part.skies is not None and part.skies > len(self.skies.all):
                raise ValueError(
                    f"{name}.skies = {part.skies}, but the tier has only {len(self.skies.all)} skies"
                )
        return self

    @property
    def parts(self) -> dict[str, PartSettings]:
        """The parts of the grid by name."""
        return {name: getattr(self, name) for name in ("table1", "table2", "table3", "figure9", "mitsuba")}

    @property
    def map_shape(self) -> tuple[int, int]:
        """Height and width of the upper half."""
        return self.skies.height, 4 * self.skies.height

    @property
    def columns(self) -> int:
        """By how many columns the target's map is moved."""
        return round(self.shift * self.map_shape[1])

    def inversion_settings(self, mode: InversionMode) -> InversionSettings:
        """Return what one inversion needs in a mode."""
        preset = self.inversion
        return InversionSettings(
            iterations=preset.iterations,
            mode=mode,
            clip=preset.clip,
            objective=preset.objective,
            snapshot_every=preset.snapshot_every,
        )

    def edit_settings(self, edit: EditSpec, regulariser: str | None = None) -> InversionSettings:
        """Return what the inversion of an edit needs: constant weights, the edit's own (section 7).

        `regulariser` is one of `REGULARISERS` for the ablation of Figure 11.
        """
        objective = self.inversion.objective
        luminance, l1, perceptual = edit.luminance, EDIT_L1, objective.perceptual
        if regulariser is not None:
            keep = REGULARISERS[regulariser]
            luminance, l1 = luminance * ("luminance" in keep), l1 * ("l1" in keep)
            perceptual *= "perceptual" in keep
        changes = {
            "ssim": constant(1.0),
            "luminance": constant(luminance),
            "l1": constant(l1),
            "perceptual": perceptual,
            "mse": max(edit.mse, objective.mse),
        }
        return self.inversion_settings(self.edits.mode).model_copy(
            update={"iterations": self.edits.iterations, "objective": objective.model_copy(update=changes)}
        )

    def own_edit_settings(self, edit: EditSpec) -> InversionSettings:
        """Return what the inversion of a user's own edit needs: it always stores maps for its video."""
        chosen = self.edit_settings(edit)
        every = chosen.snapshot_every or max(1, chosen.iterations // VIDEO_STEPS)
        return chosen.model_copy(update={"snapshot_every": every})

    def representation(self, name: str) -> RepresentationSpec:
        """Return a row's representation with the tier's network, fit and learning rate."""
        spec, fit = row_spec(name), self.fit
        rates = {
            "pixels": self.inversion.lr_pixels,
            "logpix": self.inversion.lr_logpix,
            "network": self.inversion.lr_network,
        }
        changes: dict[str, dict[str, Any]] = {
            "network": {"width": fit.width, "hidden_layers": fit.hidden_layers, "w0": fit.w0},
            "normaliser": {"eps": fit.eps, "headroom": fit.headroom},
            "fit": {"iterations": fit.iterations, "lr": fit.lr, "batch": fit.batch, "kernels": fit.kernels},
        }
        if spec.fit is not None and spec.fit.lam_hdr:
            changes["fit"]["lam_hdr"] = fit.lam_hdr
        if spec.fit is not None and spec.fit.gamma:
            changes["fit"]["gamma"] = fit.gamma_low if spec.fit.gamma == GAMMA_LOW else fit.gamma_high
        return spec.changed(lr=rates[spec.kind], **changes)


def constant(value: float) -> Ramp:
    """Return a weight that stays as it is."""
    return Ramp(start=value, end=value)


def numbered_name(index: int) -> str:
    """Return the name of a procedural sky."""
    return f"{NUMBERED}{index:02d}"


def base(row: str) -> str:
    """Return the representation of a row without its perceptual term."""
    return row.removesuffix(PROXY_SUFFIX).removesuffix(PERCEPTUAL_SUFFIX)


def perceptual_model(row: str) -> str | None:
    """Return the model of a row's perceptual term: `dists`, its stand-in without weights, or none."""
    if row.endswith(PROXY_SUFFIX):
        return DISTS_PROXY
    return DISTS if row.endswith(PERCEPTUAL_SUFFIX) else None


def row_spec(row: str) -> RepresentationSpec:
    """Return the representation of a row: one of the registry, or with the weight-free stand-in for DISTS."""
    if not row.endswith(PROXY_SUFFIX):
        return representation_spec(row)
    spec = representation_spec(base(row))
    changes = {"id": row, "title": f"{spec.title} + DISTS proxy", "perceptual": True}
    return spec.model_copy(update=changes)


def spec_value(spec: RepresentationSpec) -> dict[str, object]:
    """Return a representation as a plain value without its title, which changes no number."""
    return spec.model_dump(exclude={"title"})


def spec_of(value: Mapping[str, object]) -> RepresentationSpec:
    """Undo `spec_value`."""
    return RepresentationSpec.model_validate({**value, "title": row_spec(str(value["id"])).title})


def place_id(scene: str, roughness: float | None) -> str:
    """Return the name of a scene at a roughness: `mirror_sphere`, `bunny_r050`."""
    return scene if roughness is None else f"{scene}_r{round(100 * roughness):03d}"


def split_place(place: str) -> tuple[str, float | None]:
    """Return scene and roughness of a place's name."""
    scene, mark, digits = place.rpartition("_r")
    if mark and digits.isdigit() and len(digits) == 3:
        return scene, int(digits) / 100
    return place, None


def edit_of(settings: EnvmapsSettings, experiment: str) -> EditSpec | None:
    """Return the edit that an experiment makes, or None for one that makes none."""
    if experiment.startswith(EDIT):
        return edit_spec(experiment.removeprefix(EDIT))
    if experiment.startswith(LIMIT):
        return edit_spec(experiment.removeprefix(LIMIT))
    if experiment.startswith(ABLATION):
        return edit_spec(PAPER_EDITS[settings.edits.scenes[0]][0])
    return None


def noise_variant(strength: float) -> str:
    """Return the `variant` of rows at a strength of noise: `noise_3` is 3 % of each layer's norm."""
    return f"noise_{100 * strength:g}"
