"""Reports on usage: the parts that days consist of, and their sums by any grouping."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal, get_args

from tenant_llm.domain.amounts import added
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import COUNTS, DayKey, DayUsage

type Dimension = Literal["model", "type", "day", "factory"]

DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension.__value__)


@dataclass(frozen=True, slots=True)
class Period:
    """What is read: both dates are included; ``models`` are addresses or names, all where there are none.

    With ``after`` it begins behind that day of that model.
    """

    since: date
    until: date
    models: frozenset[str] = field(default_factory=frozenset)
    after: DayKey | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """The smallest part of a report: a day's usage of one model as one type.

    ``model_type`` is ``None`` for what was counted before types were, ``cost`` (USD) where no price is known.
    """

    usage: DayUsage
    model_type: ModelType | None
    cost: Decimal | None = None

    def of(self, dimension: Dimension) -> str | None:
        """Where the line stands in a dimension, as text."""
        match dimension:
            case "model":
                return self.usage.address
            case "type":
                return self.model_type and self.model_type.value
            case "day":
                return self.usage.day.isoformat()
            case "factory":
                return self.usage.llm_factory


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a period, by day and model, and after which of them the next part begins; ``None`` at the end."""

    lines: list[Line]
    next: DayKey | None
    price_source: str


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of some lines.

    ``counts`` has the names of ``COUNTS``. ``cost`` is the sum of those that are known, ``None`` where none is;
    ``priced_tokens`` are the tokens of lines with a known one.
    """

    counts: Mapping[str, int]
    native: Mapping[str, float]
    cost: Decimal | None
    priced_tokens: int

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.counts["input_tokens"] + self.counts["output_tokens"]

    @property
    def estimated_share(self) -> float:
        """Which part of the tokens we estimated, 0 to 1."""
        return round(self.counts["estimated_tokens"] / self.total_tokens, 4) if self.total_tokens else 0.0

    @property
    def priced_share(self) -> float | None:
        """Which part of the tokens has a known price, 0 to 1; ``None`` without tokens."""
        return round(self.priced_tokens / self.total_tokens, 4) if self.total_tokens else None


def totals(lines: Sequence[Line]) -> Totals:
    """What the lines come to."""
    units = sorted({unit for line in lines for unit in line.usage.native})
    costs = [line.cost for line in lines if line.cost is not None]
    return Totals(
        counts={name: sum(getattr(line.usage, name) for line in lines) for name in COUNTS},
        native={unit: added(line.usage.native.get(unit, 0) for line in lines) for unit in units},
        cost=sum(costs, Decimal(0)) if costs else None,
        priced_tokens=sum(line.usage.total_tokens for line in lines if line.cost is not None),
    )


def grouped(lines: Iterable[Line], by: Sequence[Dimension]) -> list[tuple[tuple[str | None, ...], list[Line]]]:
    """The lines by where they stand in each of the dimensions, in the order of those; without a type comes first."""
    groups: dict[tuple[str | None, ...], list[Line]] = {}
    for line in lines:
        groups.setdefault(tuple(line.of(dimension) for dimension in by), []).append(line)
    return sorted(groups.items(), key=lambda group: [place or "" for place in group[0]])
