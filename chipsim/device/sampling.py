"""`sample_reads`: what cells show when they are read, for tables and plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chipsim.device.model import DeviceModel
from chipsim.errors import InputError
from chipsim.streams import stream


@dataclass(frozen=True, slots=True)
class Reads:
    """Single reads of many cells with one target, at one age.

    Attributes
    ----------
    target : float
        0 is the lowest conductance of the model, 1 the highest.
    age_s : float
        In seconds.
    mean_siemens, std_siemens : float
        Over the cells.
    """

    target: float
    age_s: float
    mean_siemens: float
    std_siemens: float


def sample_reads(
    model: DeviceModel, targets: Sequence[float], ages_s: Sequence[float], samples: int, seed: int
) -> list[Reads]:
    """Program cells once per target, let them age, and read each of them once at every age.

    Slow and fast noise are added, and what falls below zero counts as zero.

    Parameters
    ----------
    model : DeviceModel
    targets : sequence of float
        Fractions of the model's conductance range.
    ages_s : sequence of float
        In seconds.
    samples : int
        Cells per target, at least 2.
    seed : int
        Of all draws; a target's cells do not depend on the other targets and ages.

    Returns
    -------
    list of Reads
        By target, then by age, in the order given.

    Raises
    ------
    InputError
        If a target is not between 0 and 1, or there are too few samples.
    DeviceRangeError
        If the model does not cover an age.

    Examples
    --------
    >>> from chipsim.device.registry import get_device
    >>> [row] = sample_reads(get_device("ideal"), [0.5], [0.0], 10, seed=1)
    >>> f"{row.mean_siemens * 1e6:g} uS"
    '12.5 uS'
    """
    if samples < 2:
        raise InputError(f"at least 2 samples are needed, got {samples}")
    for target in targets:
        if not 0 <= target <= 1:
            raise InputError(f"target {target:g} is not between 0 (lowest conductance) and 1 (highest)")
    for age_s in ages_s:
        model.check_age(age_s)
    return [row for target in targets for row in _ages(model, target, ages_s, samples, seed)]


def _ages(model: DeviceModel, target: float, ages_s: Sequence[float], samples: int, seed: int) -> list[Reads]:
    siemens = model.g_min_siemens + target * (model.g_max_siemens - model.g_min_siemens)
    state = model.program(np.full(samples, siemens), stream(seed, "device", repr(target), "programming"))
    found = []
    for age_s in ages_s:
        rng = stream(seed, "device", repr(target), repr(float(age_s)), "read")
        cells = model.at_age(state, age_s, rng)
        read = cells.conductance.astype(np.float64)
        if cells.fast_sigma is not None:
            read = np.maximum(read + cells.fast_sigma * rng.standard_normal(samples), 0)
        found.append(Reads(target, age_s, float(read.mean()), float(read.std())))
    return found
