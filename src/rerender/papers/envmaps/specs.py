"""The table of representations of a map (fact sheet, section 3), and the hyper-parameters they are made of.

Light: importing this module loads neither torch nor NumPy, so settings and the Snakefile may use it. Numbers that
the paper lost are defaults here, never literals elsewhere; the sweep range is in the description.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from rerender.core.errors import unknown_name
from rerender.settings import Count, Frozen, NonNegative, Positive

Kind = Literal["pixels", "logpix", "network"]
Curve = Literal["log", "linear"]
Output = Literal["sigmoid", "linear"]
ToneCurve = Literal["srgb", "linear", "reinhard"]
LuminanceMode = Literal["squared", "absolute"]
InversionMode = Literal["paper_like", "stabilised"]
Kernels = Literal["torch", "auto", "fused"]


class NetworkSettings(Frozen):
    """The network: sine layers and a linear output layer, with a sigmoid in HDR-SIREN (section 2.2)."""

    width: Count = Field(256, description="features of every sine layer; sweep 64-512")
    hidden_layers: Count = Field(3, description="sine layers after the first one; sweep 2-5")
    w0: Positive = Field(30.0, description="frequency of all sine layers; sweep 10-60")
    output: Output = Field("sigmoid", description="the paper's sigmoid, or the linear output of stock SIREN")


class NormaliserSettings(Frozen):
    """The map's code range (Eq. 1)."""

    curve: Curve = Field("log", description="`log` is Eq. 1; `linear` is what stock SIREN would fit")
    eps: Positive = Field(1e-3, description="log offset [radiance]; sweep 1e-6 to 1e-2")
    per_channel: bool = Field(
        False, description="one range per colour channel; shifts hue where it saturates"
    )
    headroom: Annotated[float, Field(ge=1)] = Field(
        1.0, description="factor on the largest radiance that a network can reach; sweep 1-4"
    )


class FitSettings(Frozen):
    """The fit of a network to the initial map (sections 2.3 to 2.5)."""

    iterations: Count = Field(3000, description="Adam steps; sweep 500-5000")
    lr: Positive = Field(5e-4, description="main learning rate; sweep 1e-4 to 2e-3")
    restart_every: Count | None = Field(
        None, description="T_0 of the cosine with warm restarts; null is one cosine over the run"
    )
    lam_log: NonNegative = Field(1.0, description="weight of L_log (Eq. 4)")
    lam_hdr: NonNegative = Field(
        10.0,
        description="weight of L_HDR (Eq. 4), in units of the largest radiance; sweep 0.1-100. A sun's share of the mean "
        "falls with the number of texels: 10 suits 128 x 32, 2.5 spares the background of 64 x 16",
    )
    gamma: NonNegative = Field(
        0.0, description="size of the weight perturbation relative to each layer (Eq. 5); 0 is plain SIREN"
    )
    proxy_lr: Positive = Field(1e-4, description="learning rate of the proxy; has no first-order effect")
    batch: Count | None = Field(
        None,
        description="texels of a step, one drawn from each of as many patches of the map; null is the paper's full batch, "
        "which maps above some 256 x 64 texels waste time on",
    )
    batch_brightest: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.125, description="share of a batch that is the map's brightest texels, in every step"
    )
    kernels: Kernels = Field(
        "torch",
        description="what computes a step: torch, the fused kernels, or auto, the latter on CUDA alone",
    )

    @model_validator(mode="after")
    def _ends_low(self) -> Self:
        if self.restart_every is not None and self.iterations % self.restart_every:
            raise ValueError(
                f"restart_every = {self.restart_every} must divide iterations = {self.iterations}: "
                "a fit that ends soon after a restart is a bad one"
            )
        if self.lam_log == 0 and self.lam_hdr == 0:
            raise ValueError("lam_log and lam_hdr are both 0: there is nothing to fit")
        return self


class Ramp(Frozen):
    """A loss weight that changes linearly over the run."""

    start: NonNegative
    end: NonNegative


class ObjectiveSettings(Frozen):
    """The weights of Eq. 10 and how its images are tone-mapped (section 2.6)."""

    ssim: Ramp = Field(Ramp(start=0.1, end=1.0), description="weight of 1 - SSIM of the renders")
    luminance: Ramp = Field(Ramp(start=1.0, end=0.1), description="weight of Eq. 8; sweep the end 0.02-1")
    l1: Ramp = Field(Ramp(start=1e-2, end=1e-3), description="weight of Eq. 9; sweep 0-0.01")
    perceptual: NonNegative = Field(0.02, description="weight of DISTS to the initial map; sweep 0-0.05")
    mse: NonNegative = Field(
        0.0, description="weight of the tone-mapped MSE of the renders; not in the paper"
    )
    luminance_mode: LuminanceMode = Field("squared", description="Eq. 8 as a squared or an absolute ratio")
    tone: ToneCurve = Field("srgb", description="tone map of renders and maps in the losses")


