"""What a run settles before it begins: the chip, the age of its cells, the data of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.errors import InputError, SpecError
from chipsim.execution.calibration import device_of
from chipsim.execution.stored import stored_age_and_count
from chipsim.network.dataset import Dataset, fit_data, load_data, synthetic_data
from chipsim.network.graph import Network
from chipsim.network.one_answer import note_one_answer
from chipsim.network.unused_arrays import note_unused
from chipsim.network.zoo import load_network
from chipsim.planning.choose import with_strategy
from chipsim.settings import SYNTHETIC_INPUTS, Settings
from chipsim.units import age_text, parse_age

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


def chip_spec(settings: Settings) -> InMemorySpec:
    """The chip of a run, checked."""
    spec = load_spec(settings.architecture, settings.overrides)
    if not isinstance(spec, InMemorySpec):
        raise SpecError(f"{settings.architecture} is of kind {spec.kind}; give it as --baseline, and a chip as ARCH")
    return with_strategy(spec, settings.mapping)


def age_of(settings: Settings, spec: InMemorySpec) -> tuple[Settings, float]:
    """The age of the cells in seconds; a file of programmings decides on it, and on how many there are."""
    device = device_of(spec)
    age_s = device.earliest_age_s if settings.age is None else parse_age(settings.age)
    if settings.load_programming is not None:
        stored_s, count = stored_age_and_count(Path(settings.load_programming))
        if settings.age is not None and age_s != stored_s:
            given = age_text(stored_s)
            raise InputError(f"--age {settings.age}: the cells of {settings.load_programming} are of age {given}")
        age_s, settings = stored_s, replace(settings, programmings=count, age=age_text(stored_s))
    device.check_age(age_s)
    return settings, age_s


def network_and_data(
    settings: Settings, model: str, data: str | None, shapes: Sequence[str]
) -> tuple[Network, Dataset]:  # fmt: skip
    """A network and its data, made up where none are given; the data binds sizes that shapes leave open."""
    given = None if data is None else load_data(data)
    known = None if given is None else given.shapes
    network = load_network(model, seed=settings.seed, shapes=shapes, data_shape=known)
    dataset = synthetic_data(network, SYNTHETIC_INPUTS, settings.seed) if given is None else fit_data(given, network)
    return note_one_answer(note_unused(network, given), dataset), dataset


def note_options(network: Network, asked: Settings, settings: Settings, inputs: int) -> Network:
    """The network, with notes on options of a run that mean something else than they say.

    Parameters
    ----------
    network : Network
    asked, settings : Settings
        Before and after `age_of`.
    inputs : int
        That are scored.
    """
    notes = []
    if asked.programmings != settings.programmings:
        notes.append(
            f"{asked.load_programming} decides on the number of programmings, {settings.programmings}; "
            f"--programmings ({asked.programmings}) has no say"
        )
    if asked.trace > inputs:
        notes.append(f"--trace {asked.trace}: there are {inputs} inputs, and all of them are traced")
    return replace(network, notes=(*network.notes, *notes)) if notes else network
