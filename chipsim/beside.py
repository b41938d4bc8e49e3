"""`Beside`: a network that shares a chip with the first one, and the text that asks for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from chipsim.errors import InputError, nearest
from chipsim.simulation.units.arrivals import parse_arrivals

_KEYS = ("data", "batch", "arrivals", "drain", "replicas", "shape", "save-programming", "load-programming")
_SEPARATOR = re.compile(r",(?=\s*[A-Za-z_-]+\s*(?:=|,|$))")


@dataclass(frozen=True, slots=True)
class Beside:
    """A network beside the first one; see `chipsim.simulate.run` for the meaning of each."""

    model: str
    data: str | None = None
    batch: int = 1
    arrivals: str | None = None
    drain: bool = False
    replicas: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    save_programming: str | None = None
    load_programming: str | None = None


def parse_beside(text: str) -> Beside:
    """Turn ``"MODEL,key=value,..."`` into a network beside the first one.

    Parameters
    ----------
    text : str
        Keys are ``data``, ``batch``, ``arrivals``, ``replicas`` and ``shape``, both of which may be repeated,
        ``save-programming`` and ``load-programming``, and ``drain``, which has no value. A comma within a value is one
        that no ``word=`` follows.

    Raises
    ------
    InputError
        If there is no model, or a key or value is not understood.

    Examples
    --------
    >>> parse_beside("zoo:digits-mlp,data=zoo:digits,batch=4,arrivals=poisson 1000/s")
    Beside(model='zoo:digits-mlp', data='zoo:digits', batch=4, arrivals='poisson 1000/s', drain=False, replicas=(), \
shapes=(), save_programming=None, load_programming=None)
    """
    model, *parts = (part.strip() for part in _SEPARATOR.split(text))
    if not model or "=" in model.partition(",")[0]:
        raise _wrong(text, "it begins with no model")
    given: dict[str, list[str]] = {}
    for part in parts:
        key, equals, value = (word.strip() for word in part.partition("="))
        if key not in _KEYS:
            raise _wrong(text, f"{key!r} is none of {', '.join(_KEYS)}{nearest(key, _KEYS)}")
        if (key == "drain") == bool(equals) or bool(equals) != bool(value):
            raise _wrong(text, "drain has no value" if key == "drain" else f"{key} has no value")
        given.setdefault(key, []).append(value)
    for key, values in given.items():
        if len(values) > 1 and key not in ("replicas", "shape"):
            raise _wrong(text, f"{key} is given twice")
    arrivals = given.get("arrivals", [None])[0]
    if arrivals is not None:
        parse_arrivals(arrivals)
    return Beside(
        model, given.get("data", [None])[0], _batch(text, given), arrivals, "drain" in given,
        tuple(given.get("replicas", ())), tuple(given.get("shape", ())),
        given.get("save-programming", [None])[0], given.get("load-programming", [None])[0],
    )  # fmt: skip


def _batch(text: str, given: dict[str, list[str]]) -> int:
    [value] = given.get("batch", ["1"])
    if not (value.isascii() and value.isdigit() and int(value) >= 1):
        raise _wrong(text, f"batch must be a whole number of at least 1, not {value!r}")
    return int(value)


def _wrong(text: str, why: str) -> InputError:
    return InputError(f"--beside {text!r}: {why}; write for instance 'zoo:digits-mlp,data=zoo:digits,batch=4'")
