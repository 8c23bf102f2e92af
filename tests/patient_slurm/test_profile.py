"""The Slurm profile: what it selects exists, and rules leave to it what is its business."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import yaml
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from snakemake_executor_plugin_patient_slurm.settings import ExecutorSettings

ROOT = Path(__file__).resolve().parents[2]
PROFILE = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())


def test_snakemake_finds_the_executor_of_the_profile() -> None:
    assert PROFILE["executor"] == "patient-slurm"
    assert ExecutorPluginRegistry().is_installed("patient-slurm")


def test_every_option_of_the_executor_exists_and_every_file_is_there() -> None:
    names = {field.name for field in fields(ExecutorSettings)}
    ours = {
        key.removeprefix("patient-slurm-"): value for key, value in PROFILE.items() if "patient-slurm-" in key
    }
    assert {key.replace("-", "_") for key in ours} <= names
    for key in ("site", "costs"):
        assert (ROOT / ours[key]).is_file()


def test_array_jobs_are_off() -> None:
    assert not [key for key in PROFILE if "array" in key]


def test_rules_have_no_retries_and_nothing_of_a_site() -> None:
    """Retries of a rule would also happen inside of the Slurm job, with the memory and the time that did not do."""
    for file in [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]:
        assert not re.search(
            r"^\s*(retries:|slurm_\w+=|partition=|account=|gres=)", file.read_text(), re.M
        ), file
