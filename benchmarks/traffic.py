"""What links and meshes bear, against queueing theory: `python benchmarks/traffic.py [--json]`.

One link with many Poisson sources is a queue with random arrivals and constant service (M/D/1), whose mean wait is
rho S / (2 (1 - rho)). A k x k mesh under uniform random traffic can deliver in full at most 4/k flits per cycle and
site (k even): half of what the sites on one side of its middle send must pass the k links there. Routers with bounded
buffers deliver a share of that. Takes about five minutes on a quiet machine.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import argparse  # noqa: E402
import json  # noqa: E402
from dataclasses import asdict, dataclass  # noqa: E402

import numpy as np  # noqa: E402

from chipsim.architecture.chip import Chip, build_chip  # noqa: E402
from chipsim.architecture.loader import load_spec  # noqa: E402
from chipsim.simulation.core.timeline import Span  # noqa: E402
from chipsim.simulation.synthetic_traffic import carry, poisson, uniform_random  # noqa: E402

CYCLE_PS = 1000  # one flit of one byte at 1 GB/s
SERVICE_PS = 1_000_000  # a packet of 1000 bytes at 1 GB/s
IN_FULL = 0.985  # of what is sent; the rest is chance in a window of some thousand cycles
SOURCES = 32
ENDS = [f"tile({site})" for site in range(SOURCES)], f"tile({SOURCES + 1})"
QUEUES = {0.3: 200_000, 0.5: 300_000, 0.8: 1_000_000}  # load: packets, so that 3 % are at least 3.8 standard errors
SHARES = (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.25)  # of 4/k
CYCLES = {4: 12_000, 8: 6_000}
BUFFERS = (1, 2, 3, 4, 8, 16, 64, None)  # flits for each input port; None: unbounded
OFFERED = 1.25  # times 4/k, to see what routers with bounded buffers deliver at most


@dataclass(frozen=True, slots=True)
class QueuePoint:
    """Mean wait at one link, in service times."""

    load: float
    packets: int
    wait: float
    theory: float

    @property
    def error(self) -> float:
        return self.wait / self.theory - 1


@dataclass(frozen=True, slots=True)
class MeshPoint:
    """A mesh under one load; the last two thirds of the cycles count.

    Attributes
    ----------
    load, delivered : float
        Flits per cycle and site, sent and arrived.
    latency_cycles : float
        Mean, from the source to the last byte at the target.
    bisection_busy : float
        Least busy share of the links across the middles of rows and columns.
    """

    side: int
    load: float
    delivered: float
    latency_cycles: float
    bisection_busy: float

    @property
    def in_full(self) -> bool:
        return self.delivered >= IN_FULL * self.load


@dataclass(frozen=True, slots=True)
class BufferPoint:
    """A mesh that is offered more than it bears.

    Attributes
    ----------
    flits : int or None
        That each input port holds; None where there is always room.
    share : float
        Delivered, of 4/k.
    """

    side: int
    flits: int | None
    share: float
    bisection_busy: float


def queue_chip() -> Chip:
    """Many sites, joined by links that take no time worth mentioning to a slow one that all must pass."""
    hub, end = SOURCES, SOURCES + 1
    links = [*([site, hub] for site in range(SOURCES)), {"ends": [hub, end], "bandwidth": "1 GB/s"}]
    grid = ["grid.topology=custom", f"grid.shape=[1,{end + 1}]", f"grid.links={json.dumps(links)}"]
    return build_chip(load_spec("hermes64", [*grid, "link.bandwidth=1 PB/s", "link.latency=0 ns", "router.delay=1 ns"]))


def measure_queue(chip: Chip, load: float, packets: int, seed: int = 1) -> QueuePoint:
    carried = carry(chip, poisson(*ENDS, SERVICE_PS / load, packets, seed), 1000)
    alone = SERVICE_PS + 2 * CYCLE_PS  # two router delays
    wait = float(np.mean(carried.arrived_ps - carried.sent_ps - alone)) / SERVICE_PS
    return QueuePoint(load, packets, wait, load / (2 * (1 - load)))


def mesh_chip(side: int, *overrides: str) -> Chip:
    """A mesh whose routers and wires take a cycle together, and whose links carry a byte in each."""
    links = ["link.bandwidth=1 GB/s", "link.latency=0 ns", "router.delay=1 ns"]
    return build_chip(load_spec("hermes64", [f"grid.shape=[{side},{side}]", *links, *overrides]))


def measure_mesh(chip: Chip, load: float, cycles: int, seed: int = 1) -> MeshPoint:
    side, start, end = chip.spec.grid.shape[0], cycles // 3 * CYCLE_PS, cycles * CYCLE_PS
    busy = dict.fromkeys(bisection(side), 0)

    def note(span: Span) -> None:
        if span.component in busy:
            busy[span.component] += max(0, min(span.end_ps, end) - max(span.start_ps, start))

    carried = carry(chip, uniform_random(chip, load, cycles, 1, seed), 1, note)
    counted = carried.sent_ps >= start
    latency = float(np.mean((carried.arrived_ps - carried.sent_ps)[counted])) / CYCLE_PS
    delivered = load * carried.delivered_share(start, end)
    return MeshPoint(side, load, delivered, latency, min(busy.values()) / (end - start))


def bisection(side: int) -> list[str]:
    """Links across the middle of each row and of each column, both ways."""
    left, right = side // 2 - 1, side // 2
    return [
        f"router({name(i, a)})->router({name(i, b)})"
        for a, b in ((left, right), (right, left))
        for i in range(side)
        for name in (lambda i, c: f"{i},{c}", lambda i, r: f"{r},{i}")
    ]


def measure_buffers(side: int, flits: int | None, cycles: int) -> BufferPoint:
    chip = mesh_chip(side, *([] if flits is None else [f"router.buffer={flits} B"]))
    point = measure_mesh(chip, OFFERED * 4 / side, cycles)
    return BufferPoint(side, flits, point.delivered / (4 / side), point.bisection_busy)


def measure_all() -> tuple[list[QueuePoint], list[MeshPoint]]:
    chip = queue_chip()
    queues = [measure_queue(chip, load, packets) for load, packets in QUEUES.items()]
    return queues, [point for side in CYCLES for point in latency_load(side)]


def latency_load(side: int) -> list[MeshPoint]:
    chip = mesh_chip(side)
    return [measure_mesh(chip, share * 4 / side, CYCLES[side]) for share in SHARES]


def print_tables(queues: list[QueuePoint], meshes: list[MeshPoint]) -> None:
    print(f"one link, {SOURCES} Poisson sources: mean wait in service times\n")
    print("load   packets   simulated   rho/(2(1-rho))   difference")
    for queue in queues:
        print(f"{queue.load:4.2f} {queue.packets:9,} {queue.wait:11.4f} {queue.theory:16.4f} {queue.error:11.2%}")
    for side in CYCLES:
        points = [point for point in meshes if point.side == side]
        most = max(point.load for point in points if point.in_full)
        print(f"\n{side} x {side} mesh, uniform random traffic; at most 4/k = {4 / side:g} flits per cycle and site\n")
        print("sent   delivered   mean latency   least busy bisection link")
        for point in points:
            print(
                f"{point.load:5.3f} {point.delivered:10.3f} {point.latency_cycles:8.1f} cycles"
                f" {point.bisection_busy:20.1%}{'' if point.in_full else '   not in full'}"
            )
        print(f"greatest load delivered in full: {most:g}")


def print_buffers(points: list[BufferPoint]) -> None:
    print(f"\nbounded buffers, {OFFERED:g} x 4/k flits per cycle and site sent\n")
    print("mesh    flits per input port   delivered, of 4/k   least busy bisection link")
    for point in points:
        flits = "unbounded" if point.flits is None else point.flits
        print(f"{point.side} x {point.side} {flits!s:>22} {point.share:18.1%} {point.bisection_busy:22.1%}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print all points as JSON")
    as_json = parser.parse_args().json
    found = (
        *measure_all(),
        [measure_buffers(side, flits, CYCLES[side] // 2) for side in CYCLES for flits in BUFFERS],
    )
    if as_json:
        named = zip(("queues", "meshes", "buffers"), found, strict=True)
        print(json.dumps({name: [asdict(point) for point in points] for name, points in named}))
    else:
        print_tables(*found[:2])
        print_buffers(found[2])
