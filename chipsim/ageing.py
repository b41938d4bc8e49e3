"""`age_network`: one call from an architecture, a network and ages to what ``ageing.json`` holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import mean, pstdev  # exact: a mean is never below the least value
from typing import Any

from chipsim.architecture.chip import Chip, build_chip
from chipsim.architecture.compensation_spec import COMPENSATIONS, Compensation
from chipsim.architecture.loader import load_spec, spec_hash
from chipsim.architecture.spec import InMemorySpec
from chipsim.device.model import DeviceModel
from chipsim.errors import CapacityError, InputError, SpecError, nearest
from chipsim.execution.ageing import AgedScore, AgeingOutcome, compute_ageing
from chipsim.execution.calibration import device_of
from chipsim.execution.split import Split, split_data
from chipsim.mapping.placement import OR_RELOAD
from chipsim.mapping.plan import Plan
from chipsim.network.dataset import Dataset, fit_data, load_data, synthetic_data
from chipsim.network.graph import Network
from chipsim.network.loops import loops
from chipsim.network.one_answer import note_one_answer
from chipsim.network.unused_arrays import note_unused
from chipsim.network.zoo import load_network
from chipsim.planning.choose import make_plan, needs_rounds, with_strategy
from chipsim.settings import SYNTHETIC_INPUTS
from chipsim.units import parse_age
from chipsim.versions import software_versions

SCHEMA_VERSION = 1
_AGES = ("20 s", "4 min", "40 min", "7 hours", "3 days", "30 days", "1 year")
_ALL_KINDS = ("none", "global", "per-column", "affine")
_NO_AFFINE = (
    "Without affine: scale and shift of each channel are not found for layers that go round a loop, whose inputs "
    "depend on what drift did to earlier steps."
)
_MEASURES = ("accuracy", "signal_to_noise_db", "gain", "signal_to_noise_without_gain_db")


@dataclass(frozen=True, slots=True)
class AgeingSettings:
    """What was asked for.

    Attributes
    ----------
    architecture, model : str
    data : str or None
    ages : str or None
        Separated by commas; `default_ages` of the device if not given.
    programmings : int
    compensation : str or None
        Kinds, separated by commas; if not given all that the network's layers can have: scale and shift per channel
        (``affine``) are not found for layers that go round a loop.
    seed : int
    overrides : tuple of str
    """

    architecture: str
    model: str
    data: str | None = None
    ages: str | None = None
    programmings: int = 5
    compensation: str | None = None
    seed: int = 0
    overrides: tuple[str, ...] = ()


def age_network(
    settings: AgeingSettings, *, progress: Callable[[str], None], threads: int = 2, chunk: int | None = None
) -> dict[str, Any]:
    """Score a network on a chip over time.

    Parameters
    ----------
    settings : AgeingSettings
    progress : callable
        Told in words what is being computed.
    threads, chunk : int
        Change speed and memory, no byte of the answer.

    Returns
    -------
    dict
        See ``docs/ageing.md``.

    Raises
    ------
    InputError
        If a file or option cannot be used.
    CapacityError
        If the network does not fit on the chip.
    """
    progress("reading")
    spec = load_spec(settings.architecture, settings.overrides)
    if not isinstance(spec, InMemorySpec):
        raise SpecError(f"{settings.architecture} is of kind {spec.kind}; only the cells of in-memory chips age")
    asked = settings.compensation
    compensations = _compensations(",".join(_ALL_KINDS) if asked is None else asked, spec)
    ages_s = default_ages(device_of(spec)) if settings.ages is None else _ages(settings.ages)
    data = None if settings.data is None else load_data(settings.data)
    network = load_network(settings.model, seed=settings.seed, data_shape=None if data is None else data.shapes)
    network = note_unused(network, data)
    if asked is None and loops(network):
        compensations = [each for each in compensations if each.kind != "affine"]
        network = replace(network, notes=(*network.notes, _NO_AFFINE))
    dataset = synthetic_data(network, SYNTHETIC_INPUTS, settings.seed) if data is None else fit_data(data, network)
    network, chip = note_one_answer(network, dataset), build_chip(with_strategy(spec, None))
    if needs_rounds(network, chip):
        raise InputError(
            f"{network.name} does not fit on {spec.name} at once, and chipsim age does not write tiles between rounds "
            "(mapping.reload); values are those of a chip that is large enough: give it more tiles, --set "
            "grid.shape=[ROWS,COLUMNS]"
        )
    plan, split = _planned(network, chip, settings.seed), split_data(dataset)
    found = compute_ageing(
        plan, split, settings.seed, ages_s, settings.programmings, compensations, progress=progress, threads=threads,
        chunk=chunk,
    )  # fmt: skip
    return _data(settings, plan, dataset, split, found, ages_s, compensations)


def _planned(network: Network, chip: Chip, seed: int) -> Plan:
    """On tiles; where they are too few, with the ways out that this command has."""
    try:
        return make_plan(network, chip, (), seed)
    except CapacityError as error:
        why = str(error).partition(OR_RELOAD)[0]
        raise CapacityError(re.sub(r"\(--chips (\d+)\)", r"(--set mapping.chips=\1)", why)) from None


def default_ages(device: DeviceModel) -> list[float]:
    """From 20 s to a year in about equal steps of a logarithm, as far as the device model goes, in seconds.

    Where it begins later or ends earlier, its own first and last age take the place of those outside.

    Examples
    --------
    >>> from chipsim.device import get_device
    >>> default_ages(get_device("pcm"))
    [20.0, 240.0, 2400.0, 25200.0, 259200.0, 2592000.0, 31536000.0]
    """
    first, last = device.earliest_age_s, device.latest_age_s
    return sorted({min(max(parse_age(age), first), last) for age in _AGES})


def _ages(text: str) -> list[float]:
    return sorted({parse_age(part) for part in _parts(text, "ages")})


def _compensations(text: str, spec: InMemorySpec) -> list[Compensation]:
    """Those of a list; the architecture's own number of reads holds for its own kind."""
    found: dict[str, Compensation] = {}
    own = spec.tile.compensation
    for part in _parts(text, "compensation"):
        kind = next((kind for kind in COMPENSATIONS if kind == part), None)
        if kind is None:
            close = nearest(part, COMPENSATIONS)
            raise InputError(f"no compensation called {part!r}; one of {', '.join(COMPENSATIONS)}{close}")
        found[kind] = own if own.kind == kind else Compensation(kind=kind)
    return list(found.values())


