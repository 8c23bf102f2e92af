"""The sub-commands of `rerender`: each module has `add_parser(subparsers)` and `run(args) -> exit code`."""
