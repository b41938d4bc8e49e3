"""`check_device`: does a device model keep the contract? For chipsim's own models and anyone else's."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from chipsim.device.model import CellsNow, CellState, DeviceModel
from chipsim.errors import DeviceRangeError
from chipsim.streams import stream

_SHAPES: tuple[tuple[int, ...], ...] = ((7,), (5, 3), (2, 3, 4), (1, 1), (0, 3))


def check_device(model: DeviceModel) -> None:
    """Check a device model against the contract of `chipsim.device.model.DeviceModel`.

    Parameters
    ----------
    model : DeviceModel
        A model with any parameters.

    Raises
    ------
    AssertionError
        Naming the model and the clause that it breaks.

    Examples
    --------
    >>> from chipsim.device.registry import get_device
    >>> check_device(get_device("ideal"))
    """
    _check_range(model)
    for shape in _SHAPES:
        _check_programming(model, _targets(model, shape))
        _check_ages(model, _targets(model, shape))
    _check_refusals(model)


def _require(model: DeviceModel, condition: bool | np.bool_, clause: str) -> None:
    if not condition:
        raise AssertionError(f"device model {model!r}: {clause}")


def _targets(model: DeviceModel, shape: tuple[int, ...]) -> NDArray[np.float64]:
    count = math.prod(shape)
    levels = _levels(model)
    if levels:
        return np.resize(np.array(levels), shape)
    return np.linspace(model.g_min_siemens, model.g_max_siemens, max(count, 1))[:count].reshape(shape)


def _levels(model: DeviceModel) -> tuple[float, ...]:
    """The only targets of a model that says so."""
    return tuple(getattr(model, "levels_siemens", None) or ())


def _ages(model: DeviceModel) -> list[float]:
    last = model.latest_age_s if math.isfinite(model.latest_age_s) else max(3.1536e7, 10 * model.earliest_age_s)
    first = model.earliest_age_s
    return [first, (first + last) / 2, last]


def _check_range(model: DeviceModel) -> None:
    _require(model, isinstance(model, DeviceModel), "an attribute or method of the contract is missing")
    _require(model, bool(model.name), "the name is empty")
    _require(model, 0 <= model.g_min_siemens < model.g_max_siemens, "the conductance range is empty or negative")
    _require(model, 0 <= model.earliest_age_s <= model.latest_age_s, "the range of ages is empty or negative")
    levels = _levels(model)
    ends = (model.g_min_siemens, model.g_max_siemens)
    _require(model, not levels or (levels[0], levels[-1]) == ends, "the levels do not end at g_min and g_max")
    _require(model, all(a < b for a, b in pairwise(levels)), "the levels do not rise")


def _check_programming(model: DeviceModel, targets: NDArray[np.float64]) -> None:
    before, hidden = targets.copy(), repr(np.random.get_state())  # noqa: NPY002 (it must stay untouched)
    state = model.program(targets, stream(1, "programming"))
    again = model.program(targets, stream(1, "programming"))
    _require(model, repr(np.random.get_state()) == hidden, "program uses the global generator")  # noqa: NPY002
    _require(model, np.array_equal(targets, before), "program changes the targets that it is given")
    _require(model, isinstance(state, CellState), "program must return a CellState")
    _require(model, np.allclose(state.target, targets, rtol=1e-6, atol=0), "the state must keep the targets")
    _check_array(model, state.programmed, targets.shape, "programmed")
    _require(model, state.programmed.tobytes() == again.programmed.tobytes(), "same generator, other programming")
    for name, values in state.drawn.items():
        _require(model, values.shape == targets.shape, f"drawn['{name}'] has another shape than the targets")
        _require(model, values.tobytes() == again.drawn[name].tobytes(), f"same generator, other '{name}'")


def _check_ages(model: DeviceModel, targets: NDArray[np.float64]) -> None:
    state = model.program(targets, stream(1, "programming"))
    before = _state_bytes(state)
    ages = _ages(model)
    forward = {age: model.at_age(state, age, stream(1, "read", repr(age))) for age in ages}
    backward = {age: model.at_age(state, age, stream(1, "read", repr(age))) for age in reversed(ages)}
    _require(model, _state_bytes(state) == before, "at_age changes the state")
    for age in ages:
        model.check_age(age)
        cells = forward[age]
        _check_array(model, cells.conductance, targets.shape, f"conductance at {age:g} s")
        if cells.fast_sigma is not None:
            _check_array(model, cells.fast_sigma, targets.shape, f"fast_sigma at {age:g} s")
        same = _cell_bytes(cells) == _cell_bytes(backward[age])
        _require(model, same, f"at {age:g} s, the same state and generator give other cells")


def _state_bytes(state: CellState) -> bytes:
    arrays = [state.target, state.programmed, *state.drawn.values()]
    return b"".join(array.tobytes() for array in arrays)


def _cell_bytes(cells: CellsNow) -> bytes:
    return cells.conductance.tobytes() + (b"" if cells.fast_sigma is None else cells.fast_sigma.tobytes())


def _check_array(model: DeviceModel, values: NDArray[np.float32], shape: tuple[int, ...], what: str) -> None:
    _require(model, values.shape == shape, f"{what} has shape {values.shape}, the targets {shape}")
    _require(model, values.dtype == np.float32, f"{what} is {values.dtype}, not float32")
    _require(model, np.isfinite(values).all(), f"{what} is not finite")
    _require(model, (values >= 0).all(), f"{what} is negative")


def _check_refusals(model: DeviceModel) -> None:
    rng = stream(1, "refusals")
    for bad in (math.nan, math.inf, -0.01 * model.g_max_siemens, 1.01 * model.g_max_siemens):
        _refuses(model, partial(model.program, np.full(3, bad), rng), f"programs a target of {bad:g} S")
    for low, high in pairwise(_levels(model)):
        between = np.full(3, (low + high) / 2)
        _refuses(model, partial(model.program, between, rng), f"programs {between[0]:g} S, between two levels")
    state = model.program(np.full(3, model.g_max_siemens), rng)
    ages = [math.nan, -1.0]
    if model.earliest_age_s > 0:
        ages.append(0.5 * model.earliest_age_s)
    if math.isfinite(model.latest_age_s):
        ages.append(2 * model.latest_age_s + 1)
    for age in ages:
        _refuses(model, partial(model.check_age, age), f"check_age lets {age:g} s pass")
        _refuses(model, partial(model.at_age, state, age, rng), f"at_age lets {age:g} s pass")


def _refuses(model: DeviceModel, call: Callable[[], object], clause: str) -> None:
    try:
        call()
    except DeviceRangeError:
        return
    raise AssertionError(f"device model {model!r}: {clause}; it must raise DeviceRangeError")