class InversionSettings(Frozen):
    """The search for the map (sections 2.6 and 8); its learning rate belongs to the representation."""

    iterations: Count = Field(1000, description="Adam steps; sweep 300-1000")
    mode: InversionMode = Field(
        "paper_like",
        description="`paper_like` is plain Adam at a constant rate; `stabilised` clips gradients and lets the rate fall",
    )
    clip: Positive = Field(
        0.1, description="largest norm of the gradient, over all parameters; `stabilised` only"
    )
    objective: ObjectiveSettings = ObjectiveSettings()
    snapshot_every: Annotated[int, Field(ge=0)] = Field(
        0, description="iterations between two stored maps and video frames; 0 stores none"
    )


class RepresentationSpec(Frozen):
    """One row of Table 1: how a map is written in numbers, fitted, and optimised."""

    id: str
    title: str = Field(description="as printed in tables")
    kind: Kind
    network: NetworkSettings = NetworkSettings()
    normaliser: NormaliserSettings = NormaliserSettings()
    fit: FitSettings | None = Field(None, description="null for pixels: they need no fit")
    lr: Positive = Field(description="Adam's rate in the inversion")
    perceptual: bool = Field(False, description="whether Eq. 10 has its DISTS term")

    @model_validator(mode="after")
    def _networks_are_fitted(self) -> Self:
        if (self.kind == "network") != (self.fit is not None):
            raise ValueError(f"representation '{self.id}': a network needs `fit`, pixels must not have it")
        return self

    def changed(self, **changes: Mapping[str, Any] | float) -> RepresentationSpec:
        """Return a copy with other values: `changed(lr=1e-3, network={"width": 64}, fit={"iterations": 500})`.

        Changes of `fit` are ignored by representations that have none, so that one tier setting serves all rows.
        """
        values = self.model_dump()
        for name, change in changes.items():
            if not isinstance(change, Mapping):
                values[name] = change
            elif values[name] is not None:
                values[name] |= dict(change)
        return RepresentationSpec.model_validate(values)


PERCEPTUAL_SUFFIX = "_dists"
NETWORK_LR = 3e-4  # section 2.6; sweep 1e-4 to 1e-3
GAMMA_LOW, GAMMA_HIGH = 5e-3, 1e-2  # section 2.5; sweep 1e-3 to 2e-2


def _network(name: str, title: str, **fit: float) -> RepresentationSpec:
    return RepresentationSpec(id=name, title=title, kind="network", lr=NETWORK_LR, fit=FitSettings(**fit))


_SPECS = (
    RepresentationSpec(id="pixels", title="Pixels (baseline)", kind="pixels", lr=1e-2),
    RepresentationSpec(id="logpix", title="Log(pixels)", kind="logpix", lr=2e-2),
    _network("siren_wo", "SIREN HDR w/o HDR loss", lam_hdr=0.0),
    _network("siren", "SIREN HDR"),
    _network("rsiren_a", "R-SIREN HDR (low perturbation)", gamma=GAMMA_LOW),
    _network("rsiren_b", "R-SIREN HDR (high perturbation)", gamma=GAMMA_HIGH),
    # Only for Fig. 4: what happens without the paper's changes. In linear radiance, L_log is the plain regression.
    RepresentationSpec(
        id="siren_stock",
        title="Stock SIREN",
        kind="network",
        network=NetworkSettings(output="linear"),
        normaliser=NormaliserSettings(curve="linear"),
        fit=FitSettings(lam_hdr=0.0),
        lr=NETWORK_LR,
    ),
)

REPRESENTATIONS: Mapping[str, RepresentationSpec] = MappingProxyType({spec.id: spec for spec in _SPECS})
"""The rows of Table 1, and stock SIREN of Fig. 4; `representation_spec` also knows their `_dists` variants."""


def representation_spec(name: str) -> RepresentationSpec:
    """Return a representation by id; `<id>_dists` is `<id>` with the DISTS term of Eq. 10.

    Raises `UserError` that names the closest id.
    """
    base = name.removesuffix(PERCEPTUAL_SUFFIX)
    if base not in REPRESENTATIONS:
        raise unknown_name("representation", name, representation_ids())
    spec = REPRESENTATIONS[base]
    if base == name:
        return spec
    return spec.model_copy(update={"id": name, "title": f"{spec.title} + DISTS", "perceptual": True})


def representation_ids() -> tuple[str, ...]:
    """Return all ids: the rows, then their `_dists` variants."""
    return (*REPRESENTATIONS, *(f"{name}{PERCEPTUAL_SUFFIX}" for name in REPRESENTATIONS))
