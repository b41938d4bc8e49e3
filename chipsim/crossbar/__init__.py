"""Exact noisy matrix-vector products of one crossbar, NumPy only.

The way of one block: `column_scale`, `program_block`, ``block.at_age``, `ReadPath.connect`, ``path.multiply``.
"""

from chipsim.crossbar.array import Array, ProgrammedBlock, program_block
from chipsim.crossbar.calibration import input_range, output_range
from chipsim.crossbar.compensation import Reference
from chipsim.crossbar.converter_errors import ConverterErrors
from chipsim.crossbar.converters import InputConverter, OutputConverter
from chipsim.crossbar.pairs import column_scale, conductance_pair, tensor_scale
from chipsim.crossbar.read_path import Product, ReadPath

__all__ = [
    "Array",
    "ConverterErrors",
    "InputConverter",
    "OutputConverter",
    "Product",
    "ProgrammedBlock",
    "ReadPath",
    "Reference",
    "column_scale",
    "conductance_pair",
    "input_range",
    "output_range",
    "program_block",
    "tensor_scale",
]
