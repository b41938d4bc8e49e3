"""A plan as a file that a person can read and edit, JSON or YAML: `write_plan` and `read_plan_file`.

The file says for each block of each layer's matrices on which tile it sits; how matrices are cut into blocks follows
from the chip's crossbars.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chipsim.architecture.yaml_source import YamlSource, parse_yaml
from chipsim.errors import InputError, nearest
from chipsim.files import no_pipe, write_atomically
from chipsim.mapping.plan import PlacedBlock, Plan
from chipsim.network.graph import Network

ENDINGS = (".json", ".yaml", ".yml")
MOST_BYTES = 50_000_000
Number = Annotated[int, Field(ge=0, strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileBlock(_Part):
    """Where one block sits: which of the layer's matrices, which copy, which row and column of blocks, which tile.

    ``crossbar`` is one of the tile's arrays, ``first_row`` and ``first_column`` are where on it the cells begin.
    """

    matrix: Number = 0
    replica: Number = 0
    row: Number
    column: Number
    tile: str
    crossbar: Number = 0
    first_row: Number = 0
    first_column: Number = 0


class FileLayer(_Part):
    """One layer on tiles."""

    layer: str
    replicas: Annotated[int, Field(ge=1, strict=True)] = 1
    blocks: tuple[FileBlock, ...]


class FileNetwork(_Part):
    """For which network the mapping is."""

    name: str = ""
    sha256: str


class FileChip(_Part):
    """For which chip the mapping is; a chip of another name will do if it has the tiles."""

    name: str = ""
    crossbar: tuple[int, int]


class PlanFile(_Part):
    """The content of a file."""

    schema_version: Literal[1]
    kind: Literal["mapping"]
    strategy: str = ""
    network: FileNetwork
    chip: FileChip
    layers: tuple[FileLayer, ...]
    digital_units: dict[str, str] = {}


def network_sha256(network: Network) -> str:
    """Hash of what a mapping depends on: layers, who reads whom, and sizes of matrices; not the weights."""
    found = [
        [
            layer.name, list(layer.inputs), list(layer.output_shape),
            [[matrix.rows, matrix.columns] for matrix in getattr(layer, "matrices", ())],
        ]
        + [each for each in (getattr(layer, "shares", ""),) if each]
        for layer in network.layers.values()
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


def plan_data(plan: Plan, strategy: str = "") -> dict[str, Any]:
    """A plan as the file holds it."""
    crossbar = plan.chip.spec.tile.crossbar
    return {
        "schema_version": 1,
        "kind": "mapping",
        "strategy": strategy,
        "network": {"name": plan.network.name, "sha256": network_sha256(plan.network)},
        "chip": {"name": plan.chip.spec.name, "crossbar": [crossbar.rows, crossbar.columns]},
        "layers": [
            {
                "layer": name,
                "replicas": layer.replicas,
                "blocks": [_block(placed) for placed in layer.blocks],
            }
            for name, layer in plan.layers.items()
            if layer.stored_blocks
        ],
        "digital_units": dict(plan.digital_units),
    }


def _block(placed: PlacedBlock) -> dict[str, Any]:
    """One line; what is as usual is left out."""
    line: dict[str, Any] = {
        "matrix": placed.matrix,
        "replica": placed.replica.number,
        "row": placed.block.row,
        "column": placed.block.column,
        "tile": placed.tile,
    }
    place = {name: getattr(placed, name) for name in ("crossbar", "first_row", "first_column")}
    return line | {name: value for name, value in place.items() if value}


def plan_sha256(plan: Plan) -> str:
    """Hash of where everything is, whoever decided it."""
    return hashlib.sha256(json.dumps(plan_data(plan)).encode()).hexdigest()


def write_plan(plan: Plan, path: Path, strategy: str = "") -> None:
    """Write a plan, as YAML or JSON as the name ends; one line for each block.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    data = plan_data(plan, strategy)
    text = yaml.safe_dump(data, sort_keys=False, width=120) if path.suffix in ENDINGS[1:] else _json(data)
    write_atomically(path, lambda file: file.write_text(text, encoding="utf-8"))


def is_plan_file(name: str) -> bool:
    """Whether the name of a mapping is that of a file.

    Examples
    --------
    >>> is_plan_file("mine.yaml"), is_plan_file("in-order")
    (True, False)
    """
    return name.endswith(ENDINGS)


def read_plan_file(path: Path) -> tuple[PlanFile, Callable[[tuple[str | int, ...]], str]]:
    """Read a file, and have for each path in it the words for a message: ``file:line: dotted.path``.

    Raises
    ------
    InputError
        With file, line, dotted path, what is wrong and the nearest name.
    """
    text = _text(path)
    parsed: list[YamlSource] = []

    def where(location: tuple[str | int, ...]) -> str:
        if not parsed:  # JSON is YAML; lines are looked up only where they are needed
            parsed.append(parse_yaml(text, str(path)))
        return f"{parsed[0].where(location)}: {'.'.join(map(str, location))}"

    try:
        if path.suffix == ".json":
            values = json.loads(text, object_pairs_hook=_once)
        else:
            parsed.append(parse_yaml(text, str(path)))
            values = parsed[0].values
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not valid JSON: {error.msg}") from None
    except RecursionError:
        raise InputError(f"{path}: too many lists inside each other; write it as chipsim map --out does") from None
    except ValueError as error:  # a key twice, a number of thousands of digits
        raise InputError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}:1: expected a mapping, as chipsim map --out writes it, found none")
    if values.get("kind") == "rounds":
        raise InputError(
            f"{where(('kind',))}: rounds, as chipsim map --reload writes them to be read, are no mapping: which round "
            "a layer is in follows from network and chip; give --reload instead of --mapping"
        )
    try:
        return PlanFile.model_validate(values), where
    except ValidationError as error:
        raise InputError("\n".join(_explain(item, where) for item in error.errors()[:5])) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A section of JSON, in which each key may stand once."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key} is given twice in one section; keep one")
        found[key] = value
    return found


def _text(path: Path) -> str:
    try:
        with no_pipe(path).open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"mapping {path} cannot be read ({error.strerror or error})") from None
    if len(raw) > MOST_BYTES:
        raise InputError(f"mapping {path} is larger than {MOST_BYTES} bytes")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"mapping {path} is not a text file (UTF-8 expected)") from None


def _explain(item: Any, where: Callable[[tuple[str | int, ...]], str]) -> str:
    if item["type"] == "extra_forbidden":
        known = [name for part in (PlanFile, FileLayer, FileBlock, FileNetwork, FileChip) for name in part.model_fields]
        return f"{where(item['loc'])}: unknown field{nearest(str(item['loc'][-1]), known)}"
    if item["type"] == "missing":
        return f"{where(item['loc'])}: is missing"
    return f"{where(item['loc'])}: {item['msg'].lower()}, got {item['input']!r}"


def _json(data: dict[str, Any]) -> str:
    """JSON with one line for each block."""
    layers = [
        '    {{"layer": {}, "replicas": {}, "blocks": [\n      {}\n    ]}}'.format(
            json.dumps(layer["layer"]),
            layer["replicas"],
            ",\n      ".join(json.dumps(each) for each in layer["blocks"]),
        )
        for layer in data["layers"]
    ]
    rest = {key: value for key, value in data.items() if key not in ("layers", "digital_units")}
    head = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in rest.items())
    units = ",\n".join(f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in data["digital_units"].items())
    joined = ",\n".join(layers)
    return f'{{\n{head},\n  "layers": [\n{joined}\n  ],\n  "digital_units": {{\n{units}\n  }}\n}}\n'
