"""`ReadPath`: an array between its converters, and the exact noisy matrix-vector product.

* ``path = ReadPath.connect(array, input_converter, output_converter, slots)``
* ``path.multiply(vectors, noise_rng) -> Product`` takes real inputs;
* ``path.multiply_codes(codes, noise_rng) -> Product`` takes inputs that `InputConverter.convert` made, once for
  all blocks that share them.

``Product.values`` is about ``vectors @ weights``; partial sums of row blocks are added as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.activity import longest_pulse, row_drive
from chipsim.crossbar.array import Array
from chipsim.crossbar.conversion_cycles import CodeTally
from chipsim.crossbar.converter_errors import ConverterErrors
from chipsim.crossbar.converters import InputConverter, OutputConverter, check_finite
from chipsim.crossbar.output_steps import in_output_steps
from chipsim.crossbar.precision import exact_limit
from chipsim.crossbar.product import Product
from chipsim.crossbar.slots import Bench, calls
from chipsim.crossbar.wires_approximate import BitLineDrop
from chipsim.errors import InputError, SpecError

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class ReadPath:
    """An array with its input and output converters; make it with `connect`.

    Attributes
    ----------
    input_converter, output_converter : InputConverter, OutputConverter
        What stands before and behind the array.
    slots : int
        How many vectors each product holds.
    matrix : ndarray of float32 or float64, shape (rows, columns)
        Output steps per input code; all other arrays have its type.
    variance : ndarray, shape (rows, columns), or None
        Squared output steps per squared input code.
    scale : ndarray, shape (columns,)
        Weight units x input units per output step.
    offset : ndarray, shape (columns,), or None
        Of the output converters, in output steps; their gains are part of matrix and variance.
    gain : ndarray, shape (columns,), or None
        What outputs are multiplied with behind the products, and their variance with its square, where these are exact
        (`chipsim.crossbar.precision.exact_grid`); otherwise it is part of matrix and variance.
    drop : BitLineDrop or None
        The approximate drop along bit lines.
    noise : float
        Standard deviation of each conversion, in output steps.
    fresh_per_pulse : bool
        Fast noise is drawn anew for each pulse of a code: its variance is abs(c) V instead of (c * c) V.

    Notes
    -----
    With codes c, M the matrix, V the variance and N standard normals that are fresh per MVM and column,

        values = scale * adc(c M + offset + sqrt((c * c) V + noise^2) N),

    where * is elementwise: exactly the distribution of one fresh weight matrix per MVM.

    **Repeatable bytes.** An element of a BLAS product depends on how many vectors the call holds and on the
    vector's place among them. Every call here therefore holds ``slots`` vectors, the MVM with index k stands in
    slot k mod ``slots``, and slots without a vector are zero. Normals are drawn in MVM order for the
    MVMs alone. So any way to cut the MVMs into calls gives the same bytes, given ``first_mvm``, the same noise
    generator handed from call to call, and BLAS on one thread, which is the caller's part
    (``threadpoolctl.threadpool_limits(1, "blas")``).
    """

    input_converter: InputConverter
    output_converter: OutputConverter
    slots: int
    matrix: Floats
    variance: Floats | None
    scale: Floats
    offset: Floats | None = None
    noise: float = 0.0
    fresh_per_pulse: bool = False
    gain: Floats | None = None
    drop: BitLineDrop | None = None

    @classmethod
    def connect(
        cls, array: Array, input_converter: InputConverter, output_converter: OutputConverter, slots: int,
        errors: ConverterErrors | None = None, *, fresh_per_pulse: bool = False, exact: bool = False,
    ) -> ReadPath:  # fmt: skip
        """Put an array between converters.

        Parameters
        ----------
        array : Array
            Cells at one age.
        input_converter, output_converter : InputConverter, OutputConverter
            With ``bits=None``, a converter is left out.
        slots : int
            Vectors per BLAS call: a constant of the layer's plan, never taken from the batch. 256 suits long
            runs of MVMs, 1 to 16 single ones; beyond 512, scratch space outgrows the caches.
        errors : ConverterErrors, optional
            Of the output converters; without, they are ideal.
        fresh_per_pulse : bool
            Inputs are counts of pulses, each with fast noise of its own.
        exact : bool
            Products are exact in any order: array in float64, rounded to a grid; input converters on.

        Raises
        ------
        SpecError
            If ``slots`` is below one, or the products cannot be exact.
        """
        if slots < 1:
            raise SpecError(f"slots ({slots!r}) must be at least 1")
        largest = exact_limit(input_converter.limit, array.difference.dtype) if exact else None
        steps = input_converter.step / output_converter.step
        return cls(
            input_converter,
            output_converter,
            slots,
            scale=(output_converter.step * array.output_scale).astype(array.difference.dtype),
            fresh_per_pulse=fresh_per_pulse,
            **in_output_steps(array, steps, errors, input_converter.full_drive, largest),
        )

    @property
    def rows(self) -> int:
        """Word lines."""
        return int(self.matrix.shape[0])

    @property
    def conversions(self) -> int:
        """Output conversions of one MVM: its columns."""
        return int(self.matrix.shape[1])

    @property
    def columns(self) -> tuple[int, ...]:
        """Bit lines of its one slice."""
        return (int(self.matrix.shape[1]),)

    def compensated(self, factor: float | NDArray[np.float64]) -> ReadPath:
        """Return the same path with outputs multiplied by a factor, or one per column, in the digital periphery."""
        return replace(self, scale=self.scale * np.asarray(factor, self.scale.dtype))

    def in_steps(self) -> ReadPath:
        """Return the same path with outputs in output steps."""
        return replace(self, scale=np.ones_like(self.scale))

    def row_drive(self, codes: Floats) -> NDArray[np.float64]:
        """For how many code steps each word line is driven, over all MVMs."""
        return row_drive(codes)

    def longest_pulses(self, codes: Floats) -> NDArray[np.int32]:
        """Largest magnitude of a code, shape (mvms, 1)."""
        return longest_pulse(codes).astype(np.int32)[:, np.newaxis]

    def saturates(self, codes: Floats) -> bool:
        """Whether an output saturates with these input codes, without noise."""
        limit = self.output_converter.limit
        outputs = codes.astype(self.matrix.dtype) @ self.matrix
        if self.gain is not None:
            outputs = outputs * self.gain
        return limit is not None and float(np.abs(outputs).max(initial=0.0)) > limit

    def multiply(
        self, vectors: NDArray[np.floating[Any]], noise_rng: np.random.Generator, first_mvm: int = 0
    ) -> Product:
        """Multiply real vectors with the array.

        Parameters
        ----------
        vectors : ndarray of float, shape (mvms, rows)
            Inputs in MVM order.
        noise_rng : numpy.random.Generator
            Source of the fast noise; the next call with later MVMs must get the same generator.
        first_mvm : int
            The index of the first vector among all MVMs of this array.

        Returns
        -------
        Product
            Values in weight units x input units, and counts of clipped and saturated conversions.

        Raises
        ------
        InputError
            If the vectors have another length than the array, or are not finite.

        Examples
        --------
        >>> from chipsim.crossbar.array import program_block
        >>> from chipsim.crossbar.pairs import column_scale
        >>> from chipsim.device import get_device
        >>> from chipsim.streams import stream
        >>> weights, device = np.array([[1.0, -3.0], [2.0, 0.5]]), get_device("ideal")
        >>> scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
        >>> array = program_block(weights, scale, device, stream(1, "programming")).at_age(0.0, stream(1, "slow"))
        >>> path = ReadPath.connect(array, InputConverter(), OutputConverter(), slots=4)
        >>> path.multiply(np.array([[1.0, 1.0]]), stream(1, "fast")).values.round(3).tolist()
        [[3.0, -2.5]]
        """
        return self._run(vectors, noise_rng, first_mvm, None, raw=True)

    def multiply_codes(
        self, codes: NDArray[np.floating[Any]] | NDArray[np.integer[Any]], noise_rng: np.random.Generator,
        first_mvm: int = 0, tally: CodeTally | None = None,
    ) -> Product:  # fmt: skip
        """Multiply input codes with the array: `multiply` behind the input converter.

        Parameters
        ----------
        codes : ndarray of float32 or a small integer type, shape (mvms, rows)
            What `InputConverter.convert` returned; the clipped inputs were counted there.
        noise_rng, first_mvm
            As for `multiply`.
        tally : CodeTally, optional
            Told what the output converters give.

        Returns
        -------
        Product
            As for `multiply`, with no clipped inputs.
        """
        return self._run(codes, noise_rng, first_mvm, tally, raw=False)

    def _run(
        self, inputs: NDArray[Any], noise_rng: np.random.Generator, first_mvm: int, tally: CodeTally | None, *,
        raw: bool,
    ) -> Product:  # fmt: skip
        rows, columns = self.matrix.shape
        if inputs.ndim != 2 or inputs.shape[1] != rows:
            raise InputError(f"an array with {rows} rows cannot multiply inputs of shape {inputs.shape}")
        values = np.empty((len(inputs), columns), dtype=self.matrix.dtype)
        bench = Bench.of(self.slots, self.matrix)
        clipped = saturated = 0
        for source, place in calls(len(inputs), first_mvm, self.slots):
            clipped += self._load(inputs[source], place, bench, raw=raw)
            saturated += self._read(place, bench, noise_rng)
            if tally is not None:
                tally.add(bench.outputs[place], source, 0)
            np.multiply(bench.outputs[place], self.scale, out=values[source])
        return Product(values, clipped, saturated)

    def _load(self, inputs: NDArray[Any], place: slice, bench: Bench, *, raw: bool) -> int:
        """Put the input codes into their slots; the others are zero."""
        if place != slice(0, self.slots):
            bench.codes.fill(0)
        live = bench.codes[place]
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused below
            np.copyto(live, inputs, casting="same_kind")
        if raw:
            return self.input_converter.convert_in_place(live, bench.scratch(live))
        check_finite(live, "crossbar input codes")
        return 0

    def _read(self, place: slice, bench: Bench, noise_rng: np.random.Generator) -> int:
        """Multiply, add the fast noise and convert; return how many outputs saturated."""
        np.matmul(bench.codes, self.matrix, out=bench.outputs)
        live = bench.outputs[place]
        work = bench.scratch(live)
        if self.gain is not None:
            np.multiply(live, self.gain, out=live)
        if self.drop is not None:
            np.subtract(bench.outputs, self.drop.of_inputs(bench.codes), out=bench.outputs)
        if self.offset is not None:
            np.add(live, self.offset, out=live)
        if self.variance is not None:
            (np.abs if self.fresh_per_pulse else np.square)(bench.codes, out=bench.codes)
            np.matmul(bench.codes, self.variance, out=bench.sigma)
            if self.gain is not None:
                np.multiply(bench.sigma, np.square(self.gain), out=bench.sigma)
        if self.variance is not None or self.noise:
            self._add_noise(live, bench.sigma[place], work, noise_rng)
        return self.output_converter.convert_in_place(live, work)

    def _add_noise(self, live: Floats, sigma: Floats, work: Floats, noise_rng: np.random.Generator) -> None:
        """Add one normal per conversion, of the cells' variance in ``sigma`` and that of the converters."""
        noise_rng.standard_normal(out=work, dtype=work.dtype)
        if self.variance is None:
            np.multiply(work, work.dtype.type(self.noise), out=work)
            np.add(live, work, out=live)
            return
        if self.noise:
            np.add(sigma, sigma.dtype.type(self.noise**2), out=sigma)
        np.sqrt(sigma, out=sigma)
        np.multiply(sigma, work, out=sigma)
        np.add(live, sigma, out=live)
