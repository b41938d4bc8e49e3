"""`Backend`: chipsim with ideal devices as an ONNX backend; what ONNX's own tests run against."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.backend.base import Backend as OnnxBackend

from chipsim.errors import InputError
from chipsim.prepared_model import Array, PreparedModel

DEFAULT_ARCHITECTURE = "hermes64"


class Backend(OnnxBackend):
    """Networks on crossbars of ideal devices, without converters; everything else as onnxruntime computes it.

    Examples
    --------
    >>> from onnx import TensorProto, helper
    >>> node = helper.make_node("MatMul", ["x", "w"], ["y"])
    >>> Backend.run_node(node, [np.float32([[1, 2]]), np.float32([[3], [4]])])[0].tolist()
    [[11.0]]
    """

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether ``device`` is ``"CPU"``, where simulations run."""
        return device.partition(":")[0] == "CPU"

    @classmethod
    def prepare(
        cls, model: onnx.ModelProto, device: str = "CPU", *, architecture: str = DEFAULT_ARCHITECTURE, **kwargs: Any
    ) -> PreparedModel:
        """Make a model ready to run.

        Parameters
        ----------
        model : onnx.ModelProto
            Inputs that stand where an operator has its weights are weights: they are programmed when `run` gets them.
        device : str
            ``"CPU"``.
        architecture : str
            Whose tiles are used, as many as are needed.
        **kwargs
            Nothing that is known.

        Raises
        ------
        InputError
            If there is no such device or option.
        """
        if not cls.supports_device(device):
            raise InputError(f"prepare: device {device!r} is not there; use 'CPU'")
        if kwargs:
            raise InputError(f"prepare: there is no option {next(iter(kwargs))!r}")
        return PreparedModel(model, architecture)

    @classmethod
    def run_node(
        cls, node: onnx.NodeProto, inputs: Any, device: str = "CPU", outputs_info: Any = None, **kwargs: Any
    ) -> tuple[Array, ...]:
        """Compute one operator.

        Parameters
        ----------
        node : onnx.NodeProto
        inputs : sequence of array_like
            Its operands, those left out that the node leaves out.
        device : str
        outputs_info : sequence of (dtype, shape), optional
            Types of the outputs; as they come if not given.
        **kwargs
            ``opset_version`` and those of `prepare`.
        """
        opset = int(kwargs.pop("opset_version", onnx.defs.onnx_opset_version()))
        arrays = [np.asarray(value) for value in inputs]
        names = [name for name in node.input if name]
        kinds = [helper.np_dtype_to_tensor_dtype(values.dtype) for values in arrays]
        types = [0] * len(node.output)
        if outputs_info is not None:
            types = [helper.np_dtype_to_tensor_dtype(np.dtype(dtype)) for dtype, _ in outputs_info]
        graph = helper.make_graph(
            [node],
            "node",
            [
                helper.make_tensor_value_info(name, kind, values.shape)
                for name, kind, values in zip(names, kinds, arrays, strict=True)
            ],
            [
                helper.make_tensor_value_info(name, kind, None) if kind else onnx.ValueInfoProto(name=name)
                for name, kind in zip(node.output, types, strict=True)
                if name
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(node.domain, opset)])
        return cls.prepare(model, device, **kwargs).run(arrays)
