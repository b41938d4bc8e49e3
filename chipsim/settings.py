"""`Settings`: what a run was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from chipsim.beside import parse_beside
from chipsim.crossbar.precision import Precision
from chipsim.errors import InputError, nearest
from chipsim.simulation.units.arrivals import parse_arrivals

SYNTHETIC_INPUTS = 5
"""Inputs made up where no data is given: a few, and enough for a steady interval."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was asked for.

    Attributes
    ----------
    architecture : str
        Of kind in-memory, by name (``"hermes64"``) or path.
    model : str
        ``"zoo:digits-mlp"``, ``"onnx:resnet50"`` or the path of an ONNX file.
    data : str, optional
        ``"zoo:digits"`` or an .npz file with ``x`` (or an array per input of the network, by name), and optionally
        ``y`` and ``x_calibration``; without it a few seeded standard-normal inputs.
    baseline : str, optional
        An architecture of kind von-neumann.
    batch : int
        Inputs that the host hands over together, on both machines; never changes values.
    seed : int
        Of every random draw.
    age : str, optional
        Of the devices, such as ``"1 day"``; the earliest that the model knows if not given.
    programmings : int
        Independent programmings for the noisy accuracy.
    overrides, baseline_overrides : sequence of str
        ``"path.to.field=value"``.
    drain : bool
        Finish each batch before the next.
    timing_only : bool
        Times, energy and traffic only: no values.
    trace : int
        Keep every span of so many first inputs.
    precision : {"float32", "float64", "exact"}
        Of the products on the tiles; exact ones are the same bytes on every processor for the same cells.
    load_programming : str, optional
        A file to take programmings from, instead of drawing them.
    arrivals : str, optional
        Rate at which inputs come, such as ``"1000/s"`` or ``"poisson 1000/s"``; all at once if not given.
    replicas : sequence of str
        ``"layer=number"`` copies of a layer that take turns at its positions, or ``"balanced"``: as many as fit
        and raise the estimated throughput.
    shapes : sequence of str
        ``"input=1x3x224x224"``: sizes that the model leaves open; the data binds them if not given.
    mapping : str, optional
        Name of a strategy, such as ``"in-order"``, or a file that holds a mapping (`chipsim map --out` writes one);
        what the architecture says if not given.
    beside : sequence of str
        Further networks on the chip at the same time, ``"zoo:digits-mlp,data=zoo:digits,batch=4"``; see `parse_beside`.
    """

    architecture: str
    model: str
    data: str | None = None
    baseline: str | None = None
    batch: int = 1
    seed: int = 0
    age: str | None = None
    programmings: int = 5
    overrides: tuple[str, ...] = ()
    baseline_overrides: tuple[str, ...] = ()
    drain: bool = False
    timing_only: bool = False
    trace: int = 0
    precision: Precision = "float32"
    load_programming: str | None = None
    arrivals: str | None = None
    replicas: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    mapping: str | None = None
    beside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, least in (("batch", 1), ("seed", 0), ("programmings", 1), ("trace", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise InputError(f"{name} must be a whole number of at least {least}, not {value!r}")
        allowed = get_args(Precision)
        if self.precision not in allowed:
            close = nearest(str(self.precision), allowed)
            raise InputError(f"precision must be one of {', '.join(allowed)}, not {self.precision!r}{close}")
        if self.timing_only and self.load_programming is not None:
            raise InputError("--timing-only computes no values: leave out --load-programming")
        if self.arrivals is not None:
            parse_arrivals(self.arrivals)
        for text in self.beside:
            other = parse_beside(text)
            if self.timing_only and (other.save_programming or other.load_programming):
                raise InputError(f"--timing-only computes no values: leave programmings out of --beside {text!r}")


def texts_of(name: str, given: object) -> tuple[str, ...]:
    """What must be a list of texts, as a tuple; a text alone would be taken for a list of its letters.

    Parameters
    ----------
    name : str
        Of the argument, for the message.
    given : object

    Raises
    ------
    InputError

    Examples
    --------
    >>> texts_of("shapes", ["x=1x8"])
    ('x=1x8',)
    """
    texts = tuple(given) if isinstance(given, list | tuple) else None
    if texts is None or not all(isinstance(text, str) for text in texts):
        example = f"[{given!r}]" if isinstance(given, str) else "a list of texts"
        raise InputError(f"{name} must be a list of texts, not {given!r:.100}; give {example}")
    return texts