def _parts(text: str, what: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise InputError(f"--{what} {text!r} has an empty entry; separate entries by single commas")
    return parts


def _data(
    settings: AgeingSettings, plan: Plan, dataset: Dataset, split: Split, found: AgeingOutcome, ages_s: list[float],
    compensations: list[Compensation],
) -> dict[str, Any]:  # fmt: skip
    network, spec = plan.network, plan.chip.spec
    return {
        "schema_version": SCHEMA_VERSION,
        "chip": {"name": spec.name, "device": spec.tile.crossbar.device_name, "age_zero_s": _age_zero_s(spec)},
        "network": {
            "name": network.name,
            "macs": network.macs,
            "layers": len(network.layers),
            "notes": list(network.notes),
            "tiles_used": plan.tiles_used,
        },
        "weights": network.weights,
        "accuracy": found.accuracy,
        "ageing": _rows(found.scores),
        "programmings": [asdict(score) for score in found.scores],
        "settings": {
            "architecture": settings.architecture,
            "set": list(settings.overrides),
            "model": settings.model,
            "data": settings.data or f"{SYNTHETIC_INPUTS} seeded standard-normal inputs",
            "inputs": len(split.x),
            "calibration": split.rule,
            "ages_s": ages_s,
            "programmings": settings.programmings,
            "compensations": [each.kind for each in compensations],
            "reads_per_tile": {each.kind: each.reads_per_tile for each in compensations if each.reads_per_tile},
        },
        "seed": settings.seed,
        "versions": software_versions(),
        "input_hashes": {"model": network.sha256, "data": dataset.sha256, "architecture": spec_hash(spec)},
    }


def _age_zero_s(spec: InMemorySpec) -> float | None:
    """Where ages count from, in seconds after programming; None where the device model does not say."""
    zero: float | None = getattr(device_of(spec), "t0_s", None)
    return zero


def _rows(scores: Sequence[AgedScore]) -> list[dict[str, Any]]:
    """One row per age and compensation: mean, standard deviation and minimum over the programmings."""
    grouped: dict[tuple[float, str], list[AgedScore]] = {}
    for score in scores:
        grouped.setdefault((score.age_s, score.compensation), []).append(score)
    rows = []
    for (age_s, compensation), group in grouped.items():
        row: dict[str, Any] = {"age_s": age_s, "compensation": compensation, "programmings": len(group)}
        for measure in _MEASURES:
            row |= _spread(measure, [getattr(score, measure) for score in group])
        rows.append(row)
    return rows


def _spread(measure: str, values: Sequence[float | None]) -> dict[str, float | None]:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return {f"{measure}_mean": None, f"{measure}_std": None, f"{measure}_min": None}
    return {f"{measure}_mean": mean(known), f"{measure}_std": pstdev(known), f"{measure}_min": min(known)}
