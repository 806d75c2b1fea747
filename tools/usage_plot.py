"""A plot of usage: tokens by day, stacked by group, and what a day cost; as SVG or PNG by the file's name."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from tenant_llm.domain.usage_report import Dimension, Line, grouped, totals

_SERIES = 8
_DATES = 7
_LOWEST_TOP = {"tokens": 10.0, "USD": 0.001}
_REST = "others"
# Told apart by those who see colours differently, too: https://doi.org/10.1038/nmeth.1618
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#6B4E9B")
_REST_COLOUR = "#BBBBBB"
_COST_COLOUR = "#444444"
# Names are text and no formulas; the same figures give the same file.
_STYLE: Any = {"text.parse_math": False, "svg.hashsalt": "usage", "font.size": 9, "axes.titlesize": 9}


def plot(lines: Sequence[Line], by: Sequence[Dimension], period: tuple[date, date], title: str, path: Path) -> None:
    """Write the plot; days of the period without usage are shown as such."""
    since, until = period
    days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
    costs = {day: totals(part).cost for (day,), part in grouped(lines, ("day",))}
    known = {date.fromisoformat(day): float(cost) for day, cost in costs.items() if day and cost is not None}
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10, 5.6 if known else 4.2), layout="constrained")
        if known:
            above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
            below.bar(days, [known.get(day, 0) for day in days], width=0.8, color=_COST_COLOUR)
            _dress(below, "USD")
        else:
            above = below = figure.subplots()
        _stack(above, days, series(lines, [one for one in by if one != "day"]))
        above.set_title(title, loc="left", wrap=True)
        _dress(above, "tokens")
        above.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
        above.yaxis.set_major_formatter(EngFormatter(sep=""))
        told = days[:: ceil(len(days) / _DATES)]
        below.set_xticks(told, [day.isoformat() for day in told])
        below.set_xlim(since - timedelta(days=1), until + timedelta(days=1))
        figure.savefig(path, dpi=160, metadata={"Date": None} if path.suffix == ".svg" else None)


def series(lines: Sequence[Line], by: Sequence[Dimension]) -> dict[str, Mapping[date, int]]:
    """Tokens by day of each group, the largest group first, and of all beyond the eighth together."""
    groups = grouped(lines, by or ("model",))
    groups.sort(key=lambda group: -totals(group[1]).total_tokens)
    named = {"  ".join(place or "?" for place in places): part for places, part in groups[:_SERIES]}
    rest = [line for _, part in groups[_SERIES:] for line in part]
    return {name: _by_day(part) for name, part in (named | ({_REST: rest} if rest else {})).items()}


def _by_day(lines: Sequence[Line]) -> Mapping[date, int]:
    tokens: defaultdict[date, int] = defaultdict(int)
    for line in lines:
        tokens[line.usage.day] += line.usage.total_tokens
    return tokens


def _stack(axes: Axes, days: Sequence[date], groups: Mapping[str, Mapping[date, int]]) -> None:
    floor = [0] * len(days)
    bars = []
    for tokens, colour in zip(groups.values(), (*COLOURS, _REST_COLOUR), strict=False):
        heights = [tokens.get(day, 0) for day in days]
        bars.append(axes.bar(days, heights, width=0.8, bottom=floor, color=colour))  # type: ignore[arg-type]
        floor = [below + height for below, height in zip(floor, heights, strict=True)]
    labels = [f"{name}  {sum(tokens.values()):,}" for name, tokens in groups.items()]
    if bars:
        axes.legend(bars, labels, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8)


def _dress(axes: Axes, label: str) -> None:
    axes.set_ylabel(label)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.use_sticky_edges = False
    axes.autoscale_view()
    axes.set_ylim(0, max(axes.get_ylim()[1], _LOWEST_TOP[label]))
