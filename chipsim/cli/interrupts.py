"""`catch_interrupts`: Ctrl-C asks for what is complete, Ctrl-C again ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from chipsim.stopping import Stop


@contextmanager
def catch_interrupts() -> Iterator[Stop]:
    """Have a `Stop` that Ctrl-C interrupts, and Python's own way with Ctrl-C again afterwards.

    Where another than Python's handler stands, or outside the main thread, nothing is changed.
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
        signal.signal(signal.SIGINT, signal.default_int_handler)
