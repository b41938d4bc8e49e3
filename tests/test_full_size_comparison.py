"""The script behind the table of full-size networks in docs/networks.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
from script_modules import script_module

from chipsim.network.standard import BUILDERS


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    with script_module("compare_full_size") as module:
        yield module


@pytest.mark.parametrize(("name", "tiles"), [("zoo:lstm-ptb", 26), ("zoo:gru-ptb", 20), ("zoo:bert-base-layer", 108)])
def test_a_full_size_network_equals_onnxruntime(script: ModuleType, name: str, tiles: int) -> None:
    row = script.compare(name)
    assert row.tiles == tiles
    assert 0 < row.error <= script.ALLOWED


def test_another_answer_is_seen(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    right = script.expected_of
    monkeypatch.setattr(
        script, "expected_of", lambda content, x: [values * np.float32(1.001) for values in right(content, x)]
    )
    assert script.compare("zoo:gru-ptb").error > 10 * script.ALLOWED
    monkeypatch.setattr(sys, "argv", ["compare_full_size.py", "zoo:gru-ptb"])
    assert script.main() == 1


def test_the_page_has_every_network_within_bounds(script: ModuleType) -> None:
    page = script.PAGE.read_text(encoding="utf-8")
    lines = page.partition(script.START)[2].partition(script.END)[0].splitlines()
    cells = [line.split("|") for line in lines if "zoo:" in line]
    assert [row[1].strip(" `") for row in cells] == list(BUILDERS)
    assert all(float(row[5]) <= script.ALLOWED for row in cells)
