"""`ValuesOutcome`: what the functional plane found, and `note_activity`: what of it the tiles did."""

from __future__ import annotations

from dataclasses import dataclass, field

from chipsim.architecture.compensation_spec import CompensationKind
from chipsim.crossbar.conversion_cycles import ConversionCounts
from chipsim.crossbar.program_verify import WriteCounts
from chipsim.execution.affine_refit import Refit
from chipsim.execution.forward import Values
from chipsim.execution.functional import AnalogNetwork


@dataclass(slots=True)
class ValuesOutcome:
    """What the functional plane found.

    Attributes
    ----------
    accuracy : dict of str to float or None
    signal_to_noise_db : dict of str to float or None
        Per matrix layer, noisy against ideal outputs, for the first programming.
    tile_mvms : dict of str to int
        MVMs that each block computed for the scored inputs, by `PlacedBlock.name`: the tile's, if it is alone there.
    integrated_conductance : dict of (block's name, layer) to float
        Siemens x seconds over all scored inputs, first programming.
    reference_reads : dict of (block's name, layer) to int
        MVMs spent on drift compensation at the asked-for age.
    reference_conductance : dict of (block's name, layer) to float
        Siemens x seconds over those reads.
    compensated_by : str or None
        The kind of drift compensation, ``none`` included; None at the earliest age, where nothing has drifted.
    refit_inputs : int
        Calibration inputs that affine factors were fitted with at the asked-for age; 0 where there are none.
    refit_conductance : dict of (block's name, layer) to float
        Siemens x seconds over those inputs, first programming.
    refit_conversions : dict of str to ConversionCounts
        What the conversions of each block took for those inputs, first programming; as `conversion_counts`.
    writes : dict of str to WriteCounts
        What writing each block took, first programming; empty where that is not known.
    conversion_counts : dict of str to ConversionCounts
        What the conversions of each block took, first programming; empty where time and energy do not depend on it.
    clipped_inputs, saturated_outputs : float
        Shares of all conversions, first programming.
    outputs : dict of str to ndarray
        Of the ``reference``, ``ideal``, ``quantised`` and ``noisy`` (first programming) runs, before a final Softmax.
    programming_sha256 : str or None
        Of the file that programmings were taken from.
    programmings : int
        Finished, fewer than asked for after an interrupt.
    """

    accuracy: dict[str, float | None] = field(default_factory=dict)
    signal_to_noise_db: dict[str, float | None] = field(default_factory=dict)
    tile_mvms: dict[str, int] = field(default_factory=dict)
    integrated_conductance: dict[tuple[str, str], float] = field(default_factory=dict)
    reference_reads: dict[tuple[str, str], int] = field(default_factory=dict)
    reference_conductance: dict[tuple[str, str], float] = field(default_factory=dict)
    compensated_by: CompensationKind | None = None
    refit_inputs: int = 0
    refit_conductance: dict[tuple[str, str], float] = field(default_factory=dict)
    refit_conversions: dict[str, ConversionCounts] = field(default_factory=dict)
    writes: dict[str, WriteCounts] = field(default_factory=dict)
    conversion_counts: dict[str, ConversionCounts] = field(default_factory=dict)
    clipped_inputs: float = 0.0
    saturated_outputs: float = 0.0
    outputs: dict[str, Values] = field(default_factory=dict)
    programming_sha256: str | None = None
    programmings: int = 0


def note_activity(found: ValuesOutcome, analog: AnalogNetwork) -> None:
    """Take down what the tiles of a network have done."""
    found.tile_mvms = analog.tile_mvms()
    found.conversion_counts = analog.conversion_counts()
    conversions = clipped = converted = saturated = 0
    seconds = analog.plan.chip.spec.tile.dac.time_per_lsb
    for name, layer in analog.layers.items():
        clipped, converted = clipped + layer.clipped_inputs, converted + layer.converted_inputs
        for block in layer.blocks:
            key = (block.placed.name, name)
            found.integrated_conductance[key] = block.integrated_conductance * seconds
            saturated += block.saturated_outputs
            conversions += block.conversions
            if block.placed.reader:
                continue  # the cells are another layer's
            if block.ready.reference_reads:
                found.reference_reads[key] = block.ready.reference_reads // 2
                found.reference_conductance[key] = block.ready.reference_conductance * seconds
            if block.ready.writes is not None:
                found.writes[block.placed.name] = block.ready.writes
    found.clipped_inputs = clipped / converted if converted else 0.0
    found.saturated_outputs = saturated / conversions if conversions else 0.0


def note_refit(found: ValuesOutcome, analog: AnalogNetwork, refitted: Refit | None) -> None:
    """Take down what fitting affine factors took, where there are any."""
    if refitted is not None:
        seconds = analog.plan.chip.spec.tile.dac.time_per_lsb
        found.refit_inputs = refitted.inputs
        found.refit_conversions = refitted.conversions
        found.refit_conductance = {key: amount * seconds for key, amount in refitted.conductance.items()}
