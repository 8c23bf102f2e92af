"""What every script of the workflow does around its one call: log file, thread limits, errors without tracebacks.

    with script(snakemake):
        from rerender.papers.metamers.references import make_references
        make_references(...)

Everything written to stdout or stderr, by Python or by native code, goes to the job's log file. An error that the
user can mend is also printed on the console, without its traceback; any other error prints its last line there and
its traceback in the log. Exit codes: 2 for a user error, 1 for any other, 75 ("try again") passes through.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rerender.catalogue.resolve import AssetSettings, resolve
from rerender.core.errors import UserError
from rerender.options import asset_settings, options

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")


@contextmanager
def script(snakemake: Any) -> Iterator[None]:
    """Run the body of a workflow script: output to the job's log, errors in one clear message."""
    limit_threads(int(snakemake.threads))
    console = _redirect(Path(snakemake.log[0])) if snakemake.log else sys.stderr.fileno()
    try:
        yield
    except UserError as error:
        _say(console, f"rerender: {error}")
        print(f"rerender: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except SystemExit as stop:
        if str(stop) and not isinstance(stop.code, str):
            _say(console, f"rerender: {stop}")
        raise
    except BaseException as error:
        traceback.print_exc()
        last = traceback.format_exception_only(error)[-1].strip()
        where = f" The traceback is in {snakemake.log[0]}." if snakemake.log else ""
        _say(console, f"rerender: {snakemake.rule} failed: {last}.{where}")
        raise SystemExit(1) from None
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def limit_threads(count: int) -> None:
    """Keep numerical libraries that are loaded from now on to `count` threads, unless the environment says more."""
    for name in _THREAD_VARIABLES:
        os.environ[name] = str(count)


def _redirect(log: Path) -> int:
    """Send stdout and stderr to `log`; return a descriptor of the old stderr."""
    console = os.dup(2)
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb", buffering=0) as handle:
        os.dup2(handle.fileno(), 1)
        os.dup2(handle.fileno(), 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return console


def _say(console: int, message: str) -> None:
    os.write(console, f"{message}\n".encode())


def asset_places(snakemake: Any) -> AssetSettings:
    """Return where assets are looked for.

    The place is read from the configuration instead of `params`, on purpose: which file is used is in `params` by
    its hash, and moving a mirror must not rerun anything.
    """
    return asset_settings(options(snakemake.config))


def weight_files(snakemake: Any) -> dict[str, Path]:
    """Return asset id -> verified file for the pretrained weights in `params.weights`."""
    places = asset_places(snakemake)
    found = {name: resolve(name, places).path for name in snakemake.params.weights}
    return {name: path for name, path in found.items() if path is not None}
