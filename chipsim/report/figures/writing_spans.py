"""`writing_spans`: when tiles were written between the rounds of a network larger than the chip."""

from __future__ import annotations

from chipsim.result import Records, Result


def writing_spans(result: Result, spans: Records) -> list[tuple[float, float]]:
    """Starts and ends in seconds of the writings before what is drawn; none where no tile was written in the run.

    Parameters
    ----------
    result : Result
    spans : list of dict
        Rows of the table ``pipeline``, of the chip. A writing ends where the first of its round's layers on tiles
        starts: what of a round comes before that, sending of its inputs, is much shorter.
    """
    reloading = result.data["chip"].get("reloading")
    if not reloading:
        return []
    batch = result.data["settings"]["batch"]
    number = {layer: place for place, layers in enumerate(reloading["layers"]) for layer in layers}
    starts: dict[tuple[int, int], float] = {}
    for span in spans:
        if span["layer"] in number:
            key = span["input"] // batch, number[span["layer"]]
            starts[key] = min(span["start_s"], starts.get(key, span["start_s"]))
    times = reloading["round_s"]
    return [
        (start - times[place], start)
        for (turn, place), start in sorted(starts.items())
        if times[place] is not None and (turn, place) != (0, 0)  # the first one is loading, before the run
    ]
