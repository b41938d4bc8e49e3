"""`kept_values`: what a loop or condition gives that runs whole, since its turns or its branch depend on data."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.constants import Constant
from chipsim.network.dataflow import Dataflow, Kept
from chipsim.network.free_batch import free_batch
from chipsim.network.stored_tensors import label_of
from chipsim.network.tried import DRAWS, tried


def kept_values(
    start: Dataflow, nodes: Sequence[onnx.NodeProto], constants: Mapping[str, Constant]
) -> dict[str, Kept | None]:
    """Shapes of what the last of some nodes gives, found by trying it both ways.

    A loop does not turn, and turns once and twice; a condition is true and false; the data are zeros and not.

    Parameters
    ----------
    start : Dataflow
        What is known of the inputs, and of nodes that were kept before.
    nodes : sequence of onnx.NodeProto
        The last is a Loop, an If or a Scan; or any other, that may read what depends on data.
    constants : mapping of str to ndarray

    Returns
    -------
    dict of str to Kept or None
        None where numbers of axes differ; sizes that do are open, as is that of what a loop collects turn by turn.

    Raises
    ------
    ModelError
        If it cannot run in any of these ways.
    UnsupportedOperatorError
        If it gives something else than tensors.
    """
    node = nodes[-1]
    wanted = [value for value in node.output if value]
    states = len(node.input) - 2 if node.op_type == "Loop" else len(node.output)
    collected = {value for value in node.output[states:] if value}
    flow = start.with_nodes(nodes, constants, wanted)
    flow = flow if start.batch in (None, 1) else free_batch(flow)
    results = list(_results(flow, node, wanted))
    return {
        value: _collected(flow, node, results, value) if value in collected else _common(flow, node, results, value)
        for value in wanted
    }


def _common(flow: Dataflow, node: onnx.NodeProto, results: Sequence[Mapping[str, Any]], value: str) -> Kept | None:
    """What all runs agree on."""
    made = [result[value] for result in results]
    if any(not isinstance(each, np.ndarray) for each in made):
        raise UnsupportedOperatorError(
            f"{flow.name}: node {label_of(node)!r} ({node.op_type}) depends on data and gives {value!r}, a "
            "sequence of tensors; export the model with tensors"
        )
    if len({each.ndim for each in made}) > 1:
        return None
    sizes = zip(*(each.shape for each in made), strict=True)
    return Kept(tuple(each[0] if len(set(each)) == 1 else None for each in sizes), str(made[0].dtype))


def _collected(flow: Dataflow, node: onnx.NodeProto, results: Sequence[Mapping[str, Any]], value: str) -> Kept | None:
    """What a loop collects has as many rows as it has turned; without a turn nobody knows how long they are."""
    turned = [result for result in results if result[value].size]
    if not turned:
        return None
    rows = _common(flow, node, turned, value)
    return None if rows is None else Kept((None, *rows.shape[1:]), rows.dtype)


def _results(flow: Dataflow, node: onnx.NodeProto, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """Of all ways that can be run."""
    failed: ModelError | None = None
    results = []
    for draw, way in itertools.product(DRAWS[:2], (0, 1, 2) if node.op_type == "Loop" else (0, 1)):
        turns, decided = (way, (node, True)) if node.op_type == "Loop" else (1, (node, bool(way)))
        try:
            results.append(
                tried(flow, wanted, draw=draw, turns=turns, decided=decided if node.op_type in ("If", "Loop") else None)
            )
        except ModelError as error:
            failed = failed or error
    if not results and failed is not None:
        raise failed
    return results
