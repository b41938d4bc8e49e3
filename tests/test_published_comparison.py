"""The functions behind docs/validation.md, and that the page is what they give now."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from script_modules import script_module

from chipsim.device import get_device
from chipsim.network.zoo import files
from chipsim.streams import stream


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    with script_module("compare_published") as module:
        yield module


@pytest.fixture(scope="module")
def trained() -> onnx.ModelProto:
    return onnx.load_model_from_string((files("chipsim.network") / "data" / "digits-mlp.onnx").read_bytes())


def uniform(key: str, *shape: int) -> np.ndarray:
    return stream(1, key).uniform(-1, 1, shape)


@pytest.mark.parametrize("name", ["core", "scale"])
def test_the_page_is_up_to_date(script, name):
    page = script.PAGE.read_text(encoding="utf-8")
    made = script.TABLES[name]()
    advice = f"run python scripts/compare_published.py --write\n{made}"
    assert script.alike(made, script.shown(page, name), *script.TOLERANCE[name]), advice


def test_ideal_cells_leave_the_errors_of_rounding(script):
    """Inputs are rounded to steps of 1/127, outputs to the full range / 254, and the largest cut: variances add up."""
    weights, inputs = uniform("weights", 200, 50), uniform("inputs", 4000, 200)
    found = script.core_errors(weights, inputs, get_device("ideal"))
    relative = weights / np.abs(weights).max(axis=0)
    outputs = inputs @ relative
    largest = np.percentile(np.abs(outputs), 99.99)
    cut = np.var(outputs - np.clip(outputs, -largest, largest)) / (2 * largest) ** 2
    of_inputs = np.square(relative).sum(axis=0).mean() / 127**2 / (2 * largest) ** 2
    assert found.programming < 1e-7
    assert found.total == pytest.approx(np.sqrt((of_inputs + 1 / 254**2) / 12 + cut), rel=0.01)


def test_programming_errors_are_those_of_two_clipped_normals(script):
    """The cell of a weight has the variance s², the other one is half of a normal: s² (1 + 1/2) in all, mean zero."""
    device = get_device("generic", programming_spread=0.01, read_spread=0.0)
    found = script.core_errors(uniform("weights", 256, 256), uniform("inputs", 10, 256), device)
    assert found.programming == pytest.approx(0.01 * np.sqrt(1.5), rel=0.02)


def test_errors_of_products_follow_from_those_of_weights(script):
    """Independent errors e of 256 weights and inputs of variance 1/3: sqrt(256/3) e over the full range."""
    device = get_device("generic", programming_spread=0.05, read_spread=0.0)
    weights, inputs = uniform("weights", 256, 256), uniform("inputs", 2000, 256)
    found = script.core_errors(weights, inputs, device)
    relative = weights / np.abs(weights).max(axis=0)
    full_range = 2 * np.percentile(np.abs(inputs @ relative), 99.99)
    assert found.total == pytest.approx(np.sqrt(256 / 3) * found.programming / full_range, rel=0.05)


def test_a_straight_line_per_column_is_taken_off_and_nothing_else(script):
    wanted = stream(1, "wanted").standard_normal((500, 3))
    errors = 0.1 * stream(1, "errors").standard_normal((500, 3))
    found = wanted * [0.5, 2.0, -1.0] + [3.0, 0.0, -7.0] + errors
    assert np.abs(script.residual(found - errors, wanted)).max() < 1e-12
    fitted = np.column_stack([np.polyval(np.polyfit(wanted[:, i], found[:, i], 1), wanted[:, i]) for i in range(3)])
    np.testing.assert_allclose(script.residual(found, wanted), found - fitted, atol=1e-12)


def test_a_rescaled_network_is_the_same_function_with_unequal_columns(script, trained):
    changed = script.uneven(trained, 4.0)
    x = stream(1, "x").random((20, 64), dtype=np.float32)
    name = trained.graph.input[0].name
    before, after = (ReferenceEvaluator(model).run(None, {name: x})[0] for model in (trained, changed))
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-3)
    sizes = {t.name: np.abs(onnx.numpy_helper.to_array(t)).max(axis=-1) for t in changed.graph.initializer}
    old = {t.name: np.abs(onnx.numpy_helper.to_array(t)).max(axis=-1) for t in trained.graph.initializer}
    assert np.ptp(np.log(sizes["dense1.weight"])) > np.ptp(np.log(old["dense1.weight"])) + 1


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("1.00 %", "1.01 %", True),
        ("1.00 %", "1.05 %", False),
        ("| a | 1 |", "| b | 1 |", False),
        ("-2.5 dB", "2.5 dB", False),
        ("1 2", "1", False),
    ],
)
def test_what_is_alike(script, one, other, wanted):
    assert script.alike(one, other, share=0.02, unit=0.0) is wanted


def test_a_page_without_its_marker_lines_is_named(script):
    with pytest.raises(ValueError, match=r"validation.md needs the lines '<!-- core: start"):
        script.shown("nothing", "core")
