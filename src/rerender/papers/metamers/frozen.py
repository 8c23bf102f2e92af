"""Noise that is the same in every step, as in the released code (section 4.2): a switch, off by default."""

from __future__ import annotations

from dataclasses import dataclass

from rerender.core.seeds import SeedStream


@dataclass(frozen=True)
class FrozenSeeds:
    """Seeds of a run by view alone; view 1 has the seed of its own target, as seed times view index gives it."""

    run: SeedStream
    target: SeedStream

    def seed(self, view: int, repeat: int = 0) -> int:
        """Return the seed of a view, and of its second render for a paired loss."""
        if view == 1 and repeat == 0:
            return self.target.seed(view)
        return self.run.seed("frozen", repeat, view)
