"""Write the tables of fields in ``docs/architecture.md`` from the models that check architecture files.

    python scripts/document_fields.py            rewrite the tables
    python scripts/document_fields.py --check    only say whether they are up to date

The tables stand between two marker lines; the rest of the page is written by hand.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from chipsim.architecture.spec import InMemorySpec, VonNeumannSpec

PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
START, END = "<!-- fields: start (scripts/document_fields.py) -->", "<!-- fields: end -->"
TITLES = {InMemorySpec: "Fields of kind in-memory", VonNeumannSpec: "Fields of kind von-neumann"}


def sections(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """A model and those inside it, with the dotted path of each in the file."""
    yield path, model
    for name, field in model.model_fields.items():
        for inner in _models_in(field.annotation):
            yield from sections(inner, f"{path}.{name}".lstrip("."))


def meaning(model: type[BaseModel], name: str) -> str:
    """What a field means; a section says so in its docstring.

    Raises
    ------
    KeyError
        If the model does not say.
    """
    field = model.model_fields[name]
    inner = _models_in(field.annotation)
    text = field.description or (_first_line(inner[0]) if inner else "")
    if not text:
        raise KeyError(f"{model.__name__}.{name} has no description in chipsim/architecture/spec.py")
    return text.replace("|", "\\|")


def value(field: FieldInfo) -> str:
    """What may stand in the file, in words."""
    if _models_in(field.annotation) and not _is_choice(field):
        return "section"
    return _words(_adapter(field).json_schema())


def default(field: FieldInfo) -> str:
    """The default as it would stand in a file."""
    if field.is_required():
        return "required"
    given = field.get_default(call_default_factory=True)
    if isinstance(given, BaseModel):
        return "its defaults"
    if given is None or given in ("", {}):
        return "none"
    shown = _adapter(field).dump_python(given, mode="json")
    return f"`{str(shown).lower() if isinstance(shown, bool) else shown}`"


def tables() -> str:
    """All tables, as Markdown."""
    lines: list[str] = []
    seen: dict[type[BaseModel], str] = {}
    for machine, title in TITLES.items():
        lines += [f"## {title}", ""]
        for path, model in sections(machine):
            heading = f"`{path}`" if path else "Top level"
            lines += [f"### {heading}", ""]
            if model in seen:
                lines += [f"As `{seen[model]}` above.", ""]
                continue
            if path:
                seen[model] = path
            lines += [_first_line(model), "", "| field | value | default | meaning |", "|---|---|---|---|"]
            lines += [
                f"| `{name}` | {value(field)} | {default(field)} | {meaning(model, name)} |"
                for name, field in _own_fields(model)
            ]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def page_with_tables(page: str) -> str:
    """The page with the tables between its markers replaced.

    Raises
    ------
    ValueError
        If the page has no markers.
    """
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"{PAGE.name} needs the lines {START!r} and {END!r}")
    return f"{before}{START}\n\n{tables()}\n{END}{after}"


def _own_fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Fields in the order of a file; `source` is the same everywhere and told once in the page."""
    fields = model.model_fields
    first = [name for name in ("schema_version", "kind", "name") if name in fields and "schema_version" in fields]
    for name in [*first, *(name for name in fields if name not in first)]:
        if name != "source":
            yield name, fields[name]


def _adapter(field: FieldInfo) -> TypeAdapter[Any]:
    kind: Any = field.annotation
    return TypeAdapter(Annotated[(kind, *field.metadata)] if field.metadata else kind)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def _is_choice(field: FieldInfo) -> bool:
    """Whether a field may be something else than a section."""
    return len(get_args(field.annotation)) > 1


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _words(schema: dict[str, Any]) -> str:
    if "anyOf" in schema or "oneOf" in schema:
        parts = schema.get("anyOf") or schema["oneOf"]
        return " or ".join(_words(part) for part in parts if part.get("type") != "null")
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{item}`" for item in schema["enum"])
    if "$ref" in schema:
        return "section"
    if schema.get("type") == "string" and "pattern" in schema:
        kind, _, limit = str(schema["description"]).partition(" with its unit, ")
        return f"{kind} > 0" if limit.startswith("greater") else kind
    if schema.get("type") == "array" and "items" in schema:
        return f"list of ({_words(schema['items'])})"
    if schema.get("type") == "array":
        return "list of " + ", ".join(_words(part) for part in schema["prefixItems"])
    if schema.get("type") in ("integer", "number"):
        return _number(schema)
    return {"string": "text", "boolean": "`true`, `false`", "object": "names and values"}[schema["type"]]


def _number(schema: dict[str, Any]) -> str:
    word = "whole number" if schema["type"] == "integer" else "number"
    low, above, high = schema.get("minimum"), schema.get("exclusiveMinimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{word}, {low} to {high}"
    if above is not None:
        return f"{word} > {above}" + (f", up to {high}" if high is not None else "")
    return word if low is None else f"{word} >= {low}"


def main() -> int:
    """Rewrite or check the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if the page is out of date")
    check = parser.parse_args().check
    page = PAGE.read_text(encoding="utf-8")
    wanted = page_with_tables(page)
    if page == wanted:
        print(f"{PAGE.name} is up to date")
        return 0
    if check:
        print(f"{PAGE.name} is out of date: run python scripts/document_fields.py", file=sys.stderr)
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    print(f"{PAGE.name} rewritten")
    return 0


if __name__ == "__main__":
    sys.exit(main())
