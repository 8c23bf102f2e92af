"""The command `rerender`: is my machine ready, what exists, what will it cost, why does it rerun, is it intact.

Results are made by Snakemake; this command only looks, apart from `fetch` and `edit`. Every sub-command is a module of
`rerender.commands` with `add_parser(subparsers)` and `run(arguments) -> exit code`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from rerender import __version__
from rerender.core.errors import UserError

COMMANDS = ("doctor", "list", "plan", "explain", "verify", "fetch", "edit")


def parser() -> argparse.ArgumentParser:
    """Build the parser with all sub-commands. Their modules are light; they import what they need when they run."""
    top = argparse.ArgumentParser(
        prog="rerender",
        description="Re-runs differentiable-rendering papers and says which published numbers hold up.",
        epilog="Results are made by Snakemake: `snakemake --cores 2` makes the default tier.",
    )
    top.add_argument("--version", action="version", version=f"rerender {__version__}")
    subparsers = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"rerender.commands.{name}").add_parser(subparsers)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command. A mistake that the user can mend ends in its message on stderr and exit code 2."""
    parsed = parser().parse_args(arguments)
    try:
        code = int(parsed.run(parsed))
        sys.stdout.flush()  # here, where a closed pipe is caught, and not when Python ends
        return code
    except UserError as error:
        print(f"rerender: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # the reader of a pipe, such as `head`, has seen enough; what is still buffered must not meet the pipe again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
