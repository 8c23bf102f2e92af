"""Sentences that every table and figure owes its reader: fidelity, repetitions, inputs, and what is missing.

Also `Names`: the display names of ids, which come from the registry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

TIERS: Mapping[str, str] = {
    "smoke": "Smoke tier: tiny images and a few steps, to test the pipeline. Its numbers mean nothing.",
    "laptop": "Laptop tier: small images, few samples, short runs on a CPU; trends, not published fidelity.",
    "paper": "Paper tier: the published resolution, samples and number of steps.",
}
SOURCES: Mapping[str, str] = {
    "original": "the paper's own files",
    "mirror": "real public files, not the paper's own,",
    "standin": "procedural stand-ins (marked *)",
}


@dataclass(frozen=True)
class Names:
    """Display names by id; an id without one is shown as it is."""

    models: Mapping[str, str] = field(default_factory=dict)
    scenes: Mapping[str, str] = field(default_factory=dict)
    envmaps: Mapping[str, str] = field(default_factory=dict)

    def model(self, name: str) -> str:
        """Return the display name of a vision model."""
        return self.models.get(name, name)

    def scene(self, name: str) -> str:
        """Return the display name of a scene."""
        return self.scenes.get(name, name)

    def envmap(self, name: str) -> str:
        """Return the display name of a light."""
        return self.envmaps.get(name, name)


def blocked_text(reason: str) -> str:
    """Return what a cell prints for a value that cannot be had: `blocked (weights)`."""
    return reason if reason.startswith("blocked") else f"blocked ({reason})"


def join_words(words: Iterable[str]) -> str:
    """Join as prose: `a`, `a and b`, `a, b and c`."""
    items = list(words)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def tier_sentence(tier: str) -> str:
    """Say what the tier's numbers are worth."""
    return TIERS.get(tier, f"Tier: {tier}.")


def seeds_sentence(seeds: Sequence[int]) -> str:
    """Say how many seeds there are, and warn when they allow no interval."""
    if len(seeds) == 1:
        return "One seed: no spread over seeds."
    return f"{len(seeds)} seeds." if seeds else "No finished run."


def assets_sentence(used: Mapping[tuple[str, str], str], names: Names) -> str:
    """Say which inputs were real: `used` maps (scene, envmap) to `original`, `mirror` or `standin`.

    `mirror` is a real asset that is not the paper's own file, `standin` a procedural one.

    A scene whose lights all agree is named alone, otherwise with the light.
    """
    sources_of: dict[str, set[str]] = {}
    for (scene, _), source in used.items():
        sources_of.setdefault(scene, set()).add(source)
    groups: dict[str, list[str]] = {}
    for (scene, envmap), source in used.items():
        alone = len(sources_of[scene]) == 1
        label = names.scene(scene) if alone else f"{names.scene(scene)} ({names.envmap(envmap)})"
        if label not in groups.setdefault(source, []):
            groups[source].append(label)
    parts = [f"{SOURCES[source]} for {join_words(groups[source])}" for source in SOURCES if source in groups]
    return f"Inputs: {'; '.join(parts)}." if parts else "Inputs: none used yet."


def blocked_sentence(blocked: Mapping[str, str], names: Names) -> str:
    """Say which models could not run and why: `blocked` maps model to reason."""
    by_reason: dict[str, list[str]] = {}
    for model, reason in blocked.items():
        by_reason.setdefault(blocked_text(reason), []).append(names.model(model))
    why = {
        "blocked (weights)": " – pretrained weights are not on this machine, and random weights would give "
        "a number without meaning"
    }
    return " ".join(
        f"{reason[0].upper()}{reason[1:]}: {join_words(models)}{why.get(reason, '')}."
        for reason, models in by_reason.items()
    )


def sentences(*parts: str) -> str:
    """Join non-empty sentences with spaces."""
    return " ".join(part for part in parts if part)
