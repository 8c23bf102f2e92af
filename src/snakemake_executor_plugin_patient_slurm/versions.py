"""The versions that the repairs were tested with. Others are refused: what is repaired may have moved, or be mended."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

TESTED = {
    "snakemake": ("9.27.1",),
    "snakemake-executor-plugin-slurm": ("2.8.0",),
    "snakemake-executor-plugin-slurm-jobstep": ("0.6.1",),
}


def untested(installed: dict[str, str] | None = None) -> dict[str, str]:
    """Return package -> version for those that the plugin was not tested with."""
    found = installed_versions() if installed is None else installed
    return {name: found[name] for name, tested in TESTED.items() if found[name] not in tested}


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that matter."""
    found = {}
    for name in TESTED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def complaint(found: dict[str, str]) -> str:
    """Say which versions are untested, and what to do about it."""
    listed = ", ".join(
        f"{name} {number} (tested: {', '.join(TESTED[name])})" for name, number in found.items()
    )
    return (
        f"patient-slurm was not tested with {listed}. Install the pinned versions: "
        "pip install -c constraints.txt -e . Or take the risk: add --patient-slurm-untested-versions."
    )
