"""`read_result`: what ``result.json`` of a run says, checked as far as `explain` needs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chipsim.errors import InputError
from chipsim.files import no_pipe
from chipsim.result import SCHEMA_VERSION

Count = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    """Fields that are read; others may stand beside them. What older versions did not write has a default."""

    model_config = ConfigDict(strict=True, frozen=True)


class _Named(_Part):
    name: str


class _Chip(_Named):
    latency_first_input_s: float
    max_inputs_in_flight: Count
    reloading: dict[str, Any] | None = None


class _Network(_Named):
    input_shape: list[Count] | None = None


class _Mapping(_Part):
    sha256: str


class _ChipSettings(_Part):
    age_s: float
    architecture: str
    precision: str
    set: list[str]
    timing_only: bool
    mapping: str | None = None


class _Stream(_Part):
    arrivals: str | None
    batch: Count
    data: str
    drain: bool
    inputs: Count
    load_programming: str | None
    model: str
    replicas: list[str]


class _Settings(_ChipSettings, _Stream):
    pass


class _Hashes(_Part):
    architecture: str
    data: str | None
    model: str


class _One(_Part):
    settings: _Settings
    input_hashes: _Hashes
    chip: _Chip
    network: _Network
    seed: Annotated[int, Field(ge=0)]
    mapping: _Mapping = _Mapping(sha256="")


class _BesideSettings(_Stream):
    load_programming: str | None = None
    shapes: list[str]


class _BesideNetwork(_Named):
    input_shape: list[Count]


class _Beside(_Part):
    label: str
    makespan_s: float
    network: _BesideNetwork
    settings: _BesideSettings


class _HashesOfSeveral(_Part):
    architecture: str
    data: list[str | None]
    models: list[str]


class _Several(_Part):
    settings: _ChipSettings
    input_hashes: _HashesOfSeveral
    chip: _Named
    seed: Annotated[int, Field(ge=0)]
    networks: Annotated[list[_Beside], Field(min_length=1)]


FILE = "result.json"


def folder_of(path: Path) -> Path:
    """The folder of a run's result, of which the file in it may be given as well.

    Examples
    --------
    >>> str(folder_of(Path("results/result.json"))), str(folder_of(Path("results")))
    ('results', 'results')
    """
    return path.parent if path.name == FILE and not path.is_dir() else path


def read_result(folder: Path) -> dict[str, Any]:
    """What a run has written.

    Parameters
    ----------
    folder : Path
        That ``chipsim run --out`` wrote.

    Raises
    ------
    InputError
        If there is no result, or it is partial or of another version, or was changed so that it says nothing.
    """
    path = folder / FILE
    again = f"run again with chipsim run --out {folder}"
    try:
        data = json.loads(no_pipe(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error}); give the folder that chipsim run --out wrote, "
            f"or the {FILE} in it"
        ) from None
    except RecursionError:
        raise InputError(f"{path} is no result (too many lists inside each other); {again}") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); {again}") from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema_version {version!r}; this chipsim explains results of version {SCHEMA_VERSION}: "
            "run again"
        )
    if data.get("partial"):
        raise InputError(f"{path} is of a run that was interrupted; run it to its end and explain that")
    _check(data, path, again)
    return data  # type: ignore[no-any-return]


def _check(data: dict[str, Any], path: Path, again: str) -> None:
    try:
        checked = (_Several if "networks" in data else _One).model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        if first["type"] == "missing":
            raise InputError(f"{path} has no {field!r}; {again}") from None
        wrong = first["msg"].removeprefix("Input ")
        raise InputError(f"{path}: {field} {wrong}, not {first['input']!r:.60}; {again}") from None
    if isinstance(checked, _Several):
        hashes, count = checked.input_hashes, len(checked.networks)
        if not len(hashes.models) == len(hashes.data) == count:
            raise InputError(f"{path}: input_hashes must have models and data of {count} networks each; {again}")
