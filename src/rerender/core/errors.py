"""Errors that tell a user what to do: which key, which value, what is allowed, what to type."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake that the user can mend. The command line prints its text without a traceback.

    `message` says what is wrong, `hint` what to do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\n  {hint}" if hint else message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str]]:
        return (type(self), (self.message, self.hint))


class Blocked(UserError):
    """A result that cannot be computed here for a stated reason, such as missing weights.

    The reason is a few words; tables print it as `blocked (<reason>)`.
    """


def closest_first(name: str, allowed: Iterable[str]) -> list[str]:
    """Sort `allowed` so that the names most like `name` come first."""

    def likeness(candidate: str) -> float:
        return difflib.SequenceMatcher(None, name.lower(), candidate.lower()).ratio()

    return sorted(allowed, key=lambda candidate: (-likeness(candidate), candidate))


def unknown_name(kind: str, name: object, allowed: Iterable[str], hint: str = "") -> UserError:
    """Build the error for a name that is not in a list, naming the closest match first."""
    options = closest_first(str(name), allowed)
    first = f"Did you mean '{options[0]}'? " if options else ""
    return UserError(
        f"unknown {kind} '{name}'", f"{first}Allowed: {', '.join(options) or 'none'}. {hint}".strip()
    )
