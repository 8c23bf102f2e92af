"""The command `rerender`: every sub-command is there, light to start, and fails in one message."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rerender import __version__, cli
from rerender.core.errors import UserError

ROOT = Path(__file__).resolve().parents[1]


def rerender(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rerender.cli", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    assert stop.value.code == 0
    assert f"rerender {name}" in capsys.readouterr().out


def test_the_overview_names_every_command_with_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    out = capsys.readouterr().out
    for name in cli.COMMANDS:
        assert f"    {name} " in out


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"rerender {__version__}\n"


def test_starting_is_light() -> None:
    probe = (
        "import sys\nfrom rerender import cli\ncli.parser()\n"
        "heavy = {'numpy', 'torch', 'mitsuba', 'polars', 'pandas', 'matplotlib', 'snakemake'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_error_of_the_user_is_one_message_and_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: object) -> int:
        raise UserError("there is no such thing", "Make one.")

    monkeypatch.setattr("rerender.commands.list.run", fail)
    assert cli.main(["list"]) == 2
    assert capsys.readouterr().err == "rerender: there is no such thing\n  Make one.\n"


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m rerender.cli list runs --tier paper | head -1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout == "runs (paper)\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["list", "modells"], ["unknown section 'modells'", "Did you mean 'models'?"]),
        (["plan", "all_table"], ["unknown tier or target 'all_table'", "Did you mean 'all_tables'?"]),
        (["fetch", "--dry-run", "suzane"], ["unknown asset 'suzane'", "Did you mean 'suzanne'?"]),
    ],
)
def test_unknown_names_get_their_alternatives(arguments: list[str], words: list[str]) -> None:
    done = rerender(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_wrong_configuration_is_told_by_every_command_that_reads_it(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text("teir: smoke\n")
    for name in ("list", "plan"):
        done = rerender(name, folder=tmp_path)
        assert done.returncode == 2
        assert "Did you mean 'tier'?" in done.stderr
