"""What pydantic finds wrong, in plain words."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bot.config.problem import Path, did_you_mean

_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
}


def explain_error(error: Mapping[str, Any], model: type[BaseModel], secret: bool) -> tuple[str, str]:
    """What is wrong and how to mend it, of one of pydantic's errors. `secret`: whether the value must not be shown."""
    kind, loc, value = error["type"], error["loc"], error["input"]
    if kind == "missing":
        return f'"{loc[-1]}" is missing', _what_to_add(fields_at(model, loc[:-1]).get(loc[-1]))
    if kind == "extra_forbidden":
        known = [field.alias or name for name, field in fields_at(model, loc[:-1]).items()]
        return f'unknown key "{loc[-1]}"', did_you_mean(str(loc[-1]), known)
    if kind in ("literal_error", "enum"):
        return f"expected {_unquoted(error['ctx']['expected'])}, found {_found(value, secret)}", ""
    if expected := _EXPECTED.get(kind):
        return f"expected {expected}, found {_found(value, secret)}", "" if secret else _remedy(kind, value)
    if secret:
        return "the secret that is put in here does not fit", "Look at the variable or file it comes from."
    if kind == "too_short":
        return f"at least {error['ctx']['min_length']} is needed here", ""
    message = str(error.get("ctx", {}).get("error") or error["msg"]).rstrip(".")
    if kind == "value_error":
        return message, ""
    for theirs, ours in (("Input should be", "it must be"), ("String should match pattern", "it must match the pattern")):
        message = message.replace(theirs, ours, 1)
    return f"{message}, found {_found(value, secret)}", ""


def _what_to_add(field: FieldInfo | None) -> str:
    if field is None or not field.description:
        return "Add it."
    return "Add it: " + field.description[0].lower() + field.description[1:]


def _unquoted(expected: str) -> str:
    return expected.replace("'", '"')


def _found(value: Any, secret: bool) -> str:
    if secret:
        return "<secret>"
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f'the text "{value if len(value) <= 40 else value[:40] + "…"}"'
        case list() | tuple():
            return "a list"
    return "a mapping"


def _remedy(kind: str, value: Any) -> str:
    if value is None:
        return "Write a value, or leave the key out."
    if kind == "string_type" and isinstance(value, bool | int | float):
        return f'Put quotes around it: "{str(value).lower()}".'
    if kind in ("tuple_type", "list_type") and isinstance(value, str | int | float):
        return f"Write [{value}]." if len(str(value)) <= 40 else "Write [ and ] around it."
    return ""


def fields_at(model: type[BaseModel], loc: Path) -> dict[str, FieldInfo]:
    """The fields that may stand at a place below the model; none where that is no model."""
    found: Any = model
    for step in loc:
        found = _below(found, step)
    found = _model_in(found)
    return dict(found.model_fields) if found else {}


def _below(annotation: Any, step: str | int) -> Any:
    model = _model_in(annotation)
    if model is not None:
        for name, field in model.model_fields.items():
            if step in (name, field.alias):
                return field.annotation
        return None
    for option in _options(annotation):
        arguments = get_args(option)
        if arguments and get_origin(option) in (dict, list, tuple, set, frozenset):
            return arguments[-1] if get_origin(option) is dict else arguments[0]
    return None


def _options(annotation: Any) -> list[Any]:
    """`X | None` and `Annotated[X, …]` without their wrapping."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return [option for part in get_args(annotation) for option in _options(part)]
    if hasattr(annotation, "__metadata__"):
        return _options(annotation.__origin__)
    return [annotation]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for option in _options(annotation):
        if isinstance(option, type) and get_origin(option) is None and issubclass(option, BaseModel):
            return option
    return None
