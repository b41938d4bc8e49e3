"""Tables for the terminal: `result_table`, `several_table`, `plan_table`, `digital_table` and `file_table`."""

from __future__ import annotations

from chipsim.report.digital_rows import digital_table
from chipsim.report.file_list import file_table
from chipsim.report.plan_rows import plan_table
from chipsim.report.several import several_table
from chipsim.report.summary import result_table

__all__ = ["digital_table", "file_table", "plan_table", "result_table", "several_table"]
