"""Pretrained weights as local files: which a model needs, and how one is read and checked.

Nothing here touches a network: files come from the asset ledger (`rerender fetch <id>`, or a
mirror). Tensors are read without unpickling code (`weights_only=True`, or safetensors).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rerender.core.errors import Blocked, UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    StateDict = Mapping[str, Tensor]

WeightFiles = Mapping[str, Path]
"""Local weight files by asset id, such as `{"vgg16_v1": Path(...), "lpips_vgg": Path(...)}`."""


@dataclass(frozen=True)
class WeightSpec:
    """One weight file: its asset id, the name of the published file, and what it is."""

    id: str
    file: str
    what: str


WEIGHTS: Mapping[str, WeightSpec] = {
    spec.id: spec
    for spec in (
        WeightSpec("resnet50_v1", "resnet50-0676ba61.pth", "torchvision's ResNet-50, ImageNet V1"),
        WeightSpec(
            "resnet50_sin",
            "resnet50_train_60_epochs-c8e5653e.pth.tar",
            "ResNet-50 trained on Stylized-ImageNet (Geirhos et al. 2019)",
        ),
        WeightSpec("vgg16_v1", "vgg16-397923af.pth", "torchvision's VGG-16, ImageNet V1"),
        WeightSpec("vgg19_v1", "vgg19-dcbb9e9d.pth", "torchvision's VGG-19, ImageNet V1"),
        WeightSpec(
            "clip_vitl14",
            "clip-vit-large-patch14.safetensors",
            "model.safetensors of openai/clip-vit-large-patch14 on Hugging Face",
        ),
        WeightSpec(
            "clip_merges",
            "clip-vit-large-patch14-merges.txt",
            "merges.txt of openai/clip-vit-large-patch14 on Hugging Face",
        ),
        WeightSpec("lpips_vgg", "vgg.pth", "LPIPS v0.1 linear heads for VGG-16 (Zhang et al. 2018)"),
        WeightSpec("dists_alpha_beta", "dists_weights.pt", "DISTS channel weights (Ding et al. 2020)"),
        WeightSpec(
            "dinov2_vitb14",
            "dinov2_vitb14_pretrain.pth",
            "DINOv2 ViT-B/14 without registers (Oquab et al. 2023), or model.safetensors of its "
            "Hugging Face copy facebook/dinov2-base",
        ),
    )
}

_NEEDS: Mapping[str, tuple[str, ...]] = {
    "lpips": ("vgg16_v1", "lpips_vgg"),
    "dists": ("vgg16_v1", "dists_alpha_beta"),
    "vgg": ("vgg16_v1",),
    "resnet": ("resnet50_v1",),
    "resnet_sin": ("resnet50_sin",),
    "dino": ("dinov2_vitb14",),
    "clip": ("clip_vitl14",),
    "clip_text": ("clip_vitl14", "clip_merges"),
    "vggloss": ("vgg19_v1",),
}


def required_weights(model_id: str) -> tuple[WeightSpec, ...]:
    """Return the weight files that `model_id` needs; empty for models without weights."""
    return tuple(WEIGHTS[asset] for asset in _NEEDS.get(model_id, ()))


def find_weights(model_id: str, files: WeightFiles) -> dict[str, Path]:
    """Return the existing file for each weight that `model_id` needs, or raise `Blocked`."""
    found: dict[str, Path] = {}
    missing: list[WeightSpec] = []
    for spec in required_weights(model_id):
        path = files.get(spec.id)
        if path is not None and Path(path).is_file():
            found[spec.id] = Path(path)
        else:
            missing.append(spec)
    if missing:
        listed = "; ".join(f"{spec.id} = {spec.file} ({spec.what})" for spec in missing)
        ids = " ".join(spec.id for spec in missing)
        raise Blocked(
            "weights",
            f"Model '{model_id}' needs {listed}. Type `rerender fetch {ids}`, or put the file into "
            "the `weights` folder of an asset mirror.",
        )
    return found


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a .safetensors file or a torch file of tensors, on the CPU.

    Checkpoints that nest it under `state_dict` or `model`, and `module.` prefixes, are unwrapped.
    """
    try:
        loaded = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    except MemoryError:
        raise
    except Exception as error:  # the readers raise a dozen kinds on damaged files
        raise UserError(
            f"cannot read weights from {path}: {type(error).__name__}: {_first_line(error)}",
            "The file is truncated, damaged or not a file of tensors. Delete it and fetch it again.",
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not loaded:
        raise UserError(f"{path} holds no state dict but a {type(loaded).__name__}", "Fetch it again.")
    return {str(key).removeprefix("module."): value for key, value in loaded.items()}


def _read_torch(path: Path) -> object:
    import torch

    return torch.load(path, map_location="cpu", weights_only=True)


def _read_safetensors(path: Path) -> object:
    from safetensors.torch import load_file

    return load_file(path)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]


def load_into(
    module: torch.nn.Module,
    path: Path,
    spec: WeightSpec,
    *,
    rename: Callable[[StateDict], StateDict] | None = None,
    ignore: tuple[str, ...] = (),
) -> None:
    """Give `module` the weights in `path`, or raise one `UserError` naming the mismatch.

    `module` may live on the `meta` device, which costs no memory and draws no random numbers.
    `rename` maps other naming schemes to the module's; keys that start with `ignore` are dropped.
    """
    import torch

    state: StateDict = read_state_dict(path)
    if rename is not None:
        state = rename(state)
    state = {key: value for key, value in state.items() if not key.startswith(ignore or ("\0",))}
    expected = module.state_dict()
    problems = _mismatches(expected, state)
    if problems:
        shown = "; ".join(problems[:4]) + (f"; and {len(problems) - 4} more" if len(problems) > 4 else "")
        raise UserError(
            f"{path} does not hold the weights of {type(module).__name__}: {shown}",
            f"Expected {spec.file}: {spec.what}. Type `rerender fetch {spec.id}`.",
        )
    counters = {key: torch.zeros((), dtype=torch.int64) for key in expected if key not in state}
    module.load_state_dict({**state, **counters}, assign=True)


def _mismatches(expected: StateDict, given: StateDict) -> list[str]:
    """List missing keys, wrong shapes and unexpected keys, in that order.

    Batch counters (`num_batches_tracked`) may be absent: files older than the counter lack them,
    and they have no effect in evaluation mode.
    """
    counters = "num_batches_tracked"
    missing = [key for key in expected if key not in given and not key.endswith(counters)]
    shapes = [
        f"'{key}' has shape {_shape(given[key])}, expected {_shape(tensor)}"
        for key, tensor in expected.items()
        if key in given and _shape(given[key]) != _shape(tensor)
    ]
    extra = [key for key in given if key not in expected]
    return [f"'{key}' is missing" for key in missing] + shapes + [f"'{key}' is not expected" for key in extra]


def _shape(value: object) -> tuple[int, ...] | str:
    shape = getattr(value, "shape", None)
    return tuple(shape) if shape is not None else type(value).__name__
