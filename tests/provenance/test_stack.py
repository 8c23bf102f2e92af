"""Library versions: read from metadata, absent ones named as such."""

from __future__ import annotations

from importlib.metadata import version

from rerender.provenance.stack import ABSENT, plugin_distributions, stack, stack_fingerprint


def test_versions_are_sorted_and_absent_ones_named() -> None:
    found = stack("pydantic", "NumPy", "no-such-distribution")
    assert list(found) == ["no-such-distribution", "numpy", "pydantic"]
    assert found["no-such-distribution"] == ABSENT
    assert found["numpy"] == version("numpy")


def test_fingerprint_follows_versions_only() -> None:
    first = stack_fingerprint({"a": "1", "b": "2"})
    assert first == stack_fingerprint({"b": "2", "a": "1"})
    assert first != stack_fingerprint({"a": "1", "b": "3"})
    assert first != stack_fingerprint({"a": "1"})


def test_plugin_groups_without_members_are_empty() -> None:
    assert plugin_distributions("rerender.no-such-group") == ()
    assert "pytest" in plugin_distributions("console_scripts")
