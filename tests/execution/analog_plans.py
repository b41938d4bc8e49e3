"""Plans and programmed networks for tests of the functional plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.execution.calibration import Ranges, calibrate
from chipsim.execution.functional import AnalogNetwork, Fidelity, program_network
from chipsim.execution.split import Split, split_data
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.dataset import fit_data, load_data
from chipsim.network.graph import Network
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import compared_layers, run_reference
from chipsim.network.zoo import load_network

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bench:
    """A placed network, its data and the ranges of its converters."""

    plan: Plan
    split: Split
    ranges: dict[str, Ranges]

    @property
    def network(self) -> Network:
        return self.plan.network

    @property
    def output(self) -> str:
        """The layer whose values are compared: the one before a final Softmax."""
        return compared_layers(self.network, before_softmax=True)[0]

    def program(self, fidelity: Fidelity, seed: int = 0) -> AnalogNetwork:
        return program_network(self.plan, self.ranges, fidelity, seed)

    def run(self, fidelity: Fidelity, seed: int = 0) -> Values:
        """Outputs for the scored inputs, shape (n, outputs)."""
        values = self.program(fidelity, seed).run(self.split.x, (self.output,))[self.output]
        return values.reshape(len(values), -1)

    def reference(self) -> Values:
        values = run_reference(self.network, self.split.x, before_softmax=True)[0]
        return values.reshape(len(values), -1)


def plan_of(network: Network, *overrides: str) -> Plan:
    return place(network, build_chip(load_spec("hermes64", overrides)))


def zoo_bench(name: str, *overrides: str) -> Bench:
    """A trained network with the whole digits test set."""
    network = load_network(name)
    plan, split = plan_of(network, *overrides), split_data(fit_data(load_data("zoo:digits"), network))
    return Bench(plan, split, calibrate(plan, split.calibration))


def dense_network(*weights: Values) -> Network:
    """Gemm layers without bias or activation, first to last."""
    return _network(
        [helper.make_node("Gemm", [f"v{i}", f"w{i}"], [f"v{i + 1}"], f"dense{i}") for i in range(len(weights))],
        list(weights),
        [None, weights[0].shape[0]],
    )


def convolution(kernel: Values, size: int) -> Network:
    """One convolution without padding over a square image."""
    return _network(
        [helper.make_node("Conv", ["v0", "w0"], ["v1"], "conv0", kernel_shape=kernel.shape[2:])],
        [kernel],
        [None, kernel.shape[1], size, size],
    )


def _network(nodes: list[onnx.NodeProto], weights: list[Values], shape: list[int | None]) -> Network:
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("v0", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(f"v{len(nodes)}", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(values.astype(np.float32), f"w{i}") for i, values in enumerate(weights)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return read_onnx(model.SerializeToString(), "small")
