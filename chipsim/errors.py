"""The error tree: every failure that a user can cause is a `ChipsimError` with one clear message."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ChipsimError(Exception):
    """Base of all errors that chipsim raises on purpose.

    ``exit_code`` is what the command line returns: 2 for bad input or usage, 1 where the input was
    understood and the mapping or the simulation failed.
    """

    exit_code = 1


class InputError(ChipsimError, ValueError):
    """A file, option or array that the user gave cannot be used."""

    exit_code = 2


class SpecError(InputError):
    """An architecture file or an override of one of its fields is wrong."""


class UnitError(SpecError):
    """A physical quantity has no unit, or one of another dimension."""


class ModelError(InputError):
    """An ONNX file that cannot be read."""


class UnsupportedOperatorError(ModelError):
    """The network holds an operator that chipsim does not run."""


class DataError(InputError):
    """Input data that does not fit the network."""


class DeviceRangeError(InputError):
    """A device model was asked for something outside what was measured (an age, a conductance)."""


class OutputError(InputError):
    """Results cannot be written where the user asked."""


class MappingError(ChipsimError):
    """The network cannot be placed on the chip."""


class CapacityError(MappingError):
    """The chip has too few tiles, or a buffer is smaller than its working set."""


class DeadlockError(ChipsimError):
    """The event queue ran dry while work was left."""


class ConsistencyError(ChipsimError):
    """Two planes that must agree do not: a fault of chipsim itself."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest allowed name, or an empty string.

    Parameters
    ----------
    name : str
        What the user wrote.
    allowed : iterable of str
        What would have been understood.

    Examples
    --------
    >>> nearest("colums", ["rows", "columns"])
    "; did you mean 'columns'?"
    >>> nearest("zzz", ["rows"])
    ''
    """
    close = difflib.get_close_matches(name, list(allowed), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
