"""Versions of the libraries whose numbers a stage depends on, for the workflow's `params: stack=`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

ABSENT = "absent"


def stack(*distributions: str) -> dict[str, str]:
    """Map each distribution name to its installed version, or to `absent`.

    Reads package metadata only; nothing is imported. Names are sorted and lower-case.
    """
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in sorted({name.lower() for name in distributions}):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ABSENT
    return found


def plugin_distributions(group: str = "rerender.plugins") -> tuple[str, ...]:
    """Return the distributions that offer plug-ins, whose code no fingerprint of this package covers."""
    from importlib.metadata import entry_points

    return tuple(sorted({point.dist.name.lower() for point in entry_points(group=group) if point.dist}))


def stack_fingerprint(versions: Mapping[str, str]) -> str:
    """Hash the versions to 16 hex digits."""
    text = json.dumps(dict(versions), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
