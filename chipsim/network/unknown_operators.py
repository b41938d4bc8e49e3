"""`check_known`: operators that nobody here knows, whichever domain they are of."""

from __future__ import annotations

from functools import cache

import onnx
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from chipsim.errors import UnsupportedOperatorError
from chipsim.network.stored_tensors import all_nodes, label_of

ONNX = ("", "ai.onnx")
MEND = "export the model with standard operators, or end it before this node"


def check_known(model: onnx.ModelProto, name: str) -> None:
    """Refuse nodes whose operator is of no version that the file names, or of no version at all.

    Parameters
    ----------
    model : onnx.ModelProto
    name : str
        What messages call the model.

    Raises
    ------
    UnsupportedOperatorError
    """
    versions = {"" if item.domain in ONNX else item.domain: item.version for item in model.opset_import}
    own = {(function.domain, function.name) for function in model.functions}
    for node in all_nodes(model.graph):
        domain = "" if node.domain in ONNX else node.domain
        if (node.domain, node.op_type) in own:
            continue
        if why := _why_unknown(node.op_type, domain, versions):
            whole = f"{domain}.{node.op_type}" if domain else node.op_type
            raise UnsupportedOperatorError(f"{name}: node {label_of(node)!r} has the operator {whole}, {why}")


def _why_unknown(operator: str, domain: str, versions: dict[str, int]) -> str:
    """What is wrong and what to do; empty where nothing is."""
    known = operators_of(domain)
    if known is None:
        return "" if domain in versions else f"which is not one of ONNX's own; {MEND}"
    whose = f"the domain {domain}" if domain else "ONNX's own domain"
    if operator not in known:
        return f"which does not exist in {whose}; {MEND}"
    if domain not in versions:
        return f"but the file names no version of {whose}; add it to its opset_import, or export the model again"
    if not domain and versions[domain] < known[operator]:
        return (
            f"which came with opset {known[operator]}, and the file uses opset {versions[domain]}; export it with "
            f"opset {known[operator]} or newer"
        )
    return ""


@cache
def operators_of(domain: str) -> dict[str, int] | None:
    """Operators of a domain and the version that each came with, as ONNX and ONNX Runtime know them.

    Returns
    -------
    dict of str to int, or None
        None for a domain that neither knows.

    Examples
    --------
    >>> operators_of("")["Gelu"], operators_of("com.example")
    (20, None)
    """
    found: dict[str, int] = {}
    for schema in (*onnx.defs.get_all_schemas_with_history(), *runtime.get_all_operator_schema()):
        if schema.domain == domain:
            found[schema.name] = min(schema.since_version, found.get(schema.name, schema.since_version))
    return found or None
