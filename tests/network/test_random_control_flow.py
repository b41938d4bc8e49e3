"""Random networks of matrices, conditions, loops and sizes on data equal ONNX Runtime."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from network_models import read_and_check
from random_control_flow import control_flow

from chipsim.network.layers import DigitalLayer


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(control_flow())
def test_values_are_those_of_onnxruntime(content: bytes) -> None:
    network = read_and_check(content, batch=4)
    whole = [layer for layer in network.layers.values() if isinstance(layer, DigitalLayer) and layer.function]
    assert len({layer.domain for layer in whole}) == sum("runs whole" in note for note in network.notes)
    assert all(layer.element_operations > 0 for layer in whole)
    assert not any("not known, since" in note for note in network.notes)
