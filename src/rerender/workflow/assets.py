"""Parameters of the asset rules: which file, or which stand-in, becomes a scene's mesh, light or texture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rerender.catalogue.resolve import is_at_hand
from rerender.workflow.session import Session


def mesh_params(session: Session, scene: str) -> dict[str, Any]:
    """Return the scene's choices of meshes and which of them will be used."""
    spec = session.scene(scene)
    return {"meshes": spec.meshes, "open_target": spec.open_target, "source": session.mesh(scene)}


def has_own_ground(session: Session, scene: str) -> bool:
    """Say whether the scene stands on a ground mesh of its own: the archive's, and only with the archive's object."""
    spec = session.scene(scene)
    if spec.ground is None or spec.ground.mesh is None:
        return False
    used = session.mesh(scene)["asset"]
    original = any(choice.asset == used and choice.origin == "original" for choice in spec.meshes)
    return original and is_at_hand(session.ledger, spec.ground.mesh, session.places)


def ground_params(session: Session, scene: str) -> dict[str, Any]:
    """Return which file the scene's ground comes from."""
    ground = session.scene(scene).ground
    return {"ground": ground, "source": session.source(ground.mesh) if ground and ground.mesh else {}}


def has_bsdf_file(session: Session, scene: str) -> bool:
    """Say whether the scene's measured BSDF comes from a file: also where it is missing and no stand-in is allowed."""
    files = session.scene(scene).bsdf_files
    return bool(files) and (
        session.source(*files)["source"] != "standin" or not session.places.allow_standins
    )


def bsdf_params(session: Session, scene: str) -> dict[str, Any]:
    """Return which file the scene's measured BSDF comes from."""
    return {
        "files": session.scene(scene).bsdf_files,
        "source": session.source(*session.scene(scene).bsdf_files),
    }


def envmap_params(session: Session, envmap: str) -> dict[str, Any]:
    """Return the light's entry, and which file or sky will be used."""
    light = session.envmap(envmap)
    source = session.source(*light.assets) if light.assets else {}
    return {"envmap": replace(light, title="", licence="", paper="", tags=()), "source": source}


def texture_params(session: Session, texture: str) -> dict[str, Any]:
    """Return which file or stand-in will be used for a texture."""
    return {"source": session.source(texture)}


def needed(session: Session, tier: str) -> list[str]:
    """Return the ids of all assets that a tier wants, whether at hand or not, in a fixed order."""
    settings = session.metamers(tier)
    wanted: dict[str, None] = {}
    cases = settings.ablations
    for name in (*settings.geometry.scenes, *settings.material.scenes, *(case.scene for case in cases)):
        spec = session.scene(name)
        wanted |= dict.fromkeys(choice.asset for choice in spec.meshes)
        wanted |= dict.fromkeys([*([spec.texture] if spec.texture else []), *spec.bsdf_files])
    for name in (*settings.geometry.envmaps, "builtin", *(case.envmap for case in cases)):
        wanted |= dict.fromkeys(session.envmap(name).assets)
    for name in (*settings.geometry.models, *settings.material.models, *(case.model for case in cases)):
        wanted |= dict.fromkeys(session.model(name).weights)
    return [name for name in wanted if session.ledger[name].kind != "procedural"]
