"""`Stop`: a user's wish to end a run early, and to have what is complete by then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Stop:
    """The first interrupt asks for what is complete, the second one ends everything at once.

    Attributes
    ----------
    times : int
        Interrupts so far.
    patient : bool
        What runs now looks at `asked` by itself; else the first interrupt raises KeyboardInterrupt, too.

    Examples
    --------
    >>> stop = Stop()
    >>> with stop.patiently():
    ...     stop.interrupt()
    >>> stop.asked, stop.once
    (True, True)
    """

    __slots__ = ("patient", "times")

    def __init__(self) -> None:
        self.times, self.patient = 0, False

    def interrupt(self) -> None:
        """Note an interrupt; call this when the user presses Ctrl-C.

        Raises
        ------
        KeyboardInterrupt
            If what runs now does not look by itself, or is asked for the second time.
        """
        self.times += 1
        if self.times > 1 or not self.patient:
            raise KeyboardInterrupt

    @property
    def asked(self) -> bool:
        """Whether to come to an end."""
        return self.times > 0

    @property
    def once(self) -> bool:
        """Whether what is complete is wanted: on a KeyboardInterrupt that did not come from here, it is not."""
        return self.times == 1

    @contextmanager
    def patiently(self) -> Iterator[None]:
        """Let the first interrupt be noted only, while something runs that looks at `asked`."""
        before, self.patient = self.patient, True
        try:
            yield
        finally:
            self.patient = before
