"""`load_spec`: an architecture by name or path, with overrides, as a checked specification."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from chipsim.architecture.spec import InMemorySpec, Spec, VonNeumannSpec
from chipsim.architecture.spec_errors import explain
from chipsim.architecture.yaml_source import YamlSource, read_yaml
from chipsim.device import get_device
from chipsim.errors import SpecError, nearest

_ADAPTER: TypeAdapter[InMemorySpec | VonNeumannSpec] = TypeAdapter(Spec)
AnySpec = InMemorySpec | VonNeumannSpec


def preset_folder() -> Path:
    """Folder of the architectures that come with chipsim: in the wheel, or beside the package in a checkout."""
    packaged = Path(str(resources.files("chipsim"))) / "_architectures"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "architectures"


def list_architectures() -> list[str]:
    """Names of the architectures that come with chipsim.

    Examples
    --------
    >>> "hermes64" in list_architectures()
    True
    """
    return sorted(path.stem for path in preset_folder().glob("*.yaml"))


def find_architecture(name_or_path: str | Path) -> Path:
    """The file of an architecture given by name or path.

    Raises
    ------
    SpecError
        If there is no such file or preset.
    """
    text = str(name_or_path)
    preset = preset_folder() / f"{text}.yaml"
    if "/" not in text and "\\" not in text and _is_file(preset):
        return preset
    path = Path(text)
    if _is_file(path):
        return path
    names = list_architectures()
    raise SpecError(f"architecture {text!r} is neither a file nor one of {', '.join(names)}{nearest(text, names)}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than the file system allows
        return False


def load_spec(name_or_path: str | Path, overrides: Sequence[str] = ()) -> AnySpec:
    """Read and check an architecture.

    Parameters
    ----------
    name_or_path : str or Path
        ``"hermes64"`` or a YAML file.
    overrides : sequence of str
        ``"path.to.field=value"``, the value as it would stand in the file.

    Returns
    -------
    InMemorySpec or VonNeumannSpec

    Raises
    ------
    SpecError
        With file, line, dotted path, the value given, what is allowed and the nearest name.

    Examples
    --------
    >>> load_spec("hermes64", ["grid.shape=[4,4]"]).grid.shape
    (4, 4)
    """
    source = read_yaml(find_architecture(name_or_path))
    for text in overrides:
        source = _override(source, text)
    return check_spec(source)


def check_spec(source: YamlSource) -> AnySpec:
    """Turn the values of a file into a specification; see `load_spec`."""
    try:
        spec = _ADAPTER.validate_python(source.values)
    except ValidationError as error:
        raise SpecError("\n".join(explain(error, source))) from None
    if isinstance(spec, InMemorySpec):
        _check_device(spec, source)
    return spec


def _check_device(spec: InMemorySpec, source: YamlSource) -> None:
    """Make the device model once, so that a wrong name or parameter is found where it stands."""
    crossbar = spec.tile.crossbar
    try:
        get_device(crossbar.device_name, **crossbar.device_parameters)
    except SpecError as error:
        raise SpecError(f"{source.where(('tile', 'crossbar', 'device'))}: tile.crossbar.device: {error}") from None


def json_schema() -> dict[str, Any]:
    """JSON Schema of an architecture file, for completion in editors."""
    schema = _ADAPTER.json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "chipsim architecture", **schema}


def spec_hash(spec: AnySpec) -> str:
    """SHA-256 of the checked specification, overrides included."""
    text = json.dumps(spec.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _override(source: YamlSource, text: str) -> YamlSource:
    path_text, equals, value_text = text.partition("=")
    keys = path_text.strip().split(".")
    if not equals or not all(keys):
        raise SpecError(f"override {text!r} is not of the form path.to.field=value")
    try:
        value = yaml.safe_load(value_text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise SpecError(f"override {text!r}: the value {value_text!r} is not valid YAML") from None
    path = tuple(keys)
    return replace(
        source,
        values=_with(source.values, keys, value, text),
        lines={known: line for known, line in source.lines.items() if known[: len(path)] != path},
        overrides={known: by for known, by in source.overrides.items() if known[: len(path)] != path} | {path: text},
    )


def _with(values: Any, keys: list[str], value: Any, text: str) -> Any:
    if not isinstance(values, dict):
        # `device: pcm` may be refined to `device.parameters.x=...`
        if isinstance(values, str) and keys[0] in ("model", "parameters"):
            values = {"model": values}
        else:
            raise SpecError(f"override {text!r}: {keys[0]!r} is below a field that has no fields of its own")
    child = value if len(keys) == 1 else _with(values.get(keys[0], {}), keys[1:], value, text)
    return {**values, keys[0]: child}
