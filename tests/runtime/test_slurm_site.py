"""The site file: the shipped one is sound, and mistakes are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from rerender.core.errors import UserError
from rerender.runtime.slurm_site import Site, known_keys, parse_site, read_site

ROOT = Path(__file__).resolve().parents[2]


def test_the_shipped_file_says_the_defaults() -> None:
    assert read_site(ROOT / "profiles/slurm/site.yaml") == Site()


def test_the_documentation_lists_every_key() -> None:
    text = (ROOT / "docs/slurm.md").read_text()
    for key in known_keys():
        assert f"`{key}`" in text, key


def test_the_shipped_costs_are_of_rules_that_exist() -> None:
    costs = yaml.safe_load((ROOT / "profiles/slurm/costs.yaml").read_text())
    files = (ROOT / "workflow/rules").glob("*.smk")
    rules = {name for file in files for name in re.findall(r"^rule (\w+):", file.read_text(), re.M)}
    assert costs.keys() <= rules
    assert all(minutes > 0 for minutes in costs.values())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"gpus": {}}, "unknown key 'gpus'"),
        ({"gpu": {"kind": "h100"}}, "unknown key 'gpu.kind'"),
        ({"gpu": {"request": "tres"}}, "gpu.request: Input should be 'gpu' or 'gres', not 'tres'"),
        ({"cpu": {"max_runtime": "1 day"}}, "cpu.max_runtime"),
        (["cpu"], "holds no settings"),
    ],
)
def test_a_mistake_is_named(values: object, words: str) -> None:
    with pytest.raises(UserError, match=re.escape(words)):
        parse_site(values)


def test_a_missing_file_and_one_that_is_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no .*site\.yaml"):
        read_site(tmp_path / "site.yaml")
    (tmp_path / "site.yaml").write_text("cpu: {")
    with pytest.raises(UserError, match="is not YAML"):
        read_site(tmp_path / "site.yaml")
