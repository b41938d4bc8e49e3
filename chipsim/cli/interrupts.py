"""`catch_interrupts`: Ctrl-C asks for what is complete, Ctrl-C again ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from chipsim.stopping import Stop

INTERRUPTED_CODE = 130
"""Exit code after Ctrl-C where there are results: 128 + the number of the signal, as shells have it."""


@contextmanager
def catch_interrupts(*, last: bool) -> Iterator[Stop]:
    """Have a `Stop` that Ctrl-C interrupts.

    Where another than Python's handler stands, or outside the main thread, nothing is changed.

    Parameters
    ----------
    last : bool
        Nothing but the end of the process follows, which Ctrl-C is not to disturb; else it is Python's again.
    """
    stop = Stop()
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield stop
        return
    signal.signal(signal.SIGINT, lambda *_: stop.interrupt())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN if last else signal.default_int_handler)
