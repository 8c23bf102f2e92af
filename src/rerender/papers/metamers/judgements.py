"""What a vision model says of the renders of a run: similarity view by view, and how it represents the views (section 6.1).

Features are computed a few views at a time and not kept. Latents, which are, stay below `MAX_LATENT` numbers an image: the
taps of VGG at full size are larger than all the renders together, and have no representational analysis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from rerender.core.images import as_display, split_strip, spread_indices
from rerender.papers.metamers.classification import Classifier
from rerender.perception.metrics.representation import (
    dissimilarity,
    group_scales,
    latents,
    principal_components,
    rdm_agreement,
)
from rerender.perception.models.base import Features, VisionModel
from rerender.perception.preprocessing import to_nchw

CHUNK = 8
"""Images that a model sees at once."""
MAX_LATENT = 2**20
"""Numbers that the latent of one image may have; dino and clip at 224 pixels have a quarter of that."""
WAY = 24
"""Observed frames of which a trajectory is made, at most."""
COMPONENTS = 3
TOP = 5
"""Classes of ImageNet that are kept of a classifier's opinion (section 6.5)."""

Floats = npt.NDArray[np.float64]
Values = dict[str, tuple[float | None, int]]


@dataclass(frozen=True, eq=False)
class Judgement:
    """One model's view of renders by purpose: similarities to the target (N,), latents (N, d) if they are small enough.

    `classes` has, of a model that classifies, the probabilities of the 1000 classes of ImageNet, means over the views.
    """

    similarities: Mapping[str, Floats]
    latents: Mapping[str, npt.NDArray[np.float32]]
    scales: tuple[float, ...] | None
    classes: Mapping[str, Floats] = field(default_factory=dict)


def judge_images(
    model: VisionModel, images: Mapping[str, npt.NDArray[Any]], device: torch.device
) -> Judgement:
    """Compare display images (N, H, W, 3) of every purpose with those of the purpose `target`, view by view."""
    count, scales, small = len(images["target"]), None, True
    similar: dict[str, list[torch.Tensor]] = {purpose: [] for purpose in images}
    found: dict[str, list[npt.NDArray[np.float32]]] = {purpose: [] for purpose in images}
    shares: dict[str, list[torch.Tensor]] = {purpose: [] for purpose in images}
    for first in range(0, count, CHUNK):
        part = slice(first, first + CHUNK)
        target = features_of(model, images["target"][part], device)
        small = latent_size(target) <= MAX_LATENT
        scales = scales or group_scales(target)
        for purpose, views in images.items():
            features = target if purpose == "target" else features_of(model, views[part], device)
            similar[purpose].append(model.similarity(features, target))
            if small:
                found[purpose].append(latents(features, scales))
            if isinstance(model, Classifier):
                with torch.no_grad():
                    shares[purpose].append(model.logits(features).softmax(1))
    return Judgement(
        {purpose: torch.cat(parts).double().cpu().numpy() for purpose, parts in similar.items()},
        {purpose: np.concatenate(parts) for purpose, parts in found.items()} if small else {},
        scales if small else None,
        {
            purpose: torch.cat(parts).double().mean(0).cpu().numpy()
            for purpose, parts in shares.items()
            if parts
        },
    )


def features_of(model: VisionModel, views: npt.NDArray[Any], device: torch.device) -> Features:
    """Return the features of display images (N, H, W, 3), without gradients."""
    with torch.no_grad():
        return model.features(to_nchw(torch.from_numpy(np.ascontiguousarray(views)).to(device)))


def latent_size(features: Features) -> int:
    """Return how many numbers the features of one image are."""
    return sum(tensor[0].numel() for tensor in features)


def rsa_values(name: str, judgement: Judgement) -> Values:
    """Return Kendall's tau of the RDMs of target and result, its p, and tau of the start, under the model `name`."""
    if not judgement.latents:
        return {}
    target = dissimilarity(judgement.latents["target"])
    values: Values = {}
    for purpose, suffix in (("best", ""), ("start", "_start")):
        found = rdm_agreement(dissimilarity(judgement.latents[purpose]), target)
        count = found.pairs if found else 1
        values[f"rsa_tau{suffix}/{name}"] = (found.tau if found else None, count)
        if not suffix:
            values[f"rsa_p/{name}"] = (found.p if found else None, count)
    return values


