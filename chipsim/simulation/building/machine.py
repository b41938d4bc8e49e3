"""`Machine`: all servers of a chip that runs one network, and what is known of who sends to whom."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from chipsim.architecture.spec import InMemorySpec, InputBuffer
from chipsim.mapping.partition import Ranges
from chipsim.mapping.plan import WHOLE, Plan, Replica
from chipsim.network.edges import Edge
from chipsim.simulation.building.sharing import Sharing
from chipsim.simulation.core.clock import Clock
from chipsim.simulation.core.gate import Arrivals, Gate
from chipsim.simulation.core.in_order_gate import InOrderGate
from chipsim.simulation.links.buffered import interconnect_for
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.links.packets import Flow
from chipsim.simulation.links.reduction import Reduction, RouterAdder
from chipsim.simulation.links.sender import Outlet
from chipsim.simulation.memories.far_memory import FarMemory
from chipsim.simulation.memories.far_reader import FarReader
from chipsim.simulation.memories.far_sink import FarWriter
from chipsim.simulation.memories.spilling import Spills
from chipsim.simulation.tiles.tile import TileServer
from chipsim.simulation.tiles.varying import ConversionCounts
from chipsim.simulation.units.chain import ChainUnit
from chipsim.simulation.units.digital import DigitalLayerServer, DigitalUnitServer
from chipsim.simulation.units.host import HostSource
from chipsim.simulation.units.neuron import NeuronServer

Wake = Callable[[], None]
Taps = tuple[tuple[int, ...], ...] | None


class TieOrder:
    """The order (input, network, layer, position, block, source name) of requests as one integer (rules T3, T91).

    Parameters
    ----------
    plans : sequence of Plan
        Of all networks on the chip.
    number : int
        Whose requests these are.

    Attributes
    ----------
    input_key, position_key : int
        What an input and a position weigh.
    """

    def __init__(self, plans: Sequence[Plan], number: int = 0) -> None:
        counts = [len(plan.network.layers) for plan in plans]
        most = max(layer.positions for plan in plans for layer in plan.network.layers.values())
        self._layers = {name: rank for rank, name in enumerate(plans[number].network.layers, sum(counts[:number]))}
        self._components = {name: rank for rank, name in enumerate(sorted(plans[number].chip.graph.nodes))}
        self._block_key = len(self._components)
        self.position_key = self._block_key * 2**20
        self._layer_key = self.position_key * (most + 1)
        self.input_key = self._layer_key * (sum(counts) + 1)

    def key(self, layer: str, block: int, component: str) -> int:
        """All but input and position."""
        return self._layers[layer] * self._layer_key + block * self._block_key + self._components[component]

    def keys(self, layer: str, block: int, component: str) -> tuple[int, int, int]:
        """All but input and position, and what these two weigh."""
        return self.key(layer, block, component), self.input_key, self.position_key


@dataclass(slots=True)
class Target:
    """One consumer of an edge: a tile, a digital layer or the host."""

    component: str
    gate: Gate | InOrderGate
    channels: Callable[[Taps], Ranges]
    buffer: InputBuffer | None = None
    server: TileServer | DigitalLayerServer | None = None
    arrivals: Arrivals | None = None
    replica: Replica = WHOLE


@dataclass(slots=True)
class Source:
    """One producer of positions: a slice of a matrix layer, a digital layer or the host."""

    component: str
    layer: str
    first_channel: int
    channels: int
    outlet: Outlet
    wake: Wake
    replica: Replica = WHOLE


@dataclass(slots=True)
class BufferUse:
    """What happened in one buffer: arrivals and releases in ps, for its greatest occupancy."""

    edge: Edge
    component: str
    arrivals: Arrivals
    releases: array[int]
    replica: Replica = WHOLE


@dataclass(slots=True)
class Machine:
    """All servers of a chip that run one network; several networks share clock, interconnect and digital units.

    Attributes
    ----------
    flows : list of Flow
        Of this network.
    window : int
        Inputs that may be under way at once, plus one.
    targets : dict of (consumer layer, operand) to list of Target
    sources : dict of producer layer to list of Source
    hosts : list of HostSource
        One per input layer (rule T95).
    digital : list of DigitalLayerServer
        Digital layers, and gate layers of recurrent operators.
    host_gates : list of Gate
        An input is done when it has passed all of them.
    unread : list of (Gate, Source)
        Those of them that a unit ends at whose positions nobody reads (rule T93).
    memory : FarMemory or None
        That buffers spill to.
    spills : dict of (str, int) to Spill
        Which ones do; see `chipsim.simulation.memories.spilling.Spills`.
    far_writers : list of FarWriter
    far_readers : list of FarReader
        Who writes what they spill, and reads it back.
    counts : mapping of tile to ConversionCounts
        What conversions took, where it depends on values and these are known.
    """

    plan: Plan
    window: int
    clock: Clock
    order: TieOrder
    interconnect: Interconnect
    sharing: Sharing
    memory: FarMemory | None = None
    spills: Spills = field(default_factory=dict)
    far_writers: list[FarWriter] = field(default_factory=list)
    far_readers: list[FarReader] = field(default_factory=list)
    tiles: list[TileServer] = field(default_factory=list)
    neurons: list[NeuronServer | ChainUnit] = field(default_factory=list)
    units: dict[str, DigitalUnitServer] = field(default_factory=dict)
    digital: list[DigitalLayerServer] = field(default_factory=list)
    gates: list[Gate | InOrderGate] = field(default_factory=list)
    host_gates: list[Gate] = field(default_factory=list)
    unread: list[tuple[Gate, Source]] = field(default_factory=list)
    buffers: list[BufferUse] = field(default_factory=list)
    hosts: list[HostSource] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    reductions: list[Reduction] = field(default_factory=list)
    adders: dict[str, RouterAdder] = field(default_factory=dict)
    counts: Mapping[str, ConversionCounts] = field(default_factory=dict)
    targets: defaultdict[tuple[str, int], list[Target]] = field(default_factory=lambda: defaultdict(list))
    sources: defaultdict[str, list[Source]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def empty(cls, plans: Sequence[Plan], windows: Sequence[int]) -> list[Machine]:
        """Machines without servers, one for each network on a chip."""
        clock, orders = Clock(), [TieOrder(plans, number) for number in range(len(plans))]
        interconnect = interconnect_for(plans[0].chip, clock, orders[0].input_key, orders[0].position_key)
        sharing, units = Sharing(plans, clock), dict[str, DigitalUnitServer]()
        adders = dict[str, RouterAdder]()
        given = plans[0].chip.spec.global_memory
        memory = None if given is None else FarMemory(given, clock)
        return [
            cls(plan, window, clock, order, interconnect, sharing, memory, units=units, adders=adders)
            for plan, window, order in zip(plans, windows, orders, strict=True)
        ]

    @property
    def spec(self) -> InMemorySpec:
        """Of the chip."""
        return self.plan.chip.spec

    def new_gate(self, positions: int) -> Gate:
        """A gate for one consumer."""
        gate = Gate(positions, self.window)
        self.gates.append(gate)
        return gate

    def new_in_order_gate(self, positions: int) -> InOrderGate:
        """A gate for a consumer to which packets of every way come in the order of positions."""
        gate = InOrderGate(positions)
        self.gates.append(gate)
        return gate

    def channels_read(self, edge: Edge, target: Target, taps: Taps) -> Ranges:
        """Channels of a producer position that a target reads: all of them behind a view that mixes positions.

        Where a view hands on some channels, they are the first ones to the target (rule T85).
        """
        if edge.mixed:
            return (edge.channels or (0, self.plan.network.layers[edge.producer].channels),)
        ranges = target.channels(taps)
        if edge.channels is None:
            return ranges
        first, _ = edge.channels
        return tuple((low + first, high + first) for low, high in ranges)
