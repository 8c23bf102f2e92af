"""What is remembered while planning: the same answers as Snakemake's own, asked once."""

from __future__ import annotations

import functools
import inspect
import itertools
import os
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import snakemake.api  # noqa: F401 - first: its parts import each other
from snakemake.common import get_function_params
from snakemake.dag import DAG
from snakemake.exceptions import ChildIOException
from snakemake.script import get_language
from snakemake.sourcecache import LocalSourceFile

from snakemake_executor_plugin_patient_slurm import planning


def plain(wildcards: Any, threads: int) -> None: ...


def every(**anything: Any) -> None: ...


class Asker:
    def method(self, input: Any) -> None: ...

    def __call__(self, attempt: int) -> None: ...


@functools.wraps(plain)
def wrapped(*arguments: Any) -> None: ...


CALLABLES = (
    *(plain, every, wrapped, Asker().method, Asker(), lambda wildcards: None),
    functools.partial(plain, threads=2),
)


@pytest.mark.parametrize("function", CALLABLES, ids=range(len(CALLABLES)))
def test_parameters_are_those_that_python_knows(function: Any) -> None:
    parameters = planning.parameters_once(get_function_params)
    for _ in range(2):
        assert dict(parameters(function)) == dict(inspect.signature(function).parameters)


def test_functions_and_methods_are_asked_once_and_other_callables_each_time() -> None:
    asked: list[Any] = []
    parameters = planning.parameters_once(lambda function: asked.append(function) or {"a": 1})  # type: ignore[func-returns-value]
    for _ in range(3):
        for function in (plain, Asker().method, Asker().method):
            assert parameters(function) == {"a": 1}
    assert len(asked) == 2
    for _ in range(3):
        parameters(Asker())
    assert len(asked) == 5


def test_a_source_is_read_once_unless_its_path_has_wildcards() -> None:
    asked: list[str] = []

    def read(path: str, *others: Any) -> str:
        asked.append(path)
        return f"text of {path} in {others[1]}"

    source, cache = planning.source_once(read), SimpleNamespace(runtime_cache_path="cache")
    for basedir in ("a", "b", "a"):
        assert source("run.py", cache, basedir, {}, {}) == f"text of run.py in {basedir}"
    assert asked == ["run.py", "run.py"]
    for _ in range(2):
        source("{name}.py", cache, "a", {"name": "x"}, {})
    assert asked[2:] == ["{name}.py", "{name}.py"]


def test_an_index_answers_once_for_a_file_and_gives_sets_away() -> None:
    asked: list[str] = []

    def find(index: Any, file: str) -> set[str]:
        asked.append(file)
        return {index.rule}

    producers = planning.producers_once(find)
    one, other = SimpleNamespace(rule="one"), SimpleNamespace(rule="other")
    producers(one, "a").clear()
    assert (producers(one, "a"), producers(other, "a")) == ({"one"}, {"other"})
    assert asked == ["a", "a"]


@pytest.mark.parametrize("name", ["a.py", "a.R", "a.sh"])
def test_a_language_is_what_snakemake_says(name: str) -> None:
    file = LocalSourceFile(name)
    assert planning.language_of_suffix(get_language)(file, "") == get_language(file, "")


@dataclass(frozen=True, order=True)
class Job:
    name: str
    output: tuple[str, ...]


PATHS = ("a", "a/", "a/b", "./a/b/c", "a-b", "a/b.txt", "/tmp/x", f"{os.getcwd()}/a//b", "../a")


@pytest.mark.parametrize("pair", list(itertools.product(PATHS, PATHS)), ids="|".join)
def test_an_output_inside_of_another_jobs_folder_is_refused_as_snakemake_refuses_it(
    pair: tuple[str, str],
) -> None:
    dag = SimpleNamespace(jobs=[Job("x", pair[:1]), Job("y", pair[1:]), Job("z", ("a/b/d", "b"))])
    said = []
    for check in (DAG.check_directory_outputs, planning.check_directory_outputs):
        try:
            check(dag)
            said.append("nothing")
        except ChildIOException as error:
            said.append(str(error))
    assert said[0] == said[1]


def test_untested_versions_of_snakemake_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snakemake.__version__", "9.99")
    before = DAG.check_directory_outputs
    assert not planning.install()
    assert DAG.check_directory_outputs is before
