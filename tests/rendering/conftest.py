"""One Mitsuba variant with one thread for all rendering tests."""

from __future__ import annotations

import pytest

from rerender.rendering.variants import start_variant


@pytest.fixture(scope="session", autouse=True)
def variant() -> str:
    """Start the backend once; one thread makes results repeatable."""
    return start_variant("auto", threads=1)
