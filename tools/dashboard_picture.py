"""``python -m tools.dashboard_picture``: draws docs/dashboard.svg from the dashboard's definition.

Places, titles, legends and units are the definition's; the curves are made up and say nothing. A test fails when the
picture is of another definition.
"""

import json
import re
import sys
from collections.abc import Iterator
from hashlib import sha256
from itertools import cycle
from math import pi, sin
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tools.dashboard import STACK, widgets
from tools.usage_plot import COLOURS

PICTURE = Path(__file__).parent.parent / "docs" / "dashboard.svg"
_COLUMNS = 24
_INCHES = (0.58, 0.46)  # of a column, of a row
_HEAD = 0.5  # inches above the widgets
_POINTS = 25
_LEGEND_LINE = 0.135
_LEVELS = {"p50": 0.3, "p95": 0.62, "p99": 0.85}
_RARE = ("settlements", "errors", "invocations", "events", "conflicts")  # units of what mostly does not happen
_PAIRS = ("chat OpenAI", "chat Anthropic", "embedding Jina", "rerank Cohere", "speech2text Groq")
_STYLE: Any = {
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "dashboard",
    "font.family": "sans-serif",
    "font.size": 6.5,
}


def definition_hash() -> str:
    """Of what is drawn and of what draws it."""
    return sha256(json.dumps(widgets()).encode() + Path(__file__).read_bytes()).hexdigest()


def draw(path: Path) -> None:
    """Write the picture."""
    parts = widgets()
    rows = max(part["y"] + part["height"] for part in parts)
    width, height = _COLUMNS * _INCHES[0], rows * _INCHES[1] + _HEAD
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), facecolor="#F2F3F3")
        told = (
            f"Dashboard {STACK}: places, titles, legends and units as defined; the curves are schematic, not measured"
        )
        figure.text(0.01, 1 - _HEAD / 2 / height, told, va="center", fontsize=11, weight="bold")
        for part in parts:
            left, top = part["x"] * _INCHES[0], _HEAD + part["y"] * _INCHES[1]
            wide, high = part["width"] * _INCHES[0], part["height"] * _INCHES[1]
            place = (left + 0.05, height - top - high + 0.05, wide - 0.1, high - 0.1)
            _card(figure, part["properties"]["title"], place)
            draw_widget = _alarms if part["type"] == "alarm" else _curves
            draw_widget(figure, part["properties"], place)
        figure.savefig(path, metadata={"Date": None, "Description": definition_hash()})


def labels(properties: dict[str, Any]) -> list[tuple[str, bool]]:
    """The legend of a widget of curves, and whether each belongs to the axis on the right."""
    return [line for metric in properties["metrics"] for line in _lines(metric)]


def _lines(metric: list[Any]) -> Iterator[tuple[str, bool]]:
    options = metric[-1] if isinstance(metric[-1], dict) else {}
    if options.get("visible") is False:
        return
    expression = options.get("expression", "")
    if "FunctionName=(" in expression:
        found = re.findall(rf'"{STACK}-([^"]+)"', expression)
    else:
        found = [*_PAIRS] if expression.startswith("SEARCH(") else [options["label"]]
    yield from ((label, options.get("yAxis") == "right") for label in found)


def _card(figure: Figure, title: str, place: tuple[float, float, float, float]) -> None:
    *_, wide, high = place
    whole = figure.add_axes(_relative(figure, place))
    whole.axis("off")
    whole.add_patch(Rectangle((0, 0), 1, 1, facecolor="white", edgecolor="#D5DBDB", transform=whole.transAxes))
    whole.text(0.09 / wide, 1 - 0.16 / high, title, va="center", fontsize=8.5, weight="bold")


