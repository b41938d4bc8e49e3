"""`BaselineEngine`: four processes on one clock: inputs arrive, weights are fetched, layers run, outputs leave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from functools import partial

from simpy.events import Event

from chipsim.architecture.spec import VonNeumannSpec
from chipsim.baseline.host import HostLink
from chipsim.baseline.memory import DramChannel, Halves, trigger
from chipsim.baseline.program import Program, Segment
from chipsim.errors import DeadlockError
from chipsim.simulation.core.clock import COMPLETION, Clock
from chipsim.simulation.core.timeline import StageSpan

Process = Generator[Event, None, None]
STAGED_BATCHES = 8
"""Batches whose layers get spans in the timeline."""


class BaselineEngine:
    """Runs batches one after the other (rules B1 to B5, B15 to B18).

    Parameters
    ----------
    spec : VonNeumannSpec
    programs : list of Program
        One per batch, in order.
    in_flight : int or None
        Batches that may be released and not done; None where only the buffers limit them.
    progress : callable or None
        Told how many inputs are done.
    arrivals_ps : sequence of int, or None
        Per input: when it is there to be sent; None where all are from the beginning.

    Attributes
    ----------
    released_ps, admitted_ps, done_ps : list of int
        Per input: release of its batch, when the host begins to send the batch, last output byte.
    stages : list of StageSpan
    dram : DramChannel
    host : HostLink
    """

    def __init__(
        self,
        spec: VonNeumannSpec,
        programs: list[Program],
        in_flight: int | None,
        progress: Callable[[int], None] | None,
        arrivals_ps: Sequence[int] | None = None,
    ) -> None:
        self.spec, self.programs, self.in_flight, self.arrivals_ps = spec, programs, in_flight, arrivals_ps
        self.progress = progress if progress is not None else lambda _: None
        self.clock = Clock()
        self.dram = DramChannel(self.clock, spec.dram, any(program.spills for program in programs))
        self.released_ps: list[int] = []
        self.admitted_ps: list[int] = []
        self.done_ps: list[int] = []
        self.stages: list[StageSpan] = []
        self.host = HostLink(spec.host)
        self._weights, self._chunks = Halves(self.clock, 2), Halves(self.clock, 2)
        self._outputs, self._fetched = Halves(self.clock, 2), Halves(self.clock, 0)
        event: Callable[[], Event] = self.clock.event
        self._arrived = [event() for _ in programs]
        self._computed = [event() for _ in programs]
        self._left = [event() for _ in programs]
        self._done = [event() for _ in programs]
        self._written: defaultdict[tuple[int, str], Event] = defaultdict(event)
        segments = max((len(program.segments) for program in programs), default=0)
        self._batch_key = 2 * (segments + 2)

    def run(self) -> None:
        """Simulate everything.

        Raises
        ------
        DeadlockError
            If the event queue runs dry with work left.
        """
        self.clock.process(self._arrive())
        self.clock.process(self._compute())
        if any(segment.fetches for program in self.programs for segment in program.segments):
            self.clock.process(self._fetch())
        self.clock.run_all()
        expected = sum(program.inputs for program in self.programs)
        if len(self.done_ps) != expected:
            raise DeadlockError(
                f"{self.spec.name}: no event is left after {len(self.done_ps)} of {expected} inputs; "
                f"{sum(event.triggered for event in self._arrived)} batches have arrived and "
                f"{sum(event.triggered for event in self._computed)} are computed; please report this"
            )

    def _arrive(self) -> Process:
        """The host sends batch after batch into a double buffer."""
        clock = self.clock
        for batch, program in enumerate(self.programs):
            if batch >= 2:
                yield self._computed[batch - 2]
            if self.in_flight is not None and batch >= self.in_flight:
                yield self._done[batch - self.in_flight]
            arrival = None if self.arrivals_ps is None else self.arrivals_ps[len(self.released_ps)]
            if arrival is not None and arrival > clock.now:
                yield clock.timeout(arrival - int(clock.now))
            self.admitted_ps += [int(clock.now)] * program.inputs
            self.released_ps += [int(clock.now) if arrival is None else arrival] * program.inputs
            # an input that has no room on chip goes to DRAM as soon as it is here, without waiting for its batch
            pieces = program.inputs if program.staged_input_bytes else 1
            size = program.inputs // pieces * program.input_bytes
            for piece, end in enumerate(self.host.receive(pieces, size), start=1):
                yield clock.timeout(self.admitted_ps[-1] + end - int(clock.now))
                arrive = partial(self._stage_input, batch, piece == pieces)
                clock.at(int(clock.now) + self.host.latency_ps, COMPLETION, arrive)

    def _stage_input(self, batch: int, last: bool, _: Event) -> None:
        """Inputs are here: a whole batch, or one of those that go to DRAM."""
        program = self.programs[batch]
        if not program.staged_input_bytes:
            self._arrived[batch].succeed()
            return
        for each in (each for each in program.arriving if each.staged):
            written = self.dram.request(self._key(batch, -1, 1), each.layer, "write", each.bytes)
        if last:
            written.callbacks.append(trigger(self._arrived[batch]))

    def _fetch(self) -> Process:
        """Bring weights and spilled tensors from DRAM in the order of their use, as far ahead as the buffers allow."""
        for batch, program in enumerate(self.programs):
            yield self._arrived[batch]
            for index, segment in enumerate(program.segments):
                if segment.weight_bytes:
                    yield from _wait(self._weights.take())
                    yield self._read(batch, index, segment, segment.weight_bytes)
                if segment.input_bytes:
                    yield from _wait(self._chunks.take())
                    for tensor in segment.awaits:
                        yield self._written[batch, tensor]
                    yield self._read(batch, index, segment, segment.input_bytes, segment.bursts)
                if segment.fetches:
                    self._fetched.give()

    def _compute(self) -> Process:
        """Run the layers of batch after batch."""
        for batch, program in enumerate(self.programs):
            yield self._arrived[batch]
            if batch >= 2:
                yield self._left[batch - 2]
            spans: dict[str, tuple[int, int]] = {}
            for index, segment in enumerate(program.segments):
                if segment.fetches:
                    yield from _wait(self._fetched.take())
                if segment.output_bytes:
                    yield from _wait(self._outputs.take())
                if batch < STAGED_BATCHES:
                    self._mark(spans, segment)
                yield self.clock.timeout(segment.duration_ps)
                self._release(batch, index, segment)
            first = sum(before.inputs for before in self.programs[:batch]) if spans else 0
            self.stages += [StageSpan(layer, first, start, end) for layer, (start, end) in spans.items()]
            self._computed[batch].succeed()
            if program.staged_output_bytes:
                self.clock.process(self._collect(batch))
            else:
                self._send_outputs(batch)

    def _release(self, batch: int, index: int, segment: Segment) -> None:
        """A segment has ended: free what it held and send what it made to DRAM."""
        if segment.frees_weights:
            self._weights.give()
        if segment.input_bytes:
            self._chunks.give()
        if segment.output_bytes:
            key, size = self._key(batch, index, 1), segment.output_bytes
            written = self.dram.request(key, segment.layer, "write", size, segment.bursts)
            written.callbacks.append(partial(self._finish_write, batch, segment))

    def _finish_write(self, batch: int, segment: Segment, _: Event) -> None:
        self._outputs.give()
        if segment.completes:
            self._written[batch, segment.completes].succeed()

    def _collect(self, batch: int) -> Process:
        """Read outputs back that had no room on chip."""
        program = self.programs[batch]
        for tensor in program.staged_outputs:
            yield self._written[batch, tensor]
        key = self._key(batch, len(program.segments), 0)
        yield self.dram.request(key, program.outputs[-1], "read", program.staged_output_bytes)
        self._send_outputs(batch)

    def _send_outputs(self, batch: int) -> None:
        """Outputs leave in the order of their inputs; the link is this flow's alone, so its end is known now."""
        program = self.programs[batch]
        self.done_ps += self.host.send(int(self.clock.now), program.inputs, program.output_bytes)
        self.clock.at(self.host.free_out_ps, COMPLETION, trigger(self._left[batch]))
        self.clock.at(self.done_ps[-1], COMPLETION, partial(self._finish, batch, len(self.done_ps)))

    def _finish(self, batch: int, inputs: int, _: Event) -> None:
        self._done[batch].succeed()
        self.progress(inputs)

    def _read(self, batch: int, index: int, segment: Segment, size: int, bursts: int = 1) -> Event:
        return self.dram.request(self._key(batch, index, 0), segment.layer, "read", size, bursts)

    def _key(self, batch: int, index: int, kind: int) -> int:
        """Tie order: batch, place in the program (-1 for its inputs), reads before writes."""
        return batch * self._batch_key + 2 * (index + 1) + kind

    def _mark(self, spans: dict[str, tuple[int, int]], segment: Segment) -> None:
        now = int(self.clock.now)
        for layer, start, end in segment.marks:
            first, _ = spans.get(layer, (now + start, 0))
            spans[layer] = (first, now + end)


def _wait(event: Event | None) -> Process:
    """Wait where there is something to wait for."""
    if event is not None:
        yield event
