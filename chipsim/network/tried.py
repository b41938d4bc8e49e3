"""`tried`: what comes out of a graph whose loops are cut short and whose conditions are decided, on made-up data.

Loops whose turns depend on data may never end on the data at hand; cut short they give values of the same kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.constants import Constant
from chipsim.network.dataflow import Dataflow, DataInput
from chipsim.network.digital import open_session
from chipsim.network.inner_values import inner_graphs
from chipsim.network.stored_tensors import first_line
from chipsim.streams import stream

_TURNS, _GO = "chipsim/turns", "chipsim/go"
DRAWS = (0, 1, 2)
"""Of made-up data: nothing, standard normal values, larger ones that are all positive."""
_LARGE = 4
_OTHER_BATCH = (
    "; the file is made for {} inputs at once, and here each comes alone: export it with a batch that is left open, or "
    "with one example (docs/bring_your_own.md)"
)


MISSING = r"NOT_IMPLEMENTED|Type 'tensor\((bfloat16|double)\)'|does not support double|element type mismatch|Numpy type"
"""What ONNX Runtime says of types that it has no operators for."""


def made_up(given: DataInput, draw: int = 1) -> Constant:
    """Values of an input, batch of one included, in its type: 0 gives zeros, 1 standard normal ones, 2 larger ones."""
    shape = (1, *given.shape)
    if not draw:
        return np.zeros(shape, given.dtype)
    drawn = stream(0, "made up", given.name).standard_normal(shape, np.float32)
    if draw > 1:
        drawn = np.abs(drawn) * np.float32(_LARGE)
    if given.dtype == "bool":
        return drawn > 0
    return (np.abs(drawn) if given.dtype.startswith("u") else drawn).astype(given.dtype)


def tried(
    flow: Dataflow, values: Sequence[str], *, draw: int = 0, turns: int = 1,
    decided: tuple[onnx.NodeProto, bool] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Values of one run.

    Parameters
    ----------
    flow : Dataflow
    values : sequence of str
        What is asked for.
    draw : int
        One of `DRAWS`, of the inputs.
    turns : int
        That every loop takes at most.
    decided : (onnx.NodeProto, bool), optional
        A loop or condition of the graph, and whether it begins, or which branch it takes.

    Returns
    -------
    dict of str to ndarray
        Or to a list, of a sequence of tensors.

    Raises
    ------
    ModelError
        If onnxruntime cannot run it.
    UnsupportedOperatorError
        If that is because of bfloat16 or float64.
    """
    feeds = {given.name: made_up(given, draw) for given in flow.inputs}
    for stored in (False, True):  # large weights are handed over as inputs, and stored where that fails
        model = flow.model(batch=1, weights=stored, functions=True)
        _cut_short(model, turns, decided)
        model.graph.ClearField("output")
        model.graph.output.extend(onnx.ValueInfoProto(name=value) for value in values)
        needed = [given.name for given in model.graph.input]
        try:
            session = open_session(model.SerializeToString())
            results = session.run(list(values), {name: (feeds | flow.constants)[name] for name in needed})
        except Exception as error:  # onnxruntime's exceptions share no base class
            if stored:
                raise _failure(flow, first_line(error)) from error
        else:
            break
    return dict(zip(values, results, strict=True))


def _failure(flow: Dataflow, reason: str) -> ModelError | UnsupportedOperatorError:
    """Types that ONNX Runtime has no operators for, nodes that it does not take, or else sizes."""
    kinds = {given.dtype for given in flow.inputs} | {str(value.dtype) for value in flow.constants.values()}
    kind = next((kind for kind in ("bfloat16", "float64") if kind in kinds), "")
    if kind and re.search(MISSING, reason):
        return UnsupportedOperatorError(
            f"{flow.name}: a part of it depends on data and must run as it stands, in {kind}, for which ONNX Runtime "
            f"has not all operators ({reason}); convert the model to float32"
        )
    if re.search("NOT_IMPLEMENTED|Exception during initialization", reason):
        return ModelError(f"{flow.name}: ONNX Runtime does not take one of its nodes: {reason}")
    hint = "" if flow.batch in (None, 1) else _OTHER_BATCH.format(flow.batch)
    return ModelError(f"{flow.name}: its sizes do not fit together: {reason}{hint}")


def _cut_short(model: onnx.ModelProto, turns: int, decided: tuple[onnx.NodeProto, bool] | None) -> None:
    """Give every loop a number of turns, and decide a condition."""
    for part in (model.graph, *model.functions):
        loops = [node for node in _all(part.node) if node.op_type == "Loop"]
        for node in loops:
            node.input[0] = _TURNS
        if loops:
            _begin_with(part, _TURNS, np.array(turns, np.int64))
    if decided is None:
        return
    given, going = decided
    node = next(each for each in model.graph.node if list(each.output) == list(given.output))
    if node.op_type == "Loop" and len(node.input) < 2:
        return
    node.input[0 if node.op_type == "If" else 1] = _GO
    _begin_with(model.graph, _GO, np.array(going))


def _begin_with(part: onnx.GraphProto | onnx.FunctionProto, name: str, value: Constant) -> None:
    """Add a constant in front."""
    nodes = [helper.make_node("Constant", [], [name], name, value=numpy_helper.from_array(value)), *part.node]
    del part.node[:]
    part.node.extend(nodes)


def _all(nodes: Sequence[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for graph in inner_graphs(node):
            yield from _all(graph.node)
