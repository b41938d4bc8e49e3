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
        What runs now looks at `asked` by itself, or is nearly done; else the first interrupt raises KeyboardInterrupt,
        too.
    raised : bool
        A KeyboardInterrupt was raised here, and nobody has made use of it yet: what else is raised comes from it.

    Examples
    --------
    >>> stop = Stop()
    >>> with stop.patiently():
    ...     stop.interrupt()
    >>> stop.asked, stop.once, stop.raised
    (True, True, False)
    """

    __slots__ = ("_whole", "patient", "raised", "times")

    def __init__(self) -> None:
        self.times, self.patient, self.raised, self._whole = 0, False, False, 0

    def interrupt(self) -> None:
        """Note an interrupt; call this when the user presses Ctrl-C.

        Raises
        ------
        KeyboardInterrupt
            If what runs now does not look by itself, or is asked for the second time.
        """
        self.times += 1
        if not self._whole and (self.times > 1 or not self.patient):
            self.raised = True
            raise KeyboardInterrupt

    def again(self) -> None:
        """Raise once more what was lost on its way, as some libraries do; call this now and then.

        Raises
        ------
        KeyboardInterrupt
            If one was raised that nobody has made use of.
        """
        if self.raised and not self._whole:
            raise KeyboardInterrupt

    def used(self) -> None:
        """Call this where a KeyboardInterrupt was caught, and what is complete is made use of."""
        self.raised = False

    @property
    def asked(self) -> bool:
        """Whether to come to an end."""
        return self.times > 0

    @property
    def once(self) -> bool:
        """Whether what is complete is wanted: on a KeyboardInterrupt that did not come from here, it is not."""
        return self.times == 1

    @contextmanager
    def patiently(self, patient: bool = True) -> Iterator[None]:
        """Let the first interrupt be noted only, while something runs that looks at `asked`; or the other way round."""
        before, self.patient = self.patient, patient
        try:
            yield
        finally:
            self.patient = before

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Let all interrupts be noted only, while something runs that is short and must not be left half done."""
        self._whole += 1
        try:
            yield
        finally:
            self._whole -= 1
