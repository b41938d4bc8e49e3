"""`take_apart`: what a machine is made of is freed at once, once it has run."""

from __future__ import annotations

from collections.abc import Sequence

from chipsim.simulation.building.machine import Machine


def take_apart(machines: Sequence[Machine]) -> None:
    """Let the parts of machines that ran forget each other; call once all that is asked of them is known.

    Servers, gates and links know each other in circles. Python frees those only when it searches for them, which takes
    a tenth as long as the run, and until then they take memory.

    Parameters
    ----------
    machines : sequence of Machine
        All networks' on one chip; of no use afterwards.
    """
    slots: dict[type, list[str]] = {}
    for machine in machines:
        for part in (
            *machine.tiles, *machine.neurons, *machine.digital, *machine.reductions, *machine.hosts, *machine.gates,
            *machine.far_writers, *machine.far_readers,
        ):  # fmt: skip
            kind = type(part)
            if kind not in slots:
                slots[kind] = _slots(kind)
            _forget(part, slots[kind])
        vars(machine.interconnect).clear()
        _forget(machine, _slots(Machine))


def _forget(part: object, slots: list[str]) -> None:
    """Delete all attributes of an object with slots."""
    for slot in slots:
        try:
            delattr(part, slot)
        except AttributeError:  # it has none
            continue


def _slots(kind: type) -> list[str]:
    """Names of all slots of a class."""
    return [name for base in kind.__mro__ for name in vars(base).get("__slots__", ())]
