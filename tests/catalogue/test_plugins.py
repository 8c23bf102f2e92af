from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.catalogue.ledgers import line, write_ledger

from rerender.catalogue import registry
from rerender.catalogue.prepare import prepare_mesh
from rerender.catalogue.resolve import AssetSettings
from rerender.core.errors import UserError
from rerender.core.files import read_json
from rerender.core.meshes import icosphere
from rerender.core.meshio import write_ply


@pytest.fixture
def untouched() -> Iterator[None]:
    """Takes back what a test registers."""
    registry.scenes()
    before = [dict(kind.factories) for kind in registry.register.kinds]
    yield
    for kind, factories in zip(registry.register.kinds, before, strict=True):
        kind.restore(factories)


def install(monkeypatch: pytest.MonkeyPatch, **plugins: object) -> None:
    """Pretend that packages with these entry points are installed, and load them."""
    points = [SimpleNamespace(name=name, load=lambda value=value: value) for name, value in plugins.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == "rerender.plugins" else [])
    registry._load.__wrapped__()


def tutorial(root: Path) -> dict[str, Any]:
    """Run the code of the tutorial in docs/add-a-scene.md."""
    text = (root / "docs" / "add-a-scene.md").read_text(encoding="utf-8")
    block = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert block is not None
    names: dict[str, Any] = {}
    exec(block[1], names)
    return names


@pytest.mark.usefixtures("untouched")
def test_the_tutorials_own_mesh_becomes_a_scene(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, teapot=tutorial(root)["plugin"])
    assert registry.scene("teapot").title == "Teapot"
    registry.validate_run("teapot", "constant", "mae")
    ledger = write_ledger(
        tmp_path / "assets.tsv", line(id="teapot", status="local", urls="-", file="teapot.ply")
    )
    write_ply(tmp_path / "mirror/meshes/teapot.ply", icosphere(2))
    settings = AssetSettings((tmp_path / "mirror",), tmp_path / "raw", True, ledger)
    prepare_mesh("teapot", settings, tmp_path / "teapot.ply", tmp_path / "teapot.json")
    assert read_json(tmp_path / "teapot.json")["closed"] is True
    without = AssetSettings((), tmp_path / "raw", True, ledger)
    with pytest.raises(UserError, match="is not at hand"):
        prepare_mesh("teapot", without, tmp_path / "b.ply", tmp_path / "b.json")


@pytest.mark.usefixtures("untouched")
def test_a_broken_installed_plugin_warns_and_the_rest_works(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(register: registry.Register) -> None:
        raise ImportError("their library is too old")

    with pytest.warns(UserWarning, match="'bad' is skipped: ImportError: their library is too old"):
        install(monkeypatch, bad=broken, teapot=tutorial(root)["plugin"])
    assert "teapot" in registry.scenes() and "suzanne" in registry.scenes()
