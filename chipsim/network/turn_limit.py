"""`limited`: what runs whole, with an end to loops that their conditions never end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from chipsim.network.inner_values import inner_graphs

MOST_TURNS_RUN = 1_000_000
"""Of one loop, for one input: an assumption, a hundred times what is written out, and seconds in ONNX Runtime."""
GUARD = "chipsim/too many turns"
"""What the nodes are called that fail behind them."""
WHY = (
    f"a loop in it takes more than {MOST_TURNS_RUN:,} turns for one input, so its condition may never end it; give it "
    "a trip count, or other inputs"
)


def limited(function: onnx.FunctionProto) -> onnx.FunctionProto:
    """The same function, which fails at a node called `GUARD` where a loop, at any depth, takes too many turns.

    Parameters
    ----------
    function : onnx.FunctionProto

    Returns
    -------
    onnx.FunctionProto
        Values of loops that end are the same.
    """
    found = onnx.FunctionProto()
    found.CopyFrom(function)
    _limit(found.node, count())
    return found


def is_too_long(error: Exception) -> bool:
    """Whether onnxruntime failed since a loop took too many turns."""
    return GUARD in str(error)


def run_stoppable(
    session: onnxruntime.InferenceSession, names: Sequence[str] | None, feeds: Mapping[str, Any]
) -> list[Any]:
    """Run a session beside this thread, which Ctrl-C reaches: loops inside it end then."""
    options = onnxruntime.RunOptions()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(session.run, names, dict(feeds), options)
        try:
            return list(running.result())
        except KeyboardInterrupt:
            options.terminate = True
            raise


def _limit(nodes: Sequence[onnx.NodeProto], numbers: count[int]) -> None:
    for node in nodes:
        for graph in inner_graphs(node):
            _limit(graph.node, numbers)
        if node.op_type == "Loop" and node.domain in ("", "ai.onnx"):
            _guard(next(iter(inner_graphs(node))), f"{GUARD} {next(numbers)}")


def _guard(body: onnx.GraphProto, name: str) -> None:
    """Let a body's condition read the one place of a list of one: behind the limit there is no such place."""
    most, places, turn, place, on = (f"{name}/{part}" for part in ("most", "places", "turn", "place", "on"))
    values = {most: np.array(MOST_TURNS_RUN, np.int64), places: np.array([True])}
    body.node.extend(
        [
            *(helper.make_node("Constant", [], [key], value=numpy_helper.from_array(v)) for key, v in values.items()),
            helper.make_node("Div", [body.input[0].name, most], [turn]),
            helper.make_node("Gather", [places, turn], [place], name),
            helper.make_node("And", [body.output[0].name, place], [on]),
        ]
    )
    body.output[0].name = on
