"""`load_external_data`: weights that stand in files beside the model."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, external_data_helper

from chipsim.errors import ModelError
from chipsim.network.stored_tensors import bytes_of, first_line, in_words, stored_tensors

_PACKED = ("INT4", "INT2", "FLOAT4E2M1")
"""Ends of the names of types of which a byte holds several."""
_AGAIN = "export the model again, or copy its data again"


def load_external_data(model: onnx.ModelProto, folder: Path | None, name: str) -> None:
    """Fetch weights that stand in files beside the model, none outside its folder.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed.
    folder : Path or None
        Where the model's file is.
    name : str
        What messages call the model.

    Raises
    ------
    ModelError
        If a file is missing, outside the folder or too short.
    """
    found = [t for part in (model.graph, *model.functions) for t in stored_tensors(part)]
    external = [t for t in found if t.data_location == TensorProto.EXTERNAL]
    for tensor in external:
        whose = f"{name}: {in_words(model, tensor.name)}"
        path = _path_of(tensor, folder, whose)
        _check_range(tensor, path, whose)
    if external and folder is not None:
        try:
            external_data_helper.load_external_data_for_model(model, str(folder))
        except (ValueError, OSError, onnx.checker.ValidationError) as error:
            raise ModelError(f"{name}: its external data cannot be read: {first_line(error)}; {_AGAIN}") from None


def _entry(tensor: TensorProto, key: str) -> str:
    return next((entry.value for entry in tensor.external_data if entry.key == key), "")


def _path_of(tensor: TensorProto, folder: Path | None, whose: str) -> Path:
    where = _entry(tensor, "location")
    if folder is None:
        raise ModelError(f"{whose} stands in a file of its own; give the model's path")
    if "\0" in where:
        raise ModelError(f"{whose} refers to {where!r}, which names no file; export it again")
    path = (folder / where).resolve()
    if not where or Path(where).is_absolute() or not path.is_relative_to(folder.resolve()):
        raise ModelError(
            f"{whose} refers to {where!r}, outside the model's folder; save the model with its data beside it"
        )
    if not path.is_file():
        raise ModelError(
            f"{whose}: its data should be in {path}, which is not there; copy that file beside the model, or export "
            "the model again"
        )
    return path


def _check_range(tensor: TensorProto, path: Path, whose: str) -> None:
    """The part of the file that is the tensor's must be in it, and fill its shape."""
    first, length = (_number(tensor, key, whose) for key in ("offset", "length"))
    first, size = first or 0, path.stat().st_size
    if first + (length or 0) > size:
        end = f" to {first + length:,}" if length else ""
        raise ModelError(f"{whose} takes bytes {first:,}{end} of {path}, which has {size:,}; {_AGAIN}")
    held, needed = size - first if length is None else length, bytes_of(tensor)
    if held < needed and not TensorProto.DataType.Name(tensor.data_type).endswith(_PACKED):
        raise ModelError(
            f"{whose} of shape {tuple(tensor.dims)} needs {needed:,} bytes, but {path} has {held:,} for it, from byte "
            f"{first:,} on; {_AGAIN}"
        )


def _number(tensor: TensorProto, key: str, whose: str) -> int | None:
    text = _entry(tensor, key)
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise ModelError(f"{whose} has the {key} {text!r} in its file of data, which must be a whole number; {_AGAIN}")
    return int(text)
