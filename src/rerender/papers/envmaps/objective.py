"""What an inversion minimises (section 2.6, Eq. 7 to 10).

    L = w_SSIM (1 - SSIM(tm R(E), tm T)) + w_lum ((Y(E) - Y(E0)) / Y(E0))^2 + w_1 mean|E| / mean|E0|
        + w_DISTS D(tm E, tm E0) + w_MSE mean (tm R(E) - tm T)^2

The renders must match; the map must keep the initial map's luminance and look, and prefer few bright texels. Weights
of the first three are ramps over the run. D is any vision model's loss: DISTS, or its weight-free stand-in under its
own name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rerender.core.errors import UserError, unknown_name
from rerender.core.images import REC709
from rerender.fitting.schedules import Linear
from rerender.papers.envmaps.specs import ObjectiveSettings, Ramp, ToneCurve
from rerender.perception.models.ssim import StructuralSimilarity
from rerender.rendering.tonemap import reinhard_srgb, srgb_encode, to_nchw

if TYPE_CHECKING:
    from rerender.perception.models.base import VisionModel

_SSIM = StructuralSimilarity()


def tone_map(radiance: Tensor, curve: ToneCurve = "srgb") -> Tensor:
    """Return display values in [0, 1] of linear radiance, any shape.

    `srgb` encodes and `linear` leaves the curve out; both clamp, so what is brighter than 1 has no gradient.
    `reinhard` compresses x / (1 + x) before encoding and has no such limit.
    """
    if curve == "srgb":
        return srgb_encode(radiance.clamp(0.0, 1.0))
    if curve == "linear":
        return radiance.clamp(0.0, 1.0)
    if curve == "reinhard":
        return reinhard_srgb(radiance)
    raise unknown_name("tone curve", curve, ("srgb", "linear", "reinhard"))


def total_luminance(radiance: Tensor) -> Tensor:
    """Return Y (Eq. 7) of a map (H, W, 3), shape (): Rec.709 luminance, summed over texels as they are."""
    weights = torch.tensor(REC709, dtype=radiance.dtype, device=radiance.device)
    return (radiance @ weights).sum()


class Objective:
    """Eq. 10 for one initial map (H, W, 3) and one target (h, w, 3), both linear radiance, over `iterations` steps.

    `perceptual` judges maps; without it, that term is absent whatever its weight. Raises `UserError` for images of
    other shapes and for a black initial map.
    """

    def __init__(
        self,
        initial: Tensor,
        target: Tensor,
        settings: ObjectiveSettings,
        iterations: int,
        perceptual: VisionModel | None = None,
    ) -> None:
        for image, name in ((initial, "initial map"), (target, "target")):
            if image.ndim != 3 or image.shape[2] != 3:
                raise UserError(f"the {name} has shape {tuple(image.shape)}; allowed is (height, width, 3)")
        if not bool((initial > 0).any()):
            raise UserError("the initial map is black", "Choose one with light in it.")
        self.settings, self.iterations = settings, iterations
        self.perceptual = perceptual if settings.perceptual else None
        with torch.no_grad():
            self.luminance, self.mean = total_luminance(initial), initial.abs().mean()
            self.shown = tone_map(target, settings.tone)
            self.target = _SSIM.features(to_nchw(self.shown[None]))
            self.initial = self._look(initial) if self.perceptual else ()

    def weights(self, iteration: int) -> dict[str, float]:
        """Return the weight of each term by name at an iteration; the last one has the ramps' ends."""
        s, over = self.settings, max(1, self.iterations - 1)

        def ramp(ends: Ramp) -> float:
            return Linear(over, ends.start, ends.end)(iteration)

        weights = {"ssim": ramp(s.ssim), "luminance": ramp(s.luminance), "l1": ramp(s.l1), "mse": s.mse}
        if self.perceptual is not None:
            weights[self.perceptual.name] = s.perceptual
        return weights

    def terms(self, radiance: Tensor, rendering: Tensor) -> dict[str, Tensor]:
        """Return each term of a map (H, W, 3) and its rendering (h, w, 3), unweighted, shape ()."""
        shown = tone_map(rendering, self.settings.tone)
        change = total_luminance(radiance) / self.luminance - 1.0
        terms = {
            "ssim": _SSIM.loss(_SSIM.features(to_nchw(shown[None])), self.target)[0],
            "luminance": change.square() if self.settings.luminance_mode == "squared" else change.abs(),
            "l1": radiance.abs().mean() / self.mean,
            "mse": (shown - self.shown).square().mean(),
        }
        if self.perceptual is not None:
            terms[self.perceptual.name] = self.perceptual.loss(self._look(radiance), self.initial)[0]
        return terms

    def total(self, terms: dict[str, Tensor], iteration: int) -> Tensor:
        """Return Eq. 10, shape ()."""
        weights = self.weights(iteration)
        return torch.stack([weights[name] * term for name, term in terms.items() if weights[name]]).sum()

    def _look(self, radiance: Tensor) -> tuple[Tensor, ...]:
        assert self.perceptual is not None
        return self.perceptual.features(to_nchw(tone_map(radiance, self.settings.tone)[None]))
