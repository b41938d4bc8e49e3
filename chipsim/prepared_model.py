"""`PreparedModel`: an ONNX model whose weights are programmed on tiles of ideal devices when it is run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from onnx.backend.base import BackendRep

from chipsim.architecture.chip import Chip, build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.errors import InputError, ModelError, SpecError
from chipsim.execution.block_run import IDEAL, Fidelity
from chipsim.execution.calibration import Ranges
from chipsim.execution.functional import AnalogNetwork, program_network
from chipsim.mapping.placement import pieces, place
from chipsim.network.binding import as_batch, bind, held_inputs, keeps_batch, modern
from chipsim.network.constants import ConstantOutputError
from chipsim.network.graph import Network
from chipsim.network.layers import DigitalLayer, Shape
from chipsim.network.model_file import load_model
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reduction import reduce_model, stored_constants

Array = NDArray[Any]
NAME = "model"
_EXACTLY = Fidelity(converters=IDEAL.converters, devices=IDEAL.devices, precision="float64")


@dataclass(frozen=True, slots=True)
class Programmed:
    """A model with its weights on tiles.

    Attributes
    ----------
    outputs : tuple of str
        Of the model.
    network, analog : Network, AnalogNetwork; or None
        None where no output depends on what the inputs hold.
    whole : bool
        The inputs as they are given are one example; else axis 0 is a batch.
    known : mapping of str to ndarray
        Outputs that follow from the shapes of the inputs.
    """

    outputs: tuple[str, ...]
    network: Network | None
    analog: AnalogNetwork | None
    whole: bool
    known: Mapping[str, Array]

    @property
    def share_on_tiles(self) -> float | None:
        """Of the multiply-accumulates; None where there are none."""
        macs = 0 if self.network is None else self.network.macs
        return None if self.network is None or not macs else self.network.macs_on_tiles / macs

    def run(self, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        """Outputs in the model's order and shapes."""
        computed = iter(() if self.network is None else self._computed(self.network, inputs))
        return tuple(self.known[name] if name in self.known else next(computed) for name in self.outputs)

    def _computed(self, network: Network, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        assert self.analog is not None
        given = {name + "/all" * self.whole: as_batch(values, whole=self.whole) for name, values in inputs.items()}
        x = network.join_inputs(given, np.float64)
        found = self.analog.run(x, dict.fromkeys(network.outputs))
        lead = () if self.whole else (len(x),)
        return tuple(
            found[layer].reshape((*lead, *(shape if self.whole else shape[1:])))
            for layer, shape in zip(network.outputs, network.value_shapes, strict=True)
        )


class PreparedModel(BackendRep):
    """What `Backend.prepare` returns: `run` programs tiles with the weights that it is given, and computes.

    Attributes
    ----------
    held : tuple of str
        Inputs that are weights.
    programmed : Programmed or None
        For the weights and shapes of the latest run.
    """

    def __init__(self, model: onnx.ModelProto, architecture: str) -> None:
        self._model, self._architecture = modern(model), architecture
        stored = {tensor.name for tensor in model.graph.initializer}
        self.inputs = [value.name for value in model.graph.input if value.name not in stored]
        self.held = tuple(name for name in held_inputs(model) if name not in stored)
        self.programmed: Programmed | None = None
        self._key = b""

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Array, ...]:
        """Compute the outputs.

        Parameters
        ----------
        inputs : sequence or mapping of str to array_like
            In the order of the graph's inputs, those left out that are stored; or by name.
        **kwargs
            Nothing that is known.

        Returns
        -------
        tuple of ndarray
            In the order of the graph's outputs.

        Raises
        ------
        InputError
            If they are not as many as the graph has, or there is something else.
        """
        if kwargs:
            raise InputError(f"run: there is no option {next(iter(kwargs))!r}")
        given = self._named(inputs)
        held = {name: given[name] for name in self.held} | {name: v for name, v in given.items() if not v.size}
        data = {name: values for name, values in given.items() if name not in held}
        if not data and all(values.size for values in held.values()):  # nothing would be left to compute with
            data = {name: held.pop(name) for name in self.inputs[:1]}
        key = _fingerprint(held, data)
        if self.programmed is None or key != self._key:
            self.programmed, self._key = _program(self._model, held, data, self._architecture), key
        return self._typed(self.programmed.run(data))

    def _named(self, inputs: Any) -> dict[str, Array]:
        if isinstance(inputs, Mapping):
            missing = [name for name in self.inputs if name not in inputs]
            if missing or len(inputs) > len(self.inputs):
                raise InputError(f"run: the model has the inputs {self.inputs}, not {list(inputs)}")
            return {name: np.asarray(inputs[name]) for name in self.inputs}
        values: Sequence[Any] = inputs if isinstance(inputs, list | tuple) else [inputs]
        if len(values) > len(self.inputs):
            raise InputError(f"run: the model has {len(self.inputs)} inputs, not {len(values)}")
        if len(values) < len(self.inputs):
            raise InputError(f"run: {len(values)} inputs are given; the model has {self.inputs}")
        return {name: np.asarray(value) for name, value in zip(self.inputs, values, strict=True)}

    def _typed(self, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """In the types that the graph declares."""
        kinds = [value.type.tensor_type.elem_type for value in self._model.graph.output]
        return tuple(
            values.astype(helper.tensor_dtype_to_np_dtype(kind), copy=False) if kind else values
            for values, kind in zip(outputs, kinds, strict=True)
        )


def _fingerprint(held: Mapping[str, Array], data: Mapping[str, Array]) -> bytes:
    """Of all that a programmed model depends on: weights, and shapes and types of the data."""
    found = sha256(repr([(name, v.shape, v.dtype) for name, v in (*held.items(), *data.items())]).encode())
    for values in held.values():
        found.update(np.ascontiguousarray(values).tobytes())
    return found.digest()


def _program(
    model: onnx.ModelProto, held: Mapping[str, Array], data: Mapping[str, Array], architecture: str
) -> Programmed:
    outputs = tuple(value.name for value in model.graph.output)
    if not data:
        return Programmed(outputs, None, None, True, _without_data(model, held))
    network, whole, known = _read(model, held, {name: values.shape for name, values in data.items()})
    if network is None:
        return Programmed(outputs, None, None, whole, known)
    chip = _chip_for(network, architecture)
    units = {layer.name: chip.digital_units[0] for layer in network.layers.values() if isinstance(layer, DigitalLayer)}
    plan = place(network, chip, digital_units=units)  # which unit does not matter: nothing is timed
    ranges = {name: Ranges(1.0, {}) for name in plan.layers}  # without converters there are none
    return Programmed(outputs, network, program_network(plan, ranges, _EXACTLY, seed=0), whole, known)


def _read(
    model: onnx.ModelProto, held: Mapping[str, Array], shapes: Mapping[str, Shape]
) -> tuple[Network | None, bool, Mapping[str, Array]]:
    """The network, with axis 0 as the batch where that gives the same, else with one example; and constant outputs."""
    if keeps_batch(model, held, shapes):
        try:
            network = read_onnx(bind(model, held, shapes, whole=False), NAME)
        except ModelError:  # sizes that only fit together with this very batch, or are an output themselves
            pass
        else:
            if not network.alone:
                return network, False, {}
    try:
        return read_onnx(bind(model, held, shapes, whole=True), NAME), True, {}
    except ConstantOutputError as error:
        known = error.values
    others = onnx.ModelProto()
    others.CopyFrom(model)
    kept = [value for value in model.graph.output if value.name not in known]
    del others.graph.output[:]
    others.graph.output.extend(kept)
    return read_onnx(bind(others, held, shapes, whole=True), NAME) if kept else None, True, known


def _without_data(model: onnx.ModelProto, held: Mapping[str, Array]) -> Mapping[str, Array]:
    """Outputs of a model whose data inputs have no values at all.

    Raises
    ------
    InputError
        If they are not known without computing.
    """
    bound, _ = load_model(bind(model, held, {}, whole=True), NAME)
    try:
        reduce_model(bound, NAME, stored_constants(bound.graph, NAME), (), ())
    except ConstantOutputError as error:
        if len(error.values) == len(model.graph.output):
            return error.values
    empty = ", ".join(repr(name) for name, values in held.items() if not values.size)
    raise InputError(f"run: {empty} is given without any values, so that there is nothing to compute with")


def _chip_for(network: Network, architecture: str) -> Chip:
    """A chip of square shape with tiles for the whole network."""
    chip = build_chip(_spec(architecture, 1))
    tiles = len(pieces(network, chip))
    return chip if tiles <= 1 else build_chip(_spec(architecture, math.isqrt(tiles - 1) + 1))


@lru_cache(maxsize=64)
def _spec(architecture: str, side: int) -> InMemorySpec:
    spec = load_spec(architecture, (f"grid.shape=[{side},{side}]",))
    if not isinstance(spec, InMemorySpec):
        raise SpecError(f"{architecture} is of kind {spec.kind}; give a chip")
    return spec
