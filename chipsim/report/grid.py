"""How every table looks: no frame, one line under the head, nothing ever cut off."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text

_LONGEST_WHOLE = 30
"""Characters; longer names wrap."""


def new_table(title: str = "", *, show_head: bool = True, footer: bool = False) -> Table:
    """An empty table in the common style.

    Parameters
    ----------
    title : str
        Taken literally, not as rich's markup.
    show_head, footer : bool
    """
    return Table(
        title=Text(title, style="bold") if title else None, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False,
        pad_edge=False, padding=(0, 0, 0, 1), show_header=show_head, show_footer=footer, header_style="bold",
    )  # fmt: skip


def add_column(table: Table, head: str, *, right: bool = False, footer: str = "", wrap: bool = True) -> None:
    """A column that wraps where there is no room (unless others are to do so), and never ends in an ellipsis."""
    table.add_column(
        Text(head), justify="right" if right else "left", overflow="fold", footer=Text(footer, style="bold"),
        no_wrap=not wrap,
    )  # fmt: skip


def keep_names(table: Table, columns: int = 1) -> None:
    """Let the first columns of a filled table wrap only where names are very long; others give way.

    Parameters
    ----------
    table : Table
    columns : int
        How many.
    """
    for column in table.columns[:columns]:
        longest = max((len(str(cell)) for cell in column.cells), default=0)
        column.no_wrap = column.no_wrap or longest <= _LONGEST_WHOLE
