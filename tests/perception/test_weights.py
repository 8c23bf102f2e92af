"""Reading weight files: what is refused, and how it is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rerender.core.errors import Blocked, UserError
from rerender.perception.models.base import load_model
from rerender.perception.networks.dinov2 import DinoV2
from rerender.perception.preprocessing import IMAGENET_MEAN
from rerender.perception.weights import WEIGHTS, find_weights, load_into, read_state_dict, required_weights


@pytest.fixture
def resnet_state(weight_files) -> dict[str, torch.Tensor]:
    return torch.load(weight_files["resnet50_v1"], weights_only=True)


def save(path: Path, state: object) -> Path:
    torch.save(state, path)
    return path


def refuse_resnet(path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        load_model("resnet", weights={"resnet50_v1": path})
    assert not isinstance(caught.value, Blocked)
    assert str(path) in caught.value.message
    return caught.value


def test_another_architecture(weight_files) -> None:
    error = refuse_resnet(weight_files["vgg16_v1"])
    assert "ResNet50" in error.message
    assert "'conv1.weight' is missing" in error.message
    assert "and 290 more" in error.message  # the rest is counted, not listed
    assert "resnet50-0676ba61.pth" in error.hint
    assert "rerender fetch resnet50_v1" in error.hint


def test_wrong_shape_is_named(resnet_state, tmp_path) -> None:
    error = refuse_resnet(save(tmp_path / "w.pth", resnet_state | {"fc.weight": torch.zeros(10, 2048)}))
    assert "'fc.weight' has shape (10, 2048), expected (1000, 2048)" in error.message


def test_a_value_that_is_no_tensor_is_named(resnet_state, tmp_path) -> None:
    error = refuse_resnet(save(tmp_path / "w.pth", resnet_state | {"fc.bias": 3}))
    assert "'fc.bias' has shape int, expected (1000,)" in error.message


def test_unexpected_key_is_named(resnet_state, tmp_path) -> None:
    error = refuse_resnet(save(tmp_path / "w.pth", resnet_state | {"layer5.weight": torch.zeros(1)}))
    assert "'layer5.weight' is not expected" in error.message


def test_old_files_may_lack_batch_counters(resnet_state, tmp_path) -> None:
    old = {key: value for key, value in resnet_state.items() if not key.endswith("num_batches_tracked")}
    assert len(old) < len(resnet_state)
    load_model("resnet", weights={"resnet50_v1": save(tmp_path / "w.pth", old)})


@pytest.mark.parametrize("keep", [0, 10, 0.5])
def test_truncated_file(weight_files, tmp_path, keep) -> None:
    content = weight_files["lpips_vgg"].read_bytes()
    path = tmp_path / "cut.pth"
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    error = refuse_resnet(path)
    assert "cannot read weights" in error.message
    assert "truncated" in error.hint


def test_not_a_state_dict(tmp_path) -> None:
    assert "no state dict" in refuse_resnet(save(tmp_path / "w.pth", torch.zeros(3))).message
    assert "no state dict" in refuse_resnet(save(tmp_path / "w.pth", {})).message


def test_a_pickle_that_runs_code_is_refused(tmp_path) -> None:
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (marker,))

    assert "cannot read weights" in refuse_resnet(save(tmp_path / "w.pth", {"x": Evil()})).message
    assert not marker.exists()


def test_prefixes_and_nesting(tmp_path) -> None:
    path = save(tmp_path / "w.pth", {"state_dict": {"module.a.b": torch.ones(2)}, "epoch": 3})
    assert list(read_state_dict(path)) == ["a.b"]


def test_safetensors(tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.arange(3.0)}, path)
    torch.testing.assert_close(read_state_dict(path)["a"], torch.arange(3.0))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(UserError, match="cannot read weights"):
        read_state_dict(path)


def test_full_size_dino_loads_from_a_small_file(tmp_path) -> None:
    # Tensors of the published shapes that repeat one number: the file stores that number only.
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in DinoV2().state_dict().items()}
    path = save(
        tmp_path / "dino.pth", {name: torch.tensor(0.01).expand(shape) for name, shape in shapes.items()}
    )
    assert path.stat().st_size < 1_000_000
    model = load_model("dino", weights={"dinov2_vitb14": path})
    assert sum(p.numel() for p in model.network.parameters()) == 86_580_480
    assert not any(p.requires_grad for p in model.network.parameters())
    assert not model.network.training
    assert model.mean == IMAGENET_MEAN
    del shapes["norm.bias"]
    save(path, {name: torch.tensor(0.01).expand(shape) for name, shape in shapes.items()})
    with pytest.raises(UserError, match=r"'norm.bias' is missing"):
        load_model("dino", weights={"dinov2_vitb14": path})


def test_dtype_follows_the_request(weight_files) -> None:
    model = load_model("resnet", weights=weight_files, dtype=torch.float64)
    assert model.network.fc.weight.dtype == torch.float64


def test_missing_files_are_named_once_each(tmp_path) -> None:
    assert required_weights("mse") == ()
    assert find_weights("mse", {}) == {}
    heads = tmp_path / "vgg.pth"
    heads.touch()
    with pytest.raises(Blocked) as caught:
        find_weights("lpips", {"lpips_vgg": heads, "vgg16_v1": tmp_path / "absent.pth"})
    assert "vgg16-397923af.pth" in caught.value.hint
    assert "rerender fetch vgg16_v1`" in caught.value.hint


def test_load_into_ignores_named_parts_only(tmp_path) -> None:
    module = torch.nn.Linear(2, 1)
    path = save(tmp_path / "w.pth", {**module.state_dict(), "head.weight": torch.zeros(1)})
    load_into(module, path, WEIGHTS["resnet50_v1"], ignore=("head.",))
    with pytest.raises(UserError, match="head"):
        load_into(module, path, WEIGHTS["resnet50_v1"])


def test_the_ledger_lists_every_file(root) -> None:
    from rerender.catalogue.ledger import read_ledger

    ledger = read_ledger(root / "config" / "assets.tsv")
    for spec in WEIGHTS.values():
        assert ledger[spec.id].file == spec.file
        assert ledger[spec.id].kind == "weights"