def _alarms(figure: Figure, properties: dict[str, Any], place: tuple[float, float, float, float]) -> None:
    left, bottom, wide, high = place
    axes = figure.add_axes(_relative(figure, (left + 0.1, bottom + 0.1, wide - 0.2, high - 0.45)))
    axes.axis("off")
    names = [arn.rpartition(":")[2].removeprefix(f"{STACK}-") for arn in properties["alarms"]]
    across = 7
    down = -(-len(names) // across)
    for number, name in enumerate(names):
        x, y = number % across / across, 1 - (number // across + 1) / down
        box = Rectangle((x, y), 0.97 / across, 0.85 / down, facecolor="#EAF6ED", edgecolor="#1D8102", linewidth=0.6)
        axes.add_patch(box)
        axes.text(x + 0.05 / across, y + 0.425 / down, f"OK  {name}", va="center", fontsize=7.5, color="#16450A")


def _curves(figure: Figure, properties: dict[str, Any], place: tuple[float, float, float, float]) -> None:
    left, bottom, wide, high = place
    legend = labels(properties)
    columns = 3 if len(legend) > 5 else 2
    below = 0.24 + _LEGEND_LINE * -(-len(legend) // columns)
    axes = figure.add_axes(_relative(figure, (left + 0.3, bottom + below, wide - 0.6, high - below - 0.4)))
    handles = []
    draw_curve = _spikes if properties["yAxis"]["left"]["label"] in _RARE else _day
    for (label, on_the_right), colour in zip(legend, cycle(COLOURS), strict=False):
        curve = draw_curve(properties["title"] + label, _LEVELS.get(label[:3]))
        handles += axes.plot(range(_POINTS), curve, "--" if on_the_right else "-", color=colour, linewidth=0.9)
    axes.set_ylim(0, 1.05)
    axes.set_xlim(0, _POINTS - 1)
    axes.set_xticks([0, 8, 16, 24], ["00:00", "08:00", "16:00", "24:00"], fontsize=5.5)
    axes.set_yticks([0.5, 1], ["", ""])
    axes.tick_params(length=0, pad=2)
    axes.grid(axis="y", color="#EAEDED", linewidth=0.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    for place_of_axis, x in (("left", 0.0), ("right", 1.0)):
        unit = properties["yAxis"].get(place_of_axis, {}).get("label", "")
        axes.text(x, 1.04, unit, transform=axes.transAxes, ha=place_of_axis, fontsize=6, color="#687078")
    figure.legend(
        handles,
        [label for label, _ in legend],
        loc="lower left",
        bbox_to_anchor=_relative(figure, (left + 0.24, bottom + 0.02, wide - 0.3, below)),
        ncols=columns,
        frameon=False,
        fontsize=6,
        handlelength=1.2,
        borderpad=0.1,
        labelspacing=0.25,
        columnspacing=2.5,
    )


def _day(seed: str, level: float | None) -> list[float]:
    """A day with its noon, the same for the same seed."""
    first, *waves = _random(seed)
    steps = [number / (_POINTS - 1) for number in range(_POINTS)]
    day = [0.35 + 0.65 * sin(pi * step) ** 2 for step in steps]
    noise = [sum(sin(2 * pi * (step * (3 + 2 * n) + wave)) for n, wave in enumerate(waves[:6])) / 50 for step in steps]
    height = level or 0.15 + 0.75 * first
    return [round(max(0.0, height * (one + more)), 3) for one, more in zip(day, noise, strict=True)]


def _spikes(seed: str, level: float | None) -> list[float]:
    """Zero, but for two moments."""
    first, second, high, low, *_ = _random(seed)
    values = {int(first * (_POINTS - 1)): level or 0.2 + 0.7 * high, int(second * (_POINTS - 1)): 0.1 + 0.2 * low}
    return [round(values.get(number, 0.0), 3) for number in range(_POINTS)]


def _random(seed: str) -> list[float]:
    return [byte / 255 for byte in sha256(seed.encode()).digest()]


def _relative(figure: Figure, place: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    width, height = figure.get_size_inches()
    left, bottom, wide, high = place
    return left / width, bottom / height, wide / width, high / height


def main(arguments: list[str]) -> int:
    """Draw the picture, or with ``--check`` tell by the exit code whether it is stale."""
    if arguments == ["--check"]:
        return int(definition_hash() not in PICTURE.read_text(encoding="utf-8"))
    draw(PICTURE)
    print(f"wrote {PICTURE.name}, {PICTURE.stat().st_size // 1024} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
