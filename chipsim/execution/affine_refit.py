"""`refit`: affine factors per layer and channel that make up for drift, from calibration inputs (AdaBS).

* ``wanted = ideal_moments(plan, ranges, x)``, once;
* ``refitted, refit = refit(network, wanted, x)`` for each programming and age, then ``refitted.run(...)``.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from chipsim.crossbar.conversion_cycles import ConversionCounts
from chipsim.crossbar.precision import Precision, data_type
from chipsim.errors import InputError
from chipsim.execution.affine import Affine, Moments
from chipsim.execution.calibration import Ranges, finish_layer
from chipsim.execution.forward import MatrixFunctions, Values, forward
from chipsim.execution.functional import IDEAL, AnalogNetwork, Fidelity, program_network
from chipsim.mapping.plan import Plan
from chipsim.network.cell_operands import Given
from chipsim.network.layers import MatrixLayer
from chipsim.network.loops import Loop

Sums = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Refit:
    """What calibration inputs gave.

    Attributes
    ----------
    affine : dict of str to Affine
        Of each matrix layer.
    conductance : dict of (block's name, layer) to float
        Siemens x codes over all of these MVMs.
    inputs : int
        How many there were.
    conversions : dict of str to ConversionCounts
        What the conversions of each tile took; empty where nobody asked, or nothing depends on it.
    """

    affine: dict[str, Affine]
    conductance: dict[tuple[str, str], float]
    inputs: int
    conversions: dict[str, ConversionCounts] = field(default_factory=dict)


class StoredRefits(Protocol):
    """Refits to take instead of making them; `chipsim.execution.stored.ProgrammingFile` has them."""

    def refit(self, programming: int) -> Refit:
        """That of one programming."""


def ideal_moments(
    plan: Plan, ranges: dict[str, Ranges], x: Values, *, precision: Precision = "float32", threads: int = 2,
    chunk: int | None = None,
) -> dict[str, Moments]:  # fmt: skip
    """What the layers of the ideal network put out before their activations.

    Parameters
    ----------
    plan : Plan
    ranges : dict of str to Ranges
    x : ndarray of float32, shape (n, *network.input_shape)
        Calibration inputs.
    precision : str
        Of the products.
    threads, chunk : int
        Change speed and memory, no byte of the outcome.
    """
    found: dict[str, Moments] = {}

    def note(name: str, sums: Sums) -> None:
        found[name] = Moments.of(sums)

    network = program_network(plan, ranges, replace(IDEAL, precision=precision), 0, 0, threads)
    _layer_by_layer(network, x, note, chunk)
    return found


def refit(
    network: AnalogNetwork, wanted: dict[str, Moments], x: Values, chunk: int | None = None, *, count: bool = False
) -> tuple[AnalogNetwork, Refit]:
    """Find affine factors, first layer first.

    Parameters
    ----------
    network : AnalogNetwork
        Its cells at their age; reference reads do not count.
    wanted : dict of str to Moments
        From `ideal_moments` for the same inputs.
    x : ndarray of float32, shape (n, *network.input_shape)
        Calibration inputs.
    chunk : int, optional
        Inputs that go through a layer together; changes no byte.
    count : bool
        Count what conversions take, where time or energy depends on it.

    Returns
    -------
    AnalogNetwork
        The same cells with the factors, not read yet.
    Refit

    Notes
    -----
    Each layer's calibration inputs have passed all layers before it with their factors. Scale and shift give each of
    its channels the mean and the standard deviation of the ideal network; `Affine.between` has the exceptions. The fast
    noise of these MVMs is drawn apart from that of the scored inputs. Beyond one layer's inputs and outputs this takes
    as much memory again for the sums.

    References
    ----------
    Joshi et al., Nature Communications 11, 2473 (2020): adaptive batch normalisation statistics (AdaBS). There the
    statistics of batch normalisations are updated; a scale and shift of every layer is the same where one follows it,
    and an assumption elsewhere.
    """
    reading = network.uncompensated("fast noise of the refit")
    if count:
        reading.count_conversions()
    found: dict[str, Affine] = {}

    def fit(name: str, sums: Sums) -> Affine:
        found[name] = Affine.between(Moments.of(sums), wanted[name])
        return found[name]

    _layer_by_layer(reading, x, fit, chunk)
    read = {(run.placed.name, name): run for name, layer in reading.layers.items() for run in layer.blocks}
    conductance = {key: run.integrated_conductance for key, run in read.items()}
    return network.with_affine(found), Refit(found, conductance, len(x), reading.conversion_counts())


def refitter(
    plan: Plan, ranges: dict[str, Ranges], fidelity: Fidelity, x: Values, threads: int, chunk: int | None,
    stored: StoredRefits | None = None,
) -> Callable[[AnalogNetwork, int], tuple[AnalogNetwork, Refit | None]]:  # fmt: skip
    """What is to be done with each programmed network: nothing, unless the architecture compensates drift by `refit`.

    The conversions of the first programming's refit are counted.

    Parameters
    ----------
    plan, ranges
        Of the networks.
    fidelity : Fidelity
        Of the networks.
    x : ndarray of float32, shape (n, *network.input_shape)
        Calibration inputs.
    threads, chunk : int
        Change speed and memory, no byte of the outcome.
    stored : StoredRefits, optional
        Where refits are taken from; the calibration inputs are not looked at then.
    """
    if not fidelity.compensated or plan.chip.spec.tile.compensation.kind != "affine":
        return lambda network, _: (network, None)
    if stored is not None:
        return lambda network, programming: _with_stored(network, stored.refit(programming))
    wanted = ideal_moments(plan, ranges, x, precision=fidelity.precision, threads=threads, chunk=chunk)
    return lambda network, programming: refit(network, wanted, x, chunk, count=programming == 0)


def _with_stored(network: AnalogNetwork, found: Refit) -> tuple[AnalogNetwork, Refit]:
    return network.with_affine(found.affine), found


def _layer_by_layer(
    network: AnalogNetwork, x: Values, look: Callable[[str, Sums], Affine | None], chunk: int | None
) -> None:
    """Show the sums of each layer over all inputs, and go on with what the factors make of them."""
    size = chunk or network.chunk()

    def multiply(layer: MatrixLayer, values: Values) -> Values:
        positions = layer.positions
        sums = np.empty((len(values) * positions, layer.channels), data_type(network.fidelity.precision))
        for first in range(0, len(values), size):
            part = network.layer_sums(layer, values[first : first + size], first, pool)
            sums[first * positions : first * positions + len(part)] = part
        affine = look(layer.name, sums)
        outputs = np.empty((len(values), *layer.output_shape), np.float32)
        for first in range(0, len(values), size):
            part = sums[first * positions : (first + size) * positions]
            scaled = part if affine is None else affine.apply(part)
            outputs[first : first + size] = network.converted(
                layer, finish_layer(layer, scaled.astype(np.float32, copy=False))
            )
        return outputs

    def go_round(loop: Loop, _: Values, __: Given) -> dict[str, Values]:
        raise InputError(
            f"layer {loop.recurrent.name} goes round a loop: scale and shift (compensation.kind: affine) are found "
            "layer by layer and cannot be found for it; use global or per-column"
        )

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(network.threads) as pool:
        forward(network.plan.network, x, (), MatrixFunctions(multiply, go_round))
