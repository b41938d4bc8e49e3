"""chipsim: a discrete-event simulator of analog in-memory-computing chips.

>>> import chipsim
>>> result = chipsim.run("hermes64", "zoo:digits-mlp")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from chipsim.simulate import run

__all__ = ["__version__", "run"]


def __getattr__(name: str) -> Any:
    """Import the public functions when they are first asked for, so that ``import chipsim`` is instant."""
    if name == "run":
        from chipsim.simulate import run

        return run
    raise AttributeError(f"module 'chipsim' has no attribute {name!r}")
