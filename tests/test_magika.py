"""A third party's network with data of its own: magika's model says the same of files on ideal devices."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np
import onnx
import pytest
from script_modules import script_module

from chipsim.onnx_backend import Backend


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    with script_module("magika_on_chip") as module:
        yield module


def test_files_are_classified_as_in_onnxruntime(script: ModuleType) -> None:
    files = [*script.made_files(), *list(script.checkout_files())[::24]]
    x, classes, names = script.features(files)
    assert len(x) > 20
    assert len(set(names)) > 12  # many kinds
    model = onnx.load(script.MODEL)
    prepared = Backend.prepare(model)
    outputs = [prepared.run([x[number : number + 1].astype(np.int32)])[0] for number in range(len(x))]
    np.testing.assert_array_equal(np.concatenate(outputs).argmax(axis=1), classes)
    assert prepared.programmed is not None
    assert prepared.programmed.share_on_tiles == 1
