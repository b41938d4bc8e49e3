"""`YamlSource`: a YAML file as plain values that remember the line they stand on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from chipsim.errors import SpecError

Path_ = tuple[str | int, ...]
MAX_BYTES = 4_000_000
MOST_LEVELS = 100  # of sections and lists in each other; the parser's time goes with their square


@dataclass(frozen=True, slots=True)
class YamlSource:
    """Plain values of one file and the line of each.

    Attributes
    ----------
    name : str
        The file, for messages.
    values : dict
        Mappings, lists and scalars only.
    lines : dict of path to int
        Line (from 1) of each dotted path, as a tuple of keys.
    overrides : dict of path to str
        Paths that were set from outside the file, with the text that set them.
    """

    name: str
    values: dict[str, Any]
    lines: dict[Path_, int] = field(default_factory=dict)
    overrides: dict[Path_, str] = field(default_factory=dict)

    def where(self, path: Path_) -> str:
        """``file:line`` of a path, or of its nearest parent that stands in the file; the override that set it."""
        below = [text for key, text in self.overrides.items() if key[: len(path)] == path]
        if path and path not in self.lines and below:
            return f"{self.name}, with --set {below[0]}"
        for length in range(len(path), -1, -1):
            if path[:length] in self.overrides:
                return f"{self.name}, with --set {self.overrides[path[:length]]}"
            if path[:length] in self.lines:
                return f"{self.name}:{self.lines[path[:length]]}"
        return f"{self.name}:1"


def read_yaml(path: Path) -> YamlSource:
    """Read a file.

    Raises
    ------
    SpecError
        If it cannot be read, is no YAML mapping, has a key twice or uses aliases.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8")
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise SpecError(f"{path}: is not a text file (UTF-8 expected)") from None
    if len(text) > MAX_BYTES:
        raise SpecError(f"{path}: larger than {MAX_BYTES} bytes; an architecture file is a few hundred lines")
    return parse_yaml(text, str(path))


def parse_yaml(text: str, name: str) -> YamlSource:
    """Parse YAML text; see `read_yaml`."""
    try:
        root = _compose(text, name)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        raise SpecError(f"{where}: not valid YAML: {error.problem or error}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise SpecError(f"{name}: not valid YAML: {error}") from None
    if not isinstance(root, yaml.MappingNode):
        raise SpecError(f"{name}:1: expected fields such as 'kind: in-memory', found none")
    lines: dict[Path_, int] = {}
    values = _plain(root, (), name, lines)
    return YamlSource(name, values, lines)


def _compose(text: str, name: str) -> yaml.Node | None:
    """The text's nodes, from libyaml where that is there and finds no fault; faults are told in PyYAML's own words."""
    if yaml.__with_libyaml__:
        try:
            _check_events(text, name, yaml.CSafeLoader)
            return yaml.compose(text, Loader=yaml.CSafeLoader)
        except yaml.YAMLError:
            pass
    _check_events(text, name, yaml.SafeLoader)
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _check_events(text: str, name: str, loader: type[yaml.SafeLoader | yaml.CSafeLoader]) -> None:
    """Refuse what could make a short text long, or its reading endless."""
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            raise SpecError(f"{name}: uses YAML aliases (*name); write the values out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_LEVELS:
            where = f"{name}:{event.start_mark.line + 1}" if event.start_mark else name
            raise SpecError(
                f"{where}: not valid YAML for chipsim: more than {MOST_LEVELS} sections or lists in each other"
            )


def _plain(node: yaml.Node, path: Path_, name: str, lines: dict[Path_, int]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return dict(_items(node, path, name, lines))
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, index), name, lines) for index, item in enumerate(node.value)]
    try:
        return SafeConstructor().construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError) as error:
        problem = getattr(error, "problem", None) or error
        raise SpecError(f"{name}:{node.start_mark.line + 1}: {problem}") from None


def _items(node: yaml.MappingNode, path: Path_, name: str, lines: dict[Path_, int]) -> Iterator[tuple[str, Any]]:
    first_seen: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise SpecError(f"{name}:{line}: a field's name must be text")
        key = str(key_node.value)
        if key in first_seen:
            dotted = ".".join(map(str, (*path, key)))
            raise SpecError(f"{name}:{line}: {dotted}: given twice (first on line {first_seen[key]}); keep one")
        first_seen[key] = line
        lines[(*path, key)] = line
        yield key, _plain(value_node, (*path, key), name, lines)
