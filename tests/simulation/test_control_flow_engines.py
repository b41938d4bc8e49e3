"""The engine and the second one agree on networks in which parts run whole (rule T98)."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_control_flow import control_flow
from recurrent_engines import agree
from small_machines import chip
from test_second_engine import BOUNDED

from chipsim.mapping.placement import place
from chipsim.mapping.prepare import prepared
from chipsim.network.onnx_reader import read_onnx

MACHINE = {
    "grid.shape": "[16, 16]", "digital_unit.tiles_per_unit": 16, "host.max_inputs_in_flight": 2,
    "mapping.share_weights": False,
}  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(control_flow(), st.booleans())
def test_two_engines_agree(content: bytes, bounded: bool) -> None:
    machine = chip(MACHINE | (BOUNDED if bounded else {}))
    net = prepared(read_onnx(content, "net"), machine.spec.mapping)
    agree(place(net, machine), MACHINE, 3, least=bounded)
