"""How well a network holds its map: four numbers, and the guard that asks for a refit (fact sheet, section 8)."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch

from rerender.core.images import luminance, srgb_encode
from rerender.papers.envmaps.normalisation import Normaliser
from rerender.papers.envmaps.specs import NormaliserSettings
from rerender.perception.metrics.image import psnr

PEAK_RATIO_LOW = 0.3
LUMINANCE_RATIO = (0.75, 1.25)


@dataclass(frozen=True)
class FitQuality:
    """Of a decoded map against the map it was fitted to.

    `psnr_log`         PSNR of the log-normalised maps (Eq. 1, range of the initial map) [dB].
    `psnr_srgb`        PSNR of the maps as shown: sRGB-encoded, clamped to [0, 1] [dB].
    `peak_ratio`       largest radiance, decoded over initial: does the sun survive?
    `luminance_ratio`  sum of the luminance (Eq. 7), decoded over initial.
    """

    psnr_log: float
    psnr_srgb: float
    peak_ratio: float
    luminance_ratio: float

    @staticmethod
    def of(decoded: np.ndarray, initial: np.ndarray, eps: float = 1e-3) -> FitQuality:
        """Compare two maps of linear radiance, shape (H, W, 3), on one scale whatever the network's own code range."""
        normaliser = Normaliser.of(initial, NormaliserSettings(eps=eps))
        codes = [
            normaliser.normalise(torch.from_numpy(image.astype(np.float64))).numpy()
            for image in (decoded, initial)
        ]
        shown = [np.clip(srgb_encode(image), 0.0, 1.0) for image in (decoded, initial)]
        return FitQuality(
            psnr_log=psnr(*codes),
            psnr_srgb=psnr(*shown),
            peak_ratio=float(decoded.max() / initial.max()),
            luminance_ratio=float(
                luminance(decoded).sum(dtype=np.float64) / luminance(initial).sum(dtype=np.float64)
            ),
        )

    def scalars(self) -> dict[str, float]:
        """Return the numbers by name."""
        return asdict(self)

    def complaint(self) -> str:
        """Say in words what the guard finds wrong, or return an empty text."""
        low, high = LUMINANCE_RATIO
        if not self.peak_ratio >= PEAK_RATIO_LOW:
            return f"the peak is {self.peak_ratio:.3g} of the map's (at least {PEAK_RATIO_LOW})"
        if not low <= self.luminance_ratio <= high:
            return f"the luminance is {self.luminance_ratio:.3g} of the map's ({low} to {high})"
        return ""


def gamma_of_refit(quality: FitQuality, gamma: float) -> float | None:
    """Return the perturbation size of the refit that the guard asks for: half; None if the fit can stay.

    A fit without perturbation has nothing to halve: it stays, and its complaint is reported.
    """
    return gamma / 2 if gamma > 0 and quality.complaint() else None
