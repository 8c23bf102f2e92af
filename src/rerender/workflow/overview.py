"""Which figure of each paper the overview takes its pictures from."""

from __future__ import annotations

from rerender.workflow import envmaps, materials, metamers, physics, viewpoints
from rerender.workflow.session import Session

WANTED = {
    "metamers": ("f2",),
    "envmaps": ("fig2",),
    "materials": tuple(name for name in materials.FIGURES if name.startswith("compare_")),
    "viewpoints": ("matches",),
    "physics": ("fig3",),
}
"""Figures by paper, in order of preference."""
SUFFIXES = ("png", "pdf", "parquet")


def inputs(session: Session, tier: str) -> dict[str, str]:
    """Return the data file of one figure of each paper, where the tier has it."""
    made = {
        "metamers": metamers.figures(tier),
        "envmaps": envmaps.figures(session, tier),
        "materials": materials.figures(session, tier),
        "viewpoints": viewpoints.figures(session, tier),
        "physics": physics.figures(tier),
    }
    found = {}
    for paper, names in WANTED.items():
        paths = [f"<results>/{tier}/{paper}/figures/{name}" for name in names]
        first = next((path for path in paths if f"{path}.png" in made[paper]), None)
        if first is not None:
            found[paper] = f"{first}.parquet"
    return found
