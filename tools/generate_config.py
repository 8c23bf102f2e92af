"""Write config/config.yaml, config/tiers/*.yaml, config/README.md's tables and the JSON schemas from the typed settings.

    python tools/generate_config.py          # write
    python tools/generate_config.py --check  # print a diff and fail if a file is out of date

The settings in `rerender.options` and `rerender.papers.*.settings` are the source of truth; edit those.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from rerender.config import PRESETS, TierSettings
from rerender.options import Config

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 110

CONFIG_HEAD = """\
# What to make, and from what. Written by tools/generate_config.py from rerender/options.py, with every key and its
# default. Any key can be set for one run instead: snakemake --cores 2 --config tier=smoke
# The experiments themselves are in config/tiers/<tier>.yaml. Cores, memory and partitions belong to profiles.
"""

TIER_HEAD = """\
# The experiments of the tier `{tier}`. Written by tools/generate_config.py from the presets in the package.
# {budget}
# What you change here changes results/{tier}/ only, and reruns only the steps that depend on it.
"""

BUDGETS = {
    "smoke": "Every rule runs once, on tiny images and for a few steps: for tests, not for numbers.",
    "laptop": "Small but real: the trends of the paper must show, on two cores without a GPU.",
    "paper": "Published settings, for a GPU cluster: snakemake --profile slurm. `rerender plan` says what it costs.",
}

README_HEAD = """\
# Configuration

`config.yaml` says which tier to make and where assets come from. `tiers/<tier>.yaml` holds the experiments of a tier.
Both files are complete: every key is there with its default and its meaning. A wrong key, value or name is refused
before any job starts, with the closest alternative first.

One run can differ from the files:

```
snakemake --cores 2 --config tier=smoke
snakemake --cores 2 --config 'tiers={laptop: {metamers: {geometry: {seeds: 5}}}}'
snakemake --cores 2 --configfile my.yaml
```

`rerender list` prints the scenes, envmaps and models that can be named, and which of them are blocked here.
The tables below, the files and `workflow/schemas/` are written by `tools/generate_config.py` from the typed settings.
"""


def generated() -> dict[str, str]:
    """Return every generated file: path from the root -> content."""
    files = {
        "config/config.yaml": CONFIG_HEAD + "\n" + "\n".join(yaml_lines(Config())) + "\n",
        "config/README.md": readme(),
        "workflow/schemas/config.schema.json": schema(Config),
        "workflow/schemas/tier.schema.json": schema(TierSettings),
    }
    for tier, settings in PRESETS.items():
        head = TIER_HEAD.format(tier=tier, budget=BUDGETS[tier])
        files[f"config/tiers/{tier}.yaml"] = head + "\n" + "\n".join(yaml_lines(settings)) + "\n"
    return files


def schema(model: type[BaseModel]) -> str:
    """Return the JSON schema of a settings model."""
    return json.dumps(model.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def yaml_lines(settings: BaseModel, depth: int = 0) -> Iterator[str]:
    """Yield the YAML of a settings value, each key under a comment with its description."""
    indent = "  " * depth
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if field.description:
            comment = f"{indent}# "
            yield from textwrap.wrap(
                field.description,
                WIDTH,
                initial_indent=comment,
                subsequent_indent=comment,
                break_on_hyphens=False,
            )
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:"
            yield from yaml_lines(value, depth + 1)
        elif isinstance(value, dict) and any(isinstance(item, BaseModel) for item in value.values()):
            yield f"{indent}{name}:"
            yield from (f"{indent}  {key}: {scalar(item.model_dump())}" for key, item in value.items())
        elif isinstance(value, tuple) and value and all(isinstance(item, BaseModel) for item in value):
            yield f"{indent}{name}:"
            yield from (f"{indent}  - {scalar(item.model_dump())}" for item in value)
        else:
            yield f"{indent}{name}: {scalar(value)}"


def scalar(value: Any) -> str:
    """Return a plain value as YAML on one line. Floats keep a point or an exponent that YAML 1.1 reads as a number."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(scalar(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {scalar(item)}' for key, item in value.items())}}}"
    if isinstance(value, float):
        text = repr(value)
        return text if "e" not in text or "." in text else text.replace("e", ".0e")
    # within brackets these end a plain word, or begin something else
    return json.dumps(value) if isinstance(value, str) and set(value) & set(",[]{}:#\"'") else str(value)


def readme() -> str:
    """Return config/README.md with one table of keys for each settings model."""
    parts = [README_HEAD]
    for title, model in sections():
        parts += [f"\n## {title}\n", "| key | paper's value or default | meaning |", "|---|---|---|"]
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                continue
            default = (
                "per tier" if field.is_required() else scalar(field.get_default(call_default_factory=True))
            )
            meaning = (field.description or "").replace("|", "\\|")
            parts.append(f"| `{name}` | `{default}` | {meaning} |")
    return "\n".join(parts) + "\n"


def sections() -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield (dotted key, model) for every settings model that a user can write."""
    yield "`config.yaml`", Config
    waiting: list[tuple[str, type[BaseModel]]] = [("", Config), ("", TierSettings)]
    while waiting:
        prefix, model = waiting.pop(0)
        for name, field in model.model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                key = f"{prefix}{name}"
                if any(not _is_model(inner.annotation) for inner in kind.model_fields.values()):
                    where = "config.yaml" if model is Config else "tiers/<tier>.yaml"
                    yield f"`{where}`: `{key}`", kind
                waiting.append((f"{key}.", kind))
            for listed in filter(_is_model, get_args(kind)):
                yield f"`tiers/<tier>.yaml`: an entry of `{prefix}{name}`", listed


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def differences(root: Path = ROOT) -> str:
    """Return a unified diff from the files on disk to what the settings say; empty if they agree."""
    parts: list[str] = []
    for name, wanted in generated().items():
        path = root / name
        present = path.read_text(encoding="utf-8") if path.is_file() else ""
        lines = present.splitlines(keepends=True), wanted.splitlines(keepends=True)
        parts += difflib.unified_diff(*lines, f"{name} (on disk)", f"{name} (from the settings)")
    return "".join(parts)


def main() -> int:
    """Write the files, or with `--check` compare them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; print a diff and fail if a file differs"
    )
    if parser.parse_args().check:
        diff = differences()
        sys.stdout.write(diff)
        return 1 if diff else 0
    for name, content in generated().items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
