"""`load_model`: an ONNX file as a checked message, or a `ModelError` that says what to do."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto, helper

from chipsim.errors import ModelError
from chipsim.network.external_data import load_external_data
from chipsim.network.local_functions import inline_functions
from chipsim.network.operand_types import check_operand_types
from chipsim.network.stored_tensors import bytes_of, elements, first_line, in_words, label_of, stored_tensors
from chipsim.network.unknown_operators import check_known

OLDEST_OPSET = 7
MOST_BYTES = 2**31 - 1  # of a message of protobuf
LARGE_TENSOR = 1024  # elements; larger weights are left out where only shapes matter


def load_model(source: bytes | Path, name: str) -> tuple[onnx.ModelProto, str]:
    """Read and check an ONNX model.

    Parameters
    ----------
    source : bytes or Path
        The file's content or its path.
    name : str
        What messages call the model.

    Returns
    -------
    model : onnx.ModelProto
        With external data loaded and functions inlined.
    sha256 : str
        Hash of the file as given.

    Raises
    ------
    ModelError
        If the file is missing, truncated, not ONNX, without a graph, too old, not sorted, or lacks weights, or types do
        not fit together.
    UnsupportedOperatorError
        If a function of the model is written with another version of operators.
    """
    content = source if isinstance(source, bytes) else _read(source, name)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        raise ModelError(f"{name}: not an ONNX file, or a truncated one; export or download it again") from None
    if not model.graph.node:
        raise ModelError(f"{name}: holds no graph, so it is not an ONNX file or was cut off; export it again")
    if not model.graph.output:
        raise ModelError(f"{name}: has no output, so nothing tells what it is to compute; export it with one")
    _check_size(model, name)
    load_external_data(model, source.parent if isinstance(source, Path) else None, name)
    model = inline_functions(model, name)
    _check_order(model.graph, name)
    _check_versions(model, name)
    check_known(model, name)
    _check(model, name)
    return model, hashlib.sha256(content).hexdigest()


def _check_size(model: onnx.ModelProto, name: str) -> None:
    """Weights and the model that holds them must fit into one message of protobuf."""
    sizes = {t.name: bytes_of(t) for part in (model.graph, *model.functions) for t in stored_tensors(part)}
    total = sum(sizes.values())
    if total <= MOST_BYTES:
        return
    largest = max(sizes, key=lambda key: sizes[key])
    where = in_words(model, largest)
    raise ModelError(
        f"{name}: its weights take {total / 2**30:.1f} GiB, {where} {sizes[largest] / 2**30:.1f} GiB "
        "of them, and chipsim reads 2 GiB at most, weights in files of their own included; split it, or export it with "
        "smaller weights"
    )


def _check_versions(model: onnx.ModelProto, name: str) -> None:
    """Of the operators, and of the file's format (IR)."""
    if model.ir_version > onnx.IR_VERSION:
        raise ModelError(
            f"{name}: has IR version {model.ir_version}, newer than the installed onnx package knows; export it for IR "
            f"version {onnx.IR_VERSION} or older (onnx.helper.make_model takes ir_version), or update the package"
        )
    if (opset := opset_of(model)) < OLDEST_OPSET:
        raise ModelError(
            f"{name}: uses opset {opset}; export it with opset {OLDEST_OPSET} or newer (13 to 21 are common)"
        )
    if opset > (newest := onnx.defs.onnx_opset_version()):
        raise ModelError(
            f"{name}: uses opset {opset}, newer than the installed onnx package knows; export it with opset {newest} "
            "or older, or update the package"
        )


def opset_of(model: onnx.ModelProto) -> int:
    """Version of ONNX's own operators that the model uses."""
    return next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1)


def _read(path: Path, name: str) -> bytes:
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a device may never end
            raise ModelError(f"{name}: {path} is no file")
        if path.is_file() and path.stat().st_size > MOST_BYTES:
            raise ModelError(
                f"{name}: {path} has {path.stat().st_size / 2**30:.1f} GiB, and chipsim reads 2 GiB at most, weights "
                "in files of their own included; split it, or export it with smaller weights"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{name}: there is no file {path}; check the path") from None
    except OSError as error:
        raise ModelError(f"{name}: cannot read {path}: {error.strerror}") from None


def _check_order(graph: onnx.GraphProto, name: str) -> None:
    """Every value must be an input, a weight or the output of an earlier node."""
    known = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer} | {""}
    later = {value for node in graph.node for value in node.output}
    for node in graph.node:
        for value in node.input:
            if value in known:
                continue
            label = f"node {label_of(node)!r} ({node.op_type})"
            if value in later:
                raise ModelError(
                    f"{name}: {label} reads {value!r} before it is made: "
                    "the graph is cyclic or not sorted; export it again"
                )
            raise ModelError(
                f"{name}: {label} reads {value!r}, which is missing from the file; export it with its weights"
            )
        known.update(node.output)
    for output in graph.output:
        if output.name not in known:
            raise ModelError(f"{name}: nothing makes the output {output.name!r}; export it again")


def _check(model: onnx.ModelProto, name: str) -> None:
    """Have ONNX's checker look at everything but the content of large weights."""
    if model.graph.sparse_initializer:
        raise ModelError(f"{name}: holds sparse weights; convert them to dense ones")
    slim = onnx.ModelProto()
    slim.ir_version = max(model.ir_version, 8)  # from 4 on a weight need not be an input too
    slim.opset_import.extend(model.opset_import)
    slim.graph.name = model.graph.name or "graph"
    slim.graph.node.extend(node for node in model.graph.node if not _carries_large_tensor(node))
    slim.graph.input.extend(model.graph.input)
    for value in slim.graph.input:
        value.type.tensor_type.shape.SetInParent()  # some exporters leave them out
    for output in model.graph.output:  # some exporters leave their shapes out
        slim.graph.output.append(helper.make_tensor_value_info(output.name, TensorProto.FLOAT, []))
    inputs = {value.name for value in model.graph.input}
    skipped = [v for node in model.graph.node if _carries_large_tensor(node) for v in node.output]
    for tensor in model.graph.initializer:
        if elements(tensor) <= LARGE_TENSOR:
            slim.graph.initializer.append(tensor)
        elif tensor.name not in inputs:
            slim.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    for value in skipped:
        slim.graph.input.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, []))
    try:
        onnx.checker.check_model(slim)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise ModelError(f"{name}: not a valid ONNX model: {_checkers_words(error)}") from None
    check_operand_types(slim, _left_out(model), name)


def _checkers_words(error: Exception) -> str:
    """What ONNX's checker says, in one line that begins with the node."""
    what, _, context = str(error).partition("==> Context: Bad node spec for node. Name:")
    found = re.match(r"\s*(.*?)\s*OpType:\s*(\w+)", context)
    if not found:
        return first_line(error)
    node = f"node {found[1]!r} ({found[2]})" if found[1] else f"a node without a name ({found[2]})"
    return f"{node}: {' '.join(what.split())}"


def _left_out(model: onnx.ModelProto) -> dict[str, int]:
    """What nodes make that carry large tensors, and of which type: 0 where only the operator knows."""
    return {
        value: node.attribute[0].t.data_type if node.op_type == "Constant" else 0
        for node in model.graph.node
        if _carries_large_tensor(node)
        for value in node.output
    }


def _carries_large_tensor(node: onnx.NodeProto) -> bool:
    return any(a.HasField("t") and elements(a.t) > LARGE_TENSOR for a in node.attribute)
