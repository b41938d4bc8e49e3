"""`draw_energy`: the joules of an input, machine beside machine, by what they were spent on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import floor, log10

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from chipsim.report.figures.canvas import GREY, HUES, PALE, add_title, new_figure, unit_of
from chipsim.report.figures.letters import shorten
from chipsim.report.metrics import percent
from chipsim.result import Result
from chipsim.units import human

_ROLES = {
    "computing": ("tile", "neuron unit", "digital unit", "compute", "vector_unit"),
    "memories": ("tile buffer", "digital buffer", "neuron buffer", "global memory", "memory", "on_chip_memory", "dram"),
    "moving data": ("link", "router", "host"),
    "control": ("control unit",),
    "writing tiles": ("programming",),
    "other": (),
    "drift compensation": (),
    "static power": (),
}
_COLOURS = dict(zip(_ROLES, (HUES[0], HUES[1], HUES[2], HUES[5], HUES[6], HUES[4], HUES[3], "#c4c4c0"), strict=True))
_COMPENSATION = ("reference ", "refit ")  # with which the names of its actions begin (docs/result.md)
_DECADES = 7


@dataclass(frozen=True, slots=True)
class Part:
    """Joules per input of one kind of component, or of drift compensation in all of them."""

    label: str
    role: str
    joules: float


@dataclass(frozen=True, slots=True)
class Budget:
    """All parts of one machine, the largest first."""

    name: str
    parts: list[Part]
    free: list[str]

    @property
    def joules(self) -> float:
        """Their sum."""
        return sum(part.joules for part in self.parts)


def draw_energy(result: Result) -> Figure | None:
    """Draw totals on a common linear axis, and below every kind of component on a common logarithmic one.

    Parameters
    ----------
    result : Result

    Returns
    -------
    Figure or None
        None where nothing costs energy.
    """
    budgets = [budget for machine in ("chip", "baseline") if (budget := _budget(result, machine)).parts]
    if not budgets:
        return None
    rows = [len(budget.parts) for budget in budgets]
    heights = [0.42 * len(budgets) + 0.35, *(0.27 * count + 0.25 for count in rows)]
    figure = new_figure(9.0, sum(heights) + 0.55 * len(budgets) + 1.9)
    axes = figure.subplots(1 + len(budgets), 1, squeeze=False, height_ratios=heights)[:, 0]
    _draw_totals(axes[0], budgets)
    for below, budget in zip(axes[1:], budgets, strict=True):
        _draw_parts(below, budget, _limits(budgets))
    axes[-1].set_xlabel("energy per input (logarithmic)")
    roles = [role for role in _ROLES if any(part.role == role for budget in budgets for part in budget.parts)]
    figure.legend(handles=[Patch(facecolor=_COLOURS[role], hatch=_hatch(role), edgecolor="white", label=role)
                           for role in roles], loc="outside lower center", ncols=len(roles))  # fmt: skip
    several = ", mean of all networks" if "networks" in result.data else ""
    add_title(figure, f"Where the energy of an input goes{several}", result, 92)
    return figure


def _budget(result: Result, machine: str) -> Budget:
    rows = [row for row in result.tables.get("ledger", []) if row["machine"] == machine]
    sums: defaultdict[tuple[str, str], float] = defaultdict(float)
    for row in rows:
        sums[_label_and_role(row["kind"], row["action"])] += row["energy_j"]
    inputs = result.data["settings"]["inputs"]
    parts = [Part(label, role, joules / inputs) for (label, role), joules in sums.items() if joules > 0]
    paid = {row["kind"] for row in rows if row["energy_j"] > 0}
    free = sorted({_words(row["kind"]) for row in rows if row["kind"] not in paid})
    name = f"{shorten(result.data[machine]['name'], 40)} ({machine})" if rows else machine
    return Budget(name, sorted(parts, key=lambda part: (-part.joules, part.label)), free)


def _label_and_role(kind: str, action: str) -> tuple[str, str]:
    if action.startswith(_COMPENSATION):
        return "drift compensation, once", "drift compensation"
    if action == "static":
        return f"{_words(kind)}, static", "static power"
    return _words(kind), _role(kind)


def _words(kind: str) -> str:
    return kind.replace("on_chip", "on-chip").replace("_", " ").replace("dram", "DRAM")


def _role(kind: str) -> str:
    return next((role for role, kinds in _ROLES.items() if kind in kinds), "other")


def _hatch(role: str) -> str:
    return "////" if role == "static power" else ""


def _draw_totals(axes: Axes, budgets: list[Budget]) -> None:
    """One stacked bar per machine, on an axis that starts at zero."""
    most = max(budget.joules for budget in budgets)
    scale, unit = unit_of(most, "J")
    for place, budget in enumerate(budgets):
        left = 0.0
        for role in _ROLES:
            width = sum(part.joules for part in budget.parts if part.role == role) / scale
            if width:
                axes.barh(
                    place, width, left=left, height=0.62, color=_COLOURS[role], hatch=_hatch(role), edgecolor="white",
                    linewidth=0.4,
                )  # fmt: skip
            left += width
        axes.text(left + 0.01 * most / scale, place, human(budget.joules, "J"), va="center", fontweight="bold")
    axes.set_yticks(range(len(budgets)), [budget.name for budget in budgets])
    axes.set_ylim(len(budgets) - 0.5, -0.5)
    axes.set_xlim(0, 1.15 * most / scale)
    axes.set_xlabel(f"energy per input ({unit})")
    axes.grid(axis="x")


def _limits(budgets: list[Budget]) -> tuple[float, float]:
    """Whole decades around everything, but not more than a few below the largest."""
    joules = [part.joules for budget in budgets for part in budget.parts]
    top = floor(log10(max(joules))) + 1
    bottom = max(floor(log10(min(joules))), top - _DECADES)
    return 10.0**bottom, 10.0**top


def _draw_parts(axes: Axes, budget: Budget, limits: tuple[float, float]) -> None:
    low, high = limits
    for row, part in enumerate(budget.parts):
        at = max(part.joules, low)
        axes.plot([low, at], [row, row], color=PALE, linewidth=2.5, solid_capstyle="butt", zorder=1)
        axes.plot(at, row, "o" if part.joules >= low else "<", color=_COLOURS[part.role], markersize=7, clip_on=False,
                  markeredgecolor=GREY, markeredgewidth=0.4)  # fmt: skip
        axes.annotate(
            f"{human(part.joules, 'J')}  ({percent(part.joules / budget.joules)})", (at, row), (9, 0),
            textcoords="offset points", va="center", fontsize=8,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(low, high * (high / low) ** 0.28)
    ticks = [10.0**power for power in range(round(log10(low)), round(log10(high)) + 1)]
    axes.set_xticks(ticks, [human(tick, "J") for tick in ticks])
    axes.set_yticks(range(len(budget.parts)), [part.label for part in budget.parts])
    axes.set_ylim(len(budget.parts) - 0.4, -0.6)
    axes.minorticks_off()
    axes.grid(axis="x")
    free = f"; no energy of their own: {', '.join(budget.free)}" if budget.free else ""
    axes.set_title(f"{budget.name}{free}", loc="left", fontsize=9)
