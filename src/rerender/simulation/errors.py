"""What a simulation refuses: steps that are too long, broken meshes, and states that are no numbers."""

from __future__ import annotations

from rerender.core.errors import UserError


class Unstable(UserError):
    """A time step above the stability bound. `largest` is a step [s] that would be stable."""

    def __init__(self, message: str, hint: str, largest: float) -> None:
        super().__init__(message, hint)
        self.largest = largest


class Diverged(UserError):
    """A state that is no number. `step` is the first step that has one, `element` the body or particle."""

    def __init__(self, step: int, element: int, what: str, cause: str) -> None:
        super().__init__(
            f"the simulation diverged: {what} {element} is not finite after step {step}",
            f"Likely cause: {cause}",
        )
        self.step, self.element = step, element


class BadMesh(UserError):
    """A mesh that cannot be simulated; the message names the first element that is wrong."""
