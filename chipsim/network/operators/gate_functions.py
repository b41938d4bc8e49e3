"""`gate_functions`: the functions that a recurrent operator's attributes name."""

from __future__ import annotations

from chipsim.network.cell import GateFunction
from chipsim.network.operators.node import Node

DEFAULTS = {"RNN": ("Tanh",), "LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh")}
ALPHAS = {
    "affine": 0.0, "elu": 1.0, "hardsigmoid": 0.2, "leakyrelu": 0.01, "scaledtanh": 0.0, "thresholdedrelu": 0.0
}  # fmt: skip
"""Functions with a first number, and what it is for onnxruntime if nobody says (ONNX has no words on three of them)."""
BETAS = {"affine": 0.0, "hardsigmoid": 0.5, "scaledtanh": 0.0}
PLAIN = frozenset({"relu", "sigmoid", "softplus", "softsign", "tanh"})


def gate_functions(node: Node, direction: int) -> tuple[GateFunction, ...]:
    """Functions of one direction, RNN (f,), GRU (f, g), LSTM (f, g, h).

    Numbers are handed out in order to those functions that take them, over all directions.

    Raises
    ------
    UnsupportedOperatorError
        If a function is not one of ONNX's.
    """
    usual = DEFAULTS[node.operator]
    names = [str(name).lower() for name in node.attributes.get("activations", usual * (direction + 1))]
    if len(names) < len(usual) * (direction + 1):
        node.wrong(f"names {len(names)} activations; each direction has {len(usual)}")
    alphas, betas = (list(node.attributes.get(f"activation_{which}", ())) for which in ("alpha", "beta"))
    found = []
    for name in names:
        if name not in PLAIN and name not in ALPHAS:
            node.unsupported(f"with the activation {name!r}, which ONNX does not define")
        alpha = (float(alphas.pop(0)) if alphas else ALPHAS[name]) if name in ALPHAS else 0.0
        beta = (float(betas.pop(0)) if betas else BETAS[name]) if name in BETAS else 0.0
        found.append(GateFunction(name, alpha, beta))
    return tuple(found[direction * len(usual) :][: len(usual)])
