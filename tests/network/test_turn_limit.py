"""Loops that their conditions never end come to an end with one message, and Ctrl-C ends them at once."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import onnx
import pytest
from network_models import model_bytes, node
from test_running_whole import CONSTANTS, POSITIVE, digital, graph, loop

from chipsim.errors import ModelError
from chipsim.network import turn_limit
from chipsim.network.digital import evaluate
from chipsim.network.graph import Network
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import run_reference

ADDS = graph([node("Identity", "go", "on"), node("Add", "h x", "q")], "on q", "i go h")
WITHIN = graph([node("Identity", "go2", "on2"), loop(ADDS, "- go2 h2", "q2")], "on2 q2", "j go2 h2")
TRUE, ONES = np.array([[True]]), np.ones((1, 4), np.float32)


def read(body: onnx.GraphProto, trips: str = "-", **more: np.ndarray) -> Network:
    nodes = [*POSITIVE, loop(body, f"{trips} c x", "l"), node("ReduceSum", "l", "y")]
    return read_onnx(model_bytes(nodes, ("N", 4), CONSTANTS | more, opset=18), "net")


def run(network: Network) -> np.ndarray:
    """With ones."""
    layer = digital(network, "loop")
    return evaluate(layer, [TRUE if name == "c" else ONES for name in layer.inputs])


@pytest.mark.parametrize("body", [ADDS, WITHIN])
def test_a_loop_that_never_ends(body: onnx.GraphProto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_limit, "MOST_TURNS_RUN", 50)
    network = read(body)
    with pytest.raises(ModelError, match=r"layer 'loop' \(Loop\): a loop in it takes more than .* turns for one input"):
        run(network)
    with pytest.raises(ModelError, match=r"net: onnxruntime cannot run the model: a loop in it takes more than"):
        run_reference(network, np.ones((2, 4), np.float32))


def test_the_last_turn_that_a_loop_may_take_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_limit, "MOST_TURNS_RUN", 50)
    assert run(read(ADDS, "n", n=np.array(50))).tolist() == [[51, 51, 51, 51]]
    with pytest.raises(ModelError, match="takes more than"):
        run(read(ADDS, "n", n=np.array(51)))


def test_ctrl_c_ends_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without that it would take years."""
    monkeypatch.setattr(turn_limit, "MOST_TURNS_RUN", 10**13)
    network = read(ADDS)
    pressing = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    pressing.start()
    with pytest.raises(KeyboardInterrupt):
        run(network)
    pressing.join()
