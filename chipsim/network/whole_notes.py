"""`whole_notes`: parts of a network that run whole on a digital unit, with how much was counted, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import onnx

from chipsim.network.counting import Count
from chipsim.network.dataflow import Dataflow
from chipsim.network.regions import FIXED, OTHERWISE, is_region
from chipsim.network.stored_tensors import label_of

_MOST_NAMED = 5
_TURNS = "give the loop a constant number of turns, and keep its result with Where once it is done"


def whole_notes(flow: Dataflow, counts: Mapping[str, Count]) -> Iterator[str]:
    """A note for each part.

    Parameters
    ----------
    flow : Dataflow
    counts : mapping of str to Count
        By the part's domain.
    """
    for node in flow.nodes:
        if is_region(node):
            yield _note(node, counts[node.domain])
    if flow.functions and flow.batch not in (None, 1):
        yield f"the file is made for {flow.batch} inputs at once; here each of them decides alone what runs whole"


def _note(node: onnx.NodeProto, count: Count) -> str:
    what = f"{node.op_type} {label_of(node)!r} runs whole on a digital unit"
    if count.failed:
        return f"{what}; what it takes is not known, since it does not run with made-up data ({count.failed})"
    turns = ", ".join(_turns(name, turns, count) for name, turns in count.turns.items())
    counted = f"every input is counted with {turns or 'as many values as made-up data give'}"
    if not count.weighted:
        return f"{what}: {counted}"
    names = list(count.weighted)
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (
        f"{what}: {counted}; its weights are on no tiles ({', '.join(names[:_MOST_NAMED])}{more}, "
        f"{sum(count.weighted.values()):,} MACs); to map them, {_mend(node.op_type)}"
    )


def _mend(operator: str) -> str:
    return _TURNS if operator == "Loop" else FIXED.get(operator, OTHERWISE)


def _turns(name: str, turns: int, count: Count) -> str:
    why = "the most that its trip count allows" if name in count.stated else "as made-up data take"
    why = "where counting stops, and made-up data do not" if name in count.stopped else why
    return f"{turns} turn{'s' * (turns != 1)} of {name!r} ({why})"