def class_values(name: str, judgement: Judgement, imagenet_class: int | None) -> Values:
    """Return how probable the model `name` holds the scene's own class in target, start and result; none without a class."""
    if imagenet_class is None:
        return {}
    suffixes = {"target": "_target", "start": "_start", "best": ""}
    return {
        f"class_probability{suffixes[purpose]}/{name}": (float(shares[imagenet_class]), 1)
        for purpose, shares in judgement.classes.items()
        if purpose in suffixes
    }


def top_classes(judgements: Mapping[str, Judgement]) -> dict[str, npt.NDArray[Any]]:
    """Return the names of the `classifiers` (J,), and their most probable classes of target, start and result.

    `classes_target` and so on are float32 (J, 5, 2): index of the class and its probability, falling. None without a classifier.
    """
    classifiers = [name for name, judgement in judgements.items() if judgement.classes]
    if not classifiers:
        return {}
    tops = {
        f"classes_{purpose}": np.stack([_top(judgements[name].classes[purpose]) for name in classifiers])
        for purpose in ("target", "start", "best")
    }
    return {"classifiers": np.array(classifiers), **tops}


def _top(shares: Floats) -> npt.NDArray[np.float32]:
    order = np.argsort(-shares, kind="stable")[:TOP]
    return np.stack([order, shares[order]], axis=-1).astype(np.float32)


def rdms(judgement: Judgement) -> dict[str, npt.NDArray[np.float32]]:
    """Return the RDMs of target and result, float32 (N, N), for the figures; none without latents."""
    return {
        f"rdm_{purpose}": dissimilarity(judgement.latents[purpose]).astype(np.float32)
        for purpose in ("target", "best")
        if purpose in judgement.latents
    }


def way_of(
    model: VisionModel,
    movie: Mapping[str, npt.NDArray[Any]],
    target: npt.NDArray[np.uint8],
    scales: tuple[float, ...],
    device: torch.device,
) -> tuple[Values, dict[str, npt.NDArray[Any]]]:
    """Return the way of a run through its model's latent space: principal components of the observed views and the target's.

    `movie` has strips (T, H, K W, 3) and their iterations; `target` is the strip (H, K W, 3). As in the original the components
    are those of all latents together, targets included. Gives the shares of variance, and coordinates by view.
    """
    chosen = spread_indices(len(movie["frames"]), WAY)
    strips = [*(movie["frames"][index] for index in chosen), target]
    views = [split_strip(as_display(strip)) for strip in strips]
    vectors = [latents(features_of(model, np.stack(strip), device), scales) for strip in views]
    components = principal_components(np.concatenate(vectors), COMPONENTS)
    placed = np.stack([components.project(vector) for vector in vectors]).astype(np.float32)
    shares: Values = {
        f"pca_explained/{number}": (float(share), len(vectors) * len(views[0]))
        for number, share in enumerate(components.explained, 1)
    }
    return shares, {
        "way": placed[:-1],
        "way_target": placed[-1],
        "way_iterations": np.asarray(movie["iterations"])[chosen].astype(np.int64),
        "way_explained": components.explained,
    }


def view_records(
    model: str, seed: int | None, judge: str, similarities: Mapping[str, Floats], purposes: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Return one record a purpose and view: the similarity to the target's view."""
    return [
        {
            "model": model,
            "seed": seed,
            "state": purpose,
            "measure": "similarity",
            "judge": judge,
            "view": view,
            "value": float(value),
        }
        for purpose in purposes
        for view, value in enumerate(similarities[purpose])
    ]


def pixel_records(
    model: str, seed: int | None, images: Mapping[str, npt.NDArray[Any]], purposes: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Return one record a purpose and view: the mean absolute error of display values against the target's view."""
    return [
        {
            "model": model,
            "seed": seed,
            "state": purpose,
            "measure": "pixel_error",
            "judge": "",
            "view": view,
            "value": float(error),
        }
        for purpose in purposes
        for view, error in enumerate(np.abs(images[purpose] - images["target"]).mean(axis=(1, 2, 3)))
    ]
