"""`rerender explain`: the rule, the reason, the code and the claims of a target, on a small workflow."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from rerender.commands import explain
from rerender.commands.dag import modules_of_rule, plan
from rerender.core.errors import UserError

SNAKEFILE = """
def code(*modules):
    return "PRINT"

rule all:
    input: "results/laptop/metamers/tables/t2.csv"

rule toy_run:
    output: "results/laptop/metamers/runs/{scene}/{envmap}/{model}/s{seed}/final.npz"
    params: settings={"lr": 0.1}, code=code("rerender.core.seeds")
    shell: "echo {wildcards.scene} > {output}"

rule toy_table:
    message: "Table {wildcards.name}"
    input: "results/laptop/metamers/runs/suzanne/constant/mae/s1/final.npz"
    output: "results/laptop/metamers/tables/{name}.csv"
    params:
        size=3,
        code=code(
            "rerender.core.errors",
            "rerender.core.seeds",
        ),
    shell: "cp {input} {output}"
"""
TABLE = "results/laptop/metamers/tables/t2.csv"
RUN = "results/laptop/metamers/runs/suzanne/constant/mae/s1/final.npz"
CLAIM = """
paper: metamers
claims:
  - id: metamers.one
    artefact: t2
    kind: target
    statement: It works.
    operationalisation: y
    source: {document: d, place: p, reading: ours}
    select: {metric: psnr, where: {scene: suzanne, method: mae}}
    bound: {relation: ">=", value: 25}
"""

pytestmark = pytest.mark.workflow


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "config" / "claims").mkdir(parents=True)
    (tmp_path / "config" / "claims" / "metamers.yaml").write_text(CLAIM)
    return tmp_path


def make(workdir: Path) -> None:
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"]
    subprocess.run(command, cwd=workdir, check=True, capture_output=True)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    parser = argparse.ArgumentParser()
    explain.add_parser(parser.add_subparsers())
    args = parser.parse_args(["explain", *arguments])
    assert args.run(args) == 0
    return capsys.readouterr().out


def test_before_and_after_making_it(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, TABLE)
    assert "rule toy_table (Snakefile)" in text
    assert f"would run    yes: Missing output files: {TABLE}" in text
    assert "first        1 other job: toy_run (1)" in text
    assert f"because      toy_run: Missing output files: {RUN}" in text
    assert "size = 3" in text
    assert "modules reached from rerender.core.errors, rerender.core.seeds" in text
    assert "metamers.one (t2, target): It works." in text

    make(workdir)
    text = told(capsys, TABLE)
    assert "would run    no, it is up to date" in text and "first " not in text
    assert "metamers.one" in told(capsys, RUN)
    assert "no claim" in told(capsys, RUN.replace("mae", "ssim"))

    (workdir / "Snakefile").write_text(SNAKEFILE.replace('"PRINT"', '"OTHER"'))
    text = told(capsys, TABLE)
    assert "yes: " in text and "because      toy_run: Params have changed" in text


def test_why_names_the_chain_of_imports(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "rerender.core.errors -> rerender.core" in told(capsys, TABLE, "--why", "rerender.core")
    assert "cannot reach rerender.fitting.loop" in told(capsys, TABLE, "--why", "rerender.fitting.loop")
    with pytest.raises(UserError, match=r"Did you mean 'rerender\.fitting\.loop'"):
        told(capsys, TABLE, "--why", "rerender.fitting.lop")


def test_long_reasons_are_cut() -> None:
    assert explain.shortened("Missing output files: a, b, c; Code has changed") == (
        "Missing output files: a and 2 more; Code has changed"
    )
    params = "Params have changed since last execution: before: 1, 2 now: 3, 4"
    assert explain.shortened(params) == params
    assert len(explain.shortened(params * 50)) < 400


def test_rules_are_targets_too(workdir: Path) -> None:
    found = plan("all")
    assert found.job.rule == "all"
    assert {job.rule for job in found.before} == {"toy_run", "toy_table"}


def test_what_no_rule_makes_is_an_error(workdir: Path) -> None:
    with pytest.raises(UserError, match=r"cannot plan nothing\.txt"):
        plan("nothing.txt")
    (workdir / "Snakefile").unlink()
    with pytest.raises(UserError, match="folder of the workflow"):
        plan(TABLE)


def test_targets_as_users_type_them(workdir: Path) -> None:
    (workdir / RUN).parent.mkdir(parents=True)
    folder = str(Path(RUN).parent)
    assert explain.target_of(folder) == f"{folder}/manifest.json"
    assert explain.target_of(f"./{TABLE}") == TABLE
    assert explain.target_of(str(workdir / TABLE)) == TABLE


def test_wrong_settings_are_refused(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="KEY=VALUE"):
        told(capsys, TABLE, "--config", "tier")


def test_modules_of_a_rule() -> None:
    assert modules_of_rule(SNAKEFILE, "toy_table") == ("rerender.core.errors", "rerender.core.seeds")
    assert modules_of_rule(SNAKEFILE, "toy_run") == ("rerender.core.seeds",)
    assert modules_of_rule(SNAKEFILE, "all") == ()
    assert modules_of_rule(SNAKEFILE, "absent") == ()
