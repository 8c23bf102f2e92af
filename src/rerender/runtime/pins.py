"""The pins of `constraints.txt`, and what is installed against them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True)
class Pin:
    """One line `name==version ; marker` of the constraints; the marker says for which machines."""

    name: str
    version: str
    marker: str


def read_pins(path: Path) -> list[Pin]:
    """Read a constraints file: one exact pin a line, comments and blank lines allowed."""
    return list(parse_pins(path.read_text(encoding="utf-8")))


def parse_pins(text: str) -> Iterator[Pin]:
    """Yield the pins in `text`."""
    for line in text.splitlines():
        requirement, _, marker = line.partition(";")
        name, equals, version = requirement.strip().partition("==")
        if equals and not name.startswith("#"):
            yield Pin(normalised(name), version.strip(), marker.strip())


def normalised(name: str) -> str:
    """Spell a project name the way package indexes compare it: lower case, runs of -_. as one hyphen."""
    return "-".join(
        part for part in name.strip().lower().replace("_", "-").replace(".", "-").split("-") if part
    )


def applicable(pins: list[Pin], environment: dict[str, str] | None = None) -> dict[str, str]:
    """Return name -> version for the pins that hold here, or for the given marker environment."""
    from packaging.markers import Marker

    return {
        pin.name: pin.version for pin in pins if not pin.marker or Marker(pin.marker).evaluate(environment)
    }


def installed_version(name: str) -> str | None:
    """Return the installed version of a project without its local part (`+cpu`), or None."""
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def direct_dependencies(project: str = "rerender") -> list[str]:
    """Name what the installed project itself requires on this machine, extras left out."""
    from packaging.requirements import Requirement

    requirements = [Requirement(text) for text in metadata.requires(project) or ()]
    wanted = [item for item in requirements if item.marker is None or item.marker.evaluate({"extra": ""})]
    return [normalised(item.name) for item in wanted]
