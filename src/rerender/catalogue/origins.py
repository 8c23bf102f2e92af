"""Where prepared files come from: the one word that metric rows carry."""

from __future__ import annotations

from pathlib import Path

from rerender.core.files import read_json

ORIGINS = ("original", "mirror", "standin")


def read_origin(*sidecars: Path | str) -> str:
    """Return the weakest origin among provenance sidecars: standin before mirror before original."""
    return max((str(read_json(path)["origin"]) for path in sidecars), key=ORIGINS.index, default="original")
