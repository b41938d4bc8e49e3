"""`explain`: what is wrong with an architecture file, with file, line, path, value and the nearest name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from chipsim.architecture.spec import InMemorySpec, VonNeumannSpec
from chipsim.architecture.yaml_source import YamlSource
from chipsim.errors import nearest

_KINDS: dict[str, type[BaseModel]] = {"in-memory": InMemorySpec, "von-neumann": VonNeumannSpec}


def explain(error: ValidationError, source: YamlSource) -> list[str]:
    """One message for each mistake, in the order of the file's fields."""
    found = _without_alternatives(error.errors())
    misspelt = {(*item["loc"][:-1], _meant(item, source)) for item in found if item["type"] == "extra_forbidden"}
    kept = [item for item in found if item["type"] != "missing" or item["loc"] not in misspelt]
    return list(dict.fromkeys(_explain(item, source) for item in kept))


def _without_alternatives(found: Sequence[Any]) -> list[Any]:
    """Join what is said of a field that takes a word or something else: ``... or 'auto'``."""
    kept: dict[tuple[str | int, ...], Any] = {}
    for item in found:
        location = tuple(part for part in item["loc"] if not _is_union_tag(part))
        before = kept.get(location)
        if before is None:
            kept[location] = {**item, "or": ""}
        elif item["type"] == "literal_error":
            before["or"] = f" or {item['ctx']['expected']}"
    return list(kept.values())


def _explain(item: Any, source: YamlSource) -> str:
    kind = item["type"]
    location = tuple(part for part in item["loc"] if not _is_union_tag(part))
    path = ".".join(map(str, location)) or ("" if kind == "value_error" else "file")  # of several fields: it names them
    where = f"{source.where(location)}: {path}" if path else source.where(location)
    if kind == "extra_forbidden":
        allowed = sorted(_fields_at(source, location[:-1]))
        return f"{where}: unknown field; allowed here: {', '.join(allowed)}{nearest(str(location[-1]), allowed)}"
    if kind == "missing":
        return f"{where}: missing; add this field"
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        given = source.values.get("kind")
        shown = "missing" if given is None else f"{given!r} is not a kind of machine"
        return f"{source.where(('kind',))}: kind: {shown}; allowed: {', '.join(_KINDS)}" + nearest(str(given), _KINDS)
    message = _in_words(item) + item["or"]
    shown = "" if repr(item["input"]) in message or isinstance(item["input"], dict) else f"{item['input']!r}: "
    return f"{where}: {shown}{message}{_nearest_literal(item)}"


def _in_words(item: Any) -> str:
    """What is wrong with a value."""
    words = {
        "tuple_type": "must be a list such as [8, 8]",
        "int_type": "must be a whole number",
        "bool_type": "must be true or false",
        "string_type": "must be text, in quotes where it looks like something else",
        "invalid_key": "a field's name must be text; put values with commas in quotes",
        "model_type": "must be a section with fields of its own",
        "literal_error": "must be {expected}",
        "greater_than_equal": "must be at least {ge}",
        "greater_than": "must be greater than {gt}",
        "less_than_equal": "must be at most {le}",
    }
    if item["type"] == "string_type":
        return words["string_type"] + _as_text(item["input"])
    text = words.get(item["type"])
    return str(item["msg"]).removeprefix("Value error, ") if text is None else text.format(**item.get("ctx", {}))


def _as_text(value: object) -> str:
    """How numbers that should be text are written.

    Examples
    --------
    >>> _as_text([7, 7]), _as_text(12), _as_text({})
    (', such as "7,7"', ', such as "12"', '')
    """
    parts = value if isinstance(value, list) else [value]
    plain = all(isinstance(part, (int, float)) and not isinstance(part, bool) for part in parts)
    return f', such as "{",".join(map(str, parts))}"' if parts and plain else ""


def _meant(item: Any, source: YamlSource) -> str:
    """The field that a misspelt one stands for, or an empty string."""
    location = tuple(part for part in item["loc"] if not _is_union_tag(part))
    close = difflib.get_close_matches(str(location[-1]), sorted(_fields_at(source, location[:-1])), n=1)
    return close[0] if close else ""


def _is_union_tag(part: str | int) -> bool:
    text = str(part)
    return text in _KINDS or "[" in text or text in ("str", "int", "float", "DeviceChoice", "constrained-int")


def _nearest_literal(item: Any) -> str:
    expected = str(item.get("ctx", {}).get("expected", ""))
    names = [name.strip("'") for name in expected.replace(" or ", ", ").split(", ")]
    return nearest(str(item["input"]), names) if expected else ""


def _fields_at(source: YamlSource, path: tuple[str | int, ...]) -> set[str]:
    models: list[type[BaseModel]] = [_KINDS.get(str(source.values.get("kind")), InMemorySpec)]
    for key in (part for part in path if isinstance(part, str)):  # an item of a list has the fields of all
        found: list[type[BaseModel]] = []
        for model in models:
            field = model.model_fields.get(str(key))
            found += [] if field is None else _models_in(field.annotation)
        models = found
    return {name for model in models for name in model.model_fields}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]
