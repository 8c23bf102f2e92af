"""Seeds derived by hashing, so that no two purposes ever share a random stream."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


def derive_seed(*keys: object) -> int:
    """Hash the keys (for example run, purpose, step, view) to an unsigned 32-bit seed.

    Keys are joined by their `repr`, so `1` and `"1"` differ. The result is stable across
    processes, machines and Python versions.
    """
    text = "\x1f".join(repr(key) for key in keys)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


@dataclass(frozen=True)
class SeedStream:
    """A named stream of seeds: `SeedStream(run).seed("optimise", step, view)`."""

    keys: tuple[object, ...]

    def seed(self, *keys: object) -> int:
        """Return the 32-bit seed for `keys` within this stream."""
        return derive_seed(*self.keys, *keys)

    def child(self, *keys: object) -> SeedStream:
        """Return the sub-stream for `keys`."""
        return SeedStream(self.keys + keys)
