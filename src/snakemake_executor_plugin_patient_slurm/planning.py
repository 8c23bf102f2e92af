"""Planning asks Snakemake the same pure questions for every job of a rule; here each is answered once.

`install()` remembers, for one call of Snakemake:

* the parameters of input functions and resources (`inspect.signature`);
* where a source file lies in the cache of sources, and what a rule's script says;
* which rules make a file, however many jobs read it.

It also compares the paths of outputs, when it looks for one inside of another job's directory, without asking the
system for the working directory each time, sees that a script is Python without the library for notebooks, and has
Python look for garbage less often. Nothing is remembered that can change within a call, and no answer differs. A
Snakemake that this was not tested with stays as it is; so does a tested one with `--config fast_planning=false`.
`docs/performance.md` has what it saves.
"""

from __future__ import annotations

import functools
import gc
import os
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

from snakemake_executor_plugin_patient_slurm.versions import TESTED

GARBAGE = 50_000
"""New objects between two searches for garbage (Python: 700): a graph of jobs is large, and little of it is ever garbage."""


def install() -> bool:
    """Let Snakemake plan so; return whether it does. Twice is as once."""
    import snakemake

    if snakemake.__version__ not in TESTED["snakemake"]:
        return False
    from snakemake import common, rules, script, sourcecache
    from snakemake.dag import DAG
    from snakemake.output_index import OutputIndex

    if not hasattr(common.get_function_params, "__wrapped__"):
        gc.set_threshold(max(GARBAGE, gc.get_threshold()[0]), *gc.get_threshold()[1:])
        common.get_function_params = rules.get_function_params = parameters_once(common.get_function_params)
        sourcecache.parse_uri = functools.cache(sourcecache.parse_uri)
        script.get_source = source_once(script.get_source)
        script.get_language = language_of_suffix(script.get_language)
        OutputIndex.match_producers = producers_once(OutputIndex.match_producers)
        DAG.check_directory_outputs = check_directory_outputs
    return True


def parameters_once(ask: Callable[[Any], Mapping[str, Any]]) -> Callable[[Any], Mapping[str, Any]]:
    """Remember the parameters of functions and methods. Other callables may change, and are asked again."""
    of_functions: dict[FunctionType, Mapping[str, Any]] = {}
    of_methods: dict[Any, Mapping[str, Any]] = {}

    @functools.wraps(ask)
    def parameters(function: Any) -> Mapping[str, Any]:
        if type(function) is FunctionType:
            known, key = of_functions, function
        elif type(function) is MethodType and type(function.__func__) is FunctionType:
            known, key = of_methods, function.__func__
        else:
            return ask(function)
        found = known.get(key)
        if found is None:
            found = known[key] = ask(function)
        return found

    return parameters


def source_once(ask: Callable[..., Any]) -> Callable[..., Any]:
    """Remember what a script without wildcards in its path says; Snakemake reads its own copy, made once a call."""
    known: dict[Any, Any] = {}

    @functools.wraps(ask)
    def source(
        path: Any, sourcecache: Any, basedir: Any = None, wildcards: Any = None, params: Any = None
    ) -> Any:
        if "{" in str(path):
            return ask(path, sourcecache, basedir, wildcards, params)
        key = (type(path), str(path), type(basedir), str(basedir), sourcecache.runtime_cache_path)
        if key not in known:
            known[key] = ask(path, sourcecache, basedir, wildcards, params)
        return known[key]

    return source


def language_of_suffix(ask: Callable[[Any, str], str]) -> Callable[[Any, str], str]:
    """Know Python by its suffix, without the import of the library for notebooks."""

    @functools.wraps(ask)
    def language(source_file: Any, source: str) -> str:
        return "python" if source_file.get_filename().endswith(".py") else ask(source_file, source)

    return language


def producers_once(ask: Callable[[Any, str], set[Any]]) -> Callable[[Any, str], set[Any]]:
    """Remember in an index which rules make a file; an index is made anew when rules are."""

    @functools.wraps(ask)
    def producers(index: Any, file: str) -> set[Any]:
        known = index.__dict__.setdefault("_known_producers", {})
        name = str(file)
        if name not in known:
            known[name] = ask(index, file)
        return set(known[name])

    return producers


def check_directory_outputs(dag: Any) -> None:
    """Raise `ChildIOException` where an output lies in a directory that another job makes, as Snakemake does."""
    from snakemake.exceptions import ChildIOException

    here = os.getcwd()
    outputs = sorted({(parts(here, f), job) for job in dag.jobs for f in job.output})
    for (parent, parent_job), (child, child_job) in pairwise(outputs):
        if parent != child and child[: len(parent)] == parent and parent_job != child_job:
            raise ChildIOException(
                parent=(Path(os.sep, *parent), parent_job), child=(Path(os.sep, *child), child_job)
            )


def parts(folder: str, path: str) -> tuple[str, ...]:
    """Return the names that lead to a path, which may start in `folder`."""
    return tuple(name for name in os.path.join(folder, path).split(os.sep) if name not in ("", "."))
