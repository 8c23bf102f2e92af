"""A small room, prepared once."""

from __future__ import annotations

from pathlib import Path

import pytest

from rerender.core.painted import PaintedMesh
from rerender.papers.viewpoints.scenes import load_scene, prepare_scene


@pytest.fixture(scope="session")
def room_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared file of a room with coarse cells."""
    folder = tmp_path_factory.mktemp("scenes")
    prepare_scene("room_00", folder, cell=0.15)
    return folder / "room_00.npz"


@pytest.fixture(scope="session")
def room(room_file: Path, variant: str) -> PaintedMesh:
    """The room, with the backend started on one thread."""
    return load_scene(room_file)
