"""`shorten`, `shorten_all`: names in the room that a figure has for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from matplotlib.font_manager import findfont, get_font


def shorten(name: str, most: int) -> str:
    """A name in at most so many characters, its beginning and end kept; what the font lacks becomes ``?``.

    Examples
    --------
    >>> shorten("stage1/block2/convolution", 13)
    'stage1…lution'
    """
    drawn = _drawn(name)
    return drawn if len(drawn) <= most else _cut(drawn, max(1, most // 2), most)


def shorten_all(names: Sequence[str], most: int) -> list[str]:
    """Names in at most so many characters that stay different: cut elsewhere, or else numbered, where they would not.

    Parameters
    ----------
    names : sequence of str
        All different.
    most : int
        At least 8.

    Examples
    --------
    >>> shorten_all(["long_lstm_14/forward/recurrent", "long_lstm_14/backward/recurrent", "stem"], 20)
    ['…4/forward/recurrent', '…/backward/recurrent', 'stem']
    """
    found = {name: shorten(name, most) for name in names}
    counts = Counter(found.values())
    alike = [name for name, text in found.items() if counts[text] > 1]
    taken = {text for name, text in found.items() if name not in alike}
    found |= dict(zip(alike, _apart(alike, taken, most), strict=True))
    return [found[name] for name in names]


def _apart(names: Sequence[str], taken: set[str], most: int) -> list[str]:
    """Different texts, none of them taken: the ends of names, or else cut as near to the middle as that allows."""
    drawn = [_drawn(name) for name in names]
    for begin in (0, *sorted(range(1, most), key=lambda place: abs(place - most // 2))):
        cut = [_cut(name, begin, most) for name in drawn]
        if len(set(cut)) == len(cut) and not taken.intersection(cut):
            return cut
    return [f"{shorten(name, most - 4)} #{number}" for number, name in enumerate(names, 1)]


def _cut(drawn: str, begin: int, most: int) -> str:
    """So many letters of the beginning, and as many of the end as there is room for."""
    if len(drawn) <= most:
        return drawn
    end = max(0, most - 1 - begin)
    return f"{drawn[:begin]}…{drawn[len(drawn) - end :] if end else ''}"


def _drawn(name: str) -> str:
    font = get_font(findfont("DejaVu Sans"))
    return "".join(letter if font.get_char_index(ord(letter)) else "?" for letter in name)
