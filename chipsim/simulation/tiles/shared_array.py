"""`SharedArray`: one array of a tile that holds several blocks, whose MVMs take turns on it (rules T71, T72)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from chipsim.simulation.core.clock import Call, Clock
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.tiles.mvm import Mvm


class Port:
    """What MVMs use one at a time, in the order in which they ask: a port, or a set of converters.

    Attributes
    ----------
    free : int
        From when on, ps.
    arrays : int
        That share it; of one array MVMs ask in the order of their turns, and no event is needed.
    """

    __slots__ = ("arrays", "free")

    def __init__(self) -> None:
        self.free = self.arrays = 0

    def take(self, time: int, duration: int) -> int:
        """Serve who asked at a time; returns when it began."""
        start = self.free if self.free > time else time
        self.free = start + duration
        return start


class SharedArray:
    """Turns of MVMs of several blocks, or of one block beside others.

    Parameters
    ----------
    clock : Clock
    load_port, converters, output_port : Port
    banks : int
        Input and output registers.
    sample_and_hold : bool
    """

    __slots__ = (
        "_asked", "_drain_end", "_drained", "_entered", "_free", "_held", "_integrate_end", "_integrated", "_loaded",
        "_started", "_worked_until", "banks", "clock", "converters", "load_port", "output_port", "sample_and_hold",
    )  # fmt: skip

    def __init__(
        self, clock: Clock, load_port: Port, converters: Port, output_port: Port, banks: int, sample_and_hold: bool
    ) -> None:
        self.clock, self.banks, self.sample_and_hold = clock, banks, sample_and_hold
        self.load_port, self.converters, self.output_port = load_port, converters, output_port
        for port in (load_port, converters, output_port):
            port.arrays += 1
        self._entered: deque[Mvm] = deque()
        self._loaded: deque[Mvm] = deque()
        self._asked = self._started = self._integrated = self._drained = 0
        self._free = self._worked_until = 0
        self._held = False
        self._integrate_end, self._drain_end = [0] * banks, [0] * banks

    def state(self, origin: Origin) -> State:
        """Progress and times, those of the ports included (rule T50)."""
        asked = self._asked
        ports = self.load_port.free, self.converters.free, self.output_port.free
        return (
            asked - self._started, asked - self._integrated, asked - self._drained, self._held,
            origin.after((self._free, self._worked_until, *ports)),
            origin.ring(self._integrate_end, asked), origin.ring(self._drain_end, asked), asked % self.banks,
            tuple(mvm.state(origin) for mvm in self._entered), tuple(mvm.state(origin) for mvm in self._loaded),
        )  # fmt: skip

    def enter(self, mvm: Mvm) -> None:
        """Give the next turn to an MVM, now."""
        self._entered.append(mvm)
        self._let_load()

    def _request(
        self, port: Port, time: int, mvm: Mvm, serve: Callable[[Mvm, int], None], later: Callable[[Call], None]
    ) -> None:
        """Ask for a port: at once where nobody else can come in between."""
        if port.arrays > 1 and time > self.clock._now:
            self.clock.at(time, mvm.key, later, (mvm.input, mvm.position, mvm, time))
        else:
            serve(mvm, time)

    def _let_load(self) -> None:
        while self._entered and self._asked - self._integrated < self.banks:
            mvm, now = self._entered.popleft(), self.clock._now
            register = self._integrate_end[self._asked % self.banks]
            self._asked += 1
            self._request(self.load_port, max(register, now), mvm, self.load, mvm.block.serve_load)

    def load(self, mvm: Mvm, time: int) -> None:
        """Serve an MVM that asked for the load port at a time."""
        start = self.load_port.take(time, mvm.block.load_ps)
        mvm.load_end = self.load_port.free
        self._loaded.append(mvm)
        mvm.block.loaded(mvm, start)
        self._integrate()

    def _integrate(self) -> None:
        """Let the array go on with the next turn, if it is known when."""
        while self._loaded and not self._held and self._started - self._drained < self.banks:
            mvm = self._loaded.popleft()
            start = max(mvm.load_end, self._free, self._drain_end[self._started % self.banks])
            self._started += 1
            if not mvm.planes[0][1]:
                self._held = True
                self._request(self.converters, start, mvm, self.convert, mvm.block.serve_convert)
                continue
            mvm.start = start
            if self.converters.arrays == 1:
                self._compute(mvm)
            else:
                self._held = True
                self._expose(mvm, start)

    def _compute(self, mvm: Mvm) -> None:
        """Integrate and convert all planes with converters that no other array uses: in one step."""
        folded, converters = mvm.folded, self.converters
        integrated = mvm.start + folded.integrate_ps
        mvm.converted_from = first = max(integrated, converters.free)
        last = first + folded.handover_ps
        mvm.end = converters.free = last + folded.convert_ps
        self._work(mvm, mvm.start, mvm.end)
        self._free = last if self.sample_and_hold else mvm.end
        self._note_integrated(mvm, last - folded.idle_ps if len(mvm.planes) > 1 else integrated)
        self._finish(mvm)

    def _finish(self, mvm: Mvm) -> None:
        """It is known when an MVM is converted."""
        mvm.block.computed(mvm)
        self._request(self.output_port, mvm.end, mvm, self.drain, mvm.block.serve_drain)
        self._let_load()

    def _expose(self, mvm: Mvm, start: int) -> None:
        """Integrate a plane, which then asks for the converters."""
        end = start + mvm.planes[mvm.plane][0]
        self._work(mvm, start, end)
        if mvm.plane == len(mvm.planes) - 1:
            self._note_integrated(mvm, end)
        self._request(self.converters, end, mvm, self.convert, mvm.block.serve_convert)
        self._let_load()

    def _note_integrated(self, mvm: Mvm, end: int) -> None:
        mvm.sampled = self._integrate_end[self._integrated % self.banks] = end
        self._integrated += 1

    def convert(self, mvm: Mvm, time: int) -> None:
        """Serve an MVM, or a plane of it, that asked for the converters at a time."""
        integrate, convert = mvm.planes[mvm.plane]
        start = self.converters.take(time, convert or integrate)
        end = self.converters.free
        self._work(mvm, start, end)
        if not convert:  # one phase: array and converters together
            mvm.start = start
            self._note_integrated(mvm, end)
        elif not mvm.plane:
            mvm.converted_from = start
        mvm.plane += 1
        if mvm.plane < len(mvm.planes):
            self._expose(mvm, start)
            return
        self._free, self._held, mvm.end = (start if convert and self.sample_and_hold else end), False, end
        self._finish(mvm)
        self._integrate()

    def drain(self, mvm: Mvm, time: int) -> None:
        """Serve an MVM that asked for the output port at a time."""
        start = self.output_port.take(time, mvm.block.drain_ps)
        self._drain_end[self._drained % self.banks] = self.output_port.free
        self._drained += 1
        mvm.block.drained(mvm, start, self.output_port.free)
        self._integrate()

    def _work(self, mvm: Mvm, start: int, end: int) -> None:
        """Count the time in which array or converters work on this array's MVMs: starts never fall."""
        mvm.block.worked += max(0, end - max(start, self._worked_until))
        self._worked_until = max(end, self._worked_until)
