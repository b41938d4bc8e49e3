"""`read_onnx`: an ONNX file becomes a `Network`. Nothing from the file is executed but its operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import onnx

from chipsim.errors import InputError, ModelError, UnsupportedOperatorError
from chipsim.network.added_batch import adds_batch
from chipsim.network.batch_axis import batch_first, with_batches
from chipsim.network.constants import Constant, Constants
from chipsim.network.counting import count_whole
from chipsim.network.dataflow import Dataflow
from chipsim.network.fold import fold_layers
from chipsim.network.free_batch import free_batch
from chipsim.network.graph import Network
from chipsim.network.inner_batches import without_inner_batches
from chipsim.network.input_shape import GUESSES, DataShapes, DeclaredInput, candidate_shapes, declared_inputs
from chipsim.network.layer_reader import layers_of
from chipsim.network.layers import InputLayer, Shape, ViewLayer
from chipsim.network.matrix_forms import plain_forms
from chipsim.network.model_file import load_model
from chipsim.network.number_types import type_notes
from chipsim.network.products import plain_products
from chipsim.network.reduction import reduce_model, stored_constants
from chipsim.network.regions import is_region
from chipsim.network.retyping import computable, holds_other_floats
from chipsim.network.stored_tensors import label_of
from chipsim.network.synthetic import synthetic_weights
from chipsim.network.turn_limit import limited
from chipsim.network.uncounted import uncounted_notes
from chipsim.network.weight_sharing import share_weights, sharing_notes
from chipsim.network.whole_notes import whole_notes


def read_onnx(
    source: bytes | Path, name: str, *, synthetic_seed: int | None = None, shapes: Mapping[str, Shape] | None = None,
    data_shape: DataShapes | None = None,
) -> Network:  # fmt: skip
    """Read a network.

    Parameters
    ----------
    source : bytes or Path
        The file's content or path.
    name : str
        What the network is called, in messages too.
    synthetic_seed : int, optional
        Replace all weights by random ones drawn with this seed (see `chipsim.network.synthetic`).

    shapes : mapping of str to tuple of int, optional
        Shapes of inputs, batch of one included, where the file leaves sizes open.
    data_shape : tuple of int, or mapping of str to tuple of int, optional
        Shape of one example of the data, or of each input's, which binds them otherwise.

    Returns
    -------
    Network
        Axis 0 of every input is the batch; batch normalisation, constant scales and activations are merged
        into the layer before them where nothing else reads that layer.

    Raises
    ------
    ModelError
        If the file is damaged, incomplete or has no input or sizes that do not fit together.
    InputError
        If ``shapes`` or ``data_shape`` do not fit the input.
    UnsupportedOperatorError
        If it holds an operator that chipsim does not run.
    """
    try:
        model, sha256 = load_model(source, name)
        constants = stored_constants(model.graph, name)
        return _Reader(name, constants, sha256, synthetic_seed, shapes or {}, data_shape).read(model)
    except UnicodeDecodeError:  # protobuf looks at text only when it is asked for
        raise ModelError(
            f"{name}: its names are not text, so the file is damaged; export or download it again"
        ) from None


@dataclass(frozen=True, slots=True)
class _Reader:
    """What `read_onnx` was asked for, and what the file stores."""

    name: str
    constants: Constants
    sha256: str
    seed: int | None
    shapes: Mapping[str, Shape]
    data: DataShapes | None

    def read(self, model: onnx.ModelProto) -> Network:
        """The network; what looks like a batch and is none, since the model adds it, is one example."""
        turned, moved = batch_first(model, self.constants)
        declared = self._declared(turned)
        try:
            return self._sized(turned, declared, moved)
        except UnsupportedOperatorError:
            raise
        except ModelError as error:
            if moved or not adds_batch(model.graph, self.constants):
                raise
            first = error
        whole, moved = with_batches(model, self.constants)
        try:
            return self._sized(whole, self._declared(whole), moved)
        except UnsupportedOperatorError:
            raise
        except InputError as error:
            batch = declared[0].batch or "open"
            raise ModelError(
                f"{self.name}: axis 0 of input {declared[0].name!r} is {batch} in the file and taken for "
                f"the batch, but one example does not fit the model ({first}), nor does all of it as one example "
                f"({error}); export it with a free batch as axis 0"
            ) from None

    def _declared(self, model: onnx.ModelProto) -> list[DeclaredInput]:
        return declared_inputs(model.graph, _values_read(model.graph), self.constants, self.name)

    def _sized(self, model: onnx.ModelProto, declared: list[DeclaredInput], moved: tuple[str, ...]) -> Network:
        """With the first sizes that work out."""
        candidates = candidate_shapes(declared, self.shapes, self.data, self.name)
        first: ModelError | None = None
        for bound, notes in candidates:
            try:
                flow, retyped = computable(reduce_model(model, self.name, self.constants, declared, bound))
                if self.seed is not None:
                    flow = synthetic_weights(flow, self.seed)
                _check_finite(flow)
                weights: Literal["file", "synthetic"] = "file" if self.seed is None else "synthetic"
                return _network(flow, (*moved, *notes, *retyped), weights, self.sha256)
            except UnsupportedOperatorError:
                raise
            except ModelError as error:
                if len(candidates) == 1:
                    raise
                first = first or error
        free = [given for given in declared if given.name not in self.shapes and not given.is_bound]
        written = ", ".join(f"input {given.name!r} is {given.written}" for given in free)
        raise ModelError(
            f"{self.name}: {written}, and no size of {', '.join(map(str, GUESSES))} "
            f"works for what is open; give --shape {free[0].name}=1x3x224x224 (with 1: {first})"
        )


def _network(flow: Dataflow, notes: tuple[str, ...], weights: Literal["file", "synthetic"], sha256: str) -> Network:
    counts = count_whole(flow)
    read, made, batched, shapes, origins = layers_of(without_inner_batches(plain_products(plain_forms(flow))), counts)
    folded, outputs = fold_layers(read, made)
    layers = share_weights(folded, origins)
    plain = {
        value: layers[layer].output_shape
        for value, layer in zip(flow.outputs, outputs, strict=True)
        if batched
        and not holds_other_floats(flow)
        and not getattr(layers[layer], "reason", "")
        and not isinstance(layers[layer], InputLayer | ViewLayer)
    }
    return Network(
        name=flow.name,
        layers=layers,
        outputs=outputs,
        weights=weights,
        onnx_bytes=partial(_serialised, free_batch(flow) if batched else flow, plain),
        input_name=flow.inputs[0].name,
        sha256=sha256,
        notes=(
            *notes,
            *sharing_notes(layers),
            *type_notes(layers),
            *uncounted_notes(layers),
            *whole_notes(flow, counts),
        ),
        alone=not batched,
        value_shapes=shapes,
    )


def _serialised(flow: Dataflow, output_shapes: Mapping[str, Shape]) -> bytes:
    safe = replace(flow, functions=tuple(limited(function) for function in flow.functions))
    return bytes(safe.model(output_shapes=output_shapes).SerializeToString(deterministic=True))


def _values_read(graph: onnx.GraphProto) -> set[str]:
    """Values that nodes read, those in branches and loops included, and the graph's outputs."""
    read = {value.name for value in graph.output}
    for node in graph.node:
        read.update(node.input)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                read |= _values_read(attribute.g)
    return read


def _check_finite(flow: Dataflow) -> None:
    for node in flow.nodes:
        for value in node.input:
            constant = flow.constants.get(value)
            if constant is not None and constant.dtype.kind == "f" and not (is_region(node) or _finite(node, constant)):
                raise ModelError(
                    f"{flow.name}: weight {value!r} of node {label_of(node)!r} ({node.op_type}) holds NaN "
                    "or infinite values; train or export the model again"
                )


def _finite(node: onnx.NodeProto, constant: Constant) -> bool:
    """Whether all values are numbers; bounds and masks may be infinite."""
    if node.op_type in ("Add", "Clip", "Max", "Min", "Where"):
        return not np.isnan(constant).any()
    return bool(np.isfinite(constant).all())
