"""YAML files that people write: strict reading, and errors that name key, value and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from rerender.core.errors import UserError, closest_first


def read_yaml(path: Path) -> Any:
    """Read a YAML file; a key that stands twice is an error, since YAML would keep the last in silence."""
    import yaml

    class Strict(yaml.SafeLoader):
        """A safe loader that refuses repeated keys."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            for index, key in enumerate(keys):
                if key in keys[:index]:
                    line = node.value[index][0].start_mark.line + 1
                    raise UserError(f"{path}, line {line}: key '{key}' stands twice", "Keep one of them.")
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=Strict)
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror}", "Check the name and the permissions."
        ) from error
    except yaml.YAMLError as error:
        raise UserError(
            f"{path} is not YAML: {error}", "Often a colon, a quote or the indentation."
        ) from error


def explain(problem: Mapping[str, Any], model: type[BaseModel], raw: Any) -> str:
    """Say one pydantic problem in one line: where, what stands there, what is allowed.

    Entries of lists are named by their `id` where they have one.
    """
    location: Sequence[str | int] = problem["loc"]
    where = _spoken(location, raw)
    parent = _model_at(model, location[:-1])
    name = str(location[-1]) if location else ""
    if problem["type"] == "extra_forbidden":
        options = closest_first(name, parent.model_fields if parent else ())
        hint = f"Did you mean '{options[0]}'? " if options else ""
        return f"  unknown key {where}. {hint}Allowed: {', '.join(options)}."
    if problem["type"] == "missing":
        return f"  {where} is missing."
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"  {where or 'the file'}: {message}."
    if problem["type"] == "literal_error":
        choices = closest_first(str(problem["input"]), _choices(problem))
        return (
            f"  {where} is {problem['input']!r}. Did you mean '{choices[0]}'? Allowed: {', '.join(choices)}."
        )
    shown = repr(problem["input"])
    return f"  {where or 'the file'} is {shown if len(shown) <= 60 else shown[:57] + '…'}: {message}."


def _choices(problem: Mapping[str, Any]) -> list[str]:
    """Read the allowed values out of a literal error."""
    expected = str(problem.get("ctx", {}).get("expected", ""))
    return [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(",") if part.strip()]


def _spoken(location: Sequence[str | int], raw: Any) -> str:
    """Write a location as dotted keys, with list entries by id or number."""
    words: list[str] = []
    node = raw
    for part in location:
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            node = None
        if isinstance(part, int):
            label = node.get("id") if isinstance(node, Mapping) else None
            words.append(f"[{label or part + 1}]")
        elif part != "[key]":
            words.append(f".{part}" if words else part)
    return f"'{''.join(words)}'" if words else ""


def _model_at(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel] | None:
    """Follow field names (and list entries) down to the model that holds the last key."""
    current: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, str):
            field = current.model_fields.get(part) if current is not None else None
            current = _model_in(field.annotation) if field is not None else None
    return current


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the model inside `Model`, `Model | None` or `tuple[Model, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType, tuple, list):
        found = [_model_in(part) for part in get_args(annotation) if part is not Ellipsis]
        return next((model for model in found if model is not None), None)
    return None
