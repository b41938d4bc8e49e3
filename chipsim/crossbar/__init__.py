"""Exact noisy matrix-vector products of one crossbar, NumPy only.

The way of one block: `column_scale`, `program_block`, ``block.at_age``, `ReadPath.connect`, ``path.multiply``.
"""

from chipsim.crossbar.array import Array, ProgrammedBlock, program_block
from chipsim.crossbar.calibration import input_range, output_range
from chipsim.crossbar.compensation import Reference
from chipsim.crossbar.converter_errors import ConverterErrors
from chipsim.crossbar.converters import InputConverter, OutputConverter
from chipsim.crossbar.input_planes import InputEncoding
from chipsim.crossbar.pairs import column_scale, conductance_pair, tensor_scale
from chipsim.crossbar.plane_path import PlanePath
from chipsim.crossbar.product import Path, Product
from chipsim.crossbar.program_verify import ProgramVerify
from chipsim.crossbar.read_path import ReadPath
from chipsim.crossbar.sliced_block import SlicedArray, SlicedBlock, program_slices
from chipsim.crossbar.weight_slices import WeightSlices

__all__ = [
    "Array",
    "ConverterErrors",
    "InputConverter",
    "InputEncoding",
    "OutputConverter",
    "Path",
    "PlanePath",
    "Product",
    "ProgramVerify",
    "ProgrammedBlock",
    "ReadPath",
    "Reference",
    "SlicedArray",
    "SlicedBlock",
    "WeightSlices",
    "column_scale",
    "conductance_pair",
    "input_range",
    "output_range",
    "program_block",
    "program_slices",
    "tensor_scale",
]
